package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/test/rig"
)

// probe is one look at a gateway's health.
type probe struct {
	During string
	Took   time.Duration
	OK     bool
}

// probe asks for liveness and metrics until the returned function is called. A process of its own does
// so, as an orchestrator would: in this one a look would wait behind thousands of clients.
func (t *trial) probe(during string, g *rig.Gateway) (stop func()) {
	cmd := exec.Command(t.self, "-probe", g.Predict+","+g.Admin)
	until, err := cmd.StdinPipe()
	t.must(err)
	p, err := rig.Spawn(cmd)
	t.must(err)
	t.after(p.End)
	return func() {
		_ = until.Close()
		if err := p.Wait(); err != nil {
			t.must(fmt.Errorf("the probes failed: %w\n%s", err, p.Log()))
		}
		var found []probe
		t.must(json.Unmarshal([]byte(p.Stdout()), &found))
		for _, f := range found {
			f.During = during
			t.probes = append(t.probes, f)
		}
	}
}

// asProbe is this program as the process that probes. It asks ten times a second for liveness, and
// each second for metrics, on a new connection each time, until its input ends, and writes what it found.
func asProbe(addresses string) error {
	predict, admin, _ := strings.Cut(addresses, ",")
	var mu sync.Mutex
	var found []probe
	look := func(addr, path string) {
		begun := time.Now()
		status, _, err := rig.Get(addr, path)
		mu.Lock()
		defer mu.Unlock()
		found = append(found, probe{Took: time.Since(begun), OK: err == nil && status == http.StatusOK})
	}
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	var wg sync.WaitGroup
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-over:
			wg.Wait()
			return json.NewEncoder(os.Stdout).Encode(found)
		case <-tick.C:
			wg.Go(func() { look(predict, "/v2/health/live") })
			if n%10 == 0 {
				wg.Go(func() { look(admin, "/metrics") })
			}
		}
	}
}

// probesWithin is what P15 allows.
const probesWithin = 50 * time.Millisecond

// health is P15.
func (t *trial) health() (v verdict) {
	if len(t.probes) == 0 {
		t.must(errors.New("no probes were made: run it together with P4, P6, P11 and P12"))
	}
	v.held = true
	for _, part := range []string{"P4", "P6", "P11", "P12"} {
		var took []time.Duration
		failed := 0
		for _, p := range t.probes {
			if p.During != part {
				continue
			}
			took = append(took, p.Took)
			if !p.OK {
				failed++
			}
		}
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		tail := took[len(took)*99/100]
		v.held = v.held && failed == 0 && tail <= probesWithin
		v.figure += fmt.Sprintf("%s: %d probes, %d failed, p99 %s; ", part, len(took), failed, ms(tail))
	}
	return v
}
