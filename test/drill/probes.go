package main

import (
	"encoding/json"
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
func (d *drill) probe(during string, g *rig.Gateway) (stop func() error, err error) {
	cmd := exec.Command(d.self, "-probe", g.Predict+","+g.Admin)
	until, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p, err := rig.Spawn(cmd)
	if err != nil {
		return nil, err
	}
	return func() error {
		_ = until.Close()
		if err := p.Wait(); err != nil {
			return fmt.Errorf("the probes failed: %w\n%s", err, p.Log())
		}
		var found []probe
		if err := json.Unmarshal([]byte(p.Stdout()), &found); err != nil {
			return fmt.Errorf("the probes' report: %w", err)
		}
		for _, f := range found {
			f.During = during
			d.probes = append(d.probes, f)
		}
		return nil
	}, nil
}

// probeUntil asks ten times a second for liveness, and each second for metrics, on a new connection
// each time, until r ends. It writes what it found.
func probeUntil(r io.Reader, w io.Writer, predict, admin string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	var mu sync.Mutex
	var found []probe
	look := func(url string) {
		begun := time.Now()
		res, err := client.Get(url)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		mu.Lock()
		defer mu.Unlock()
		found = append(found, probe{Took: time.Since(begun), OK: err == nil && res.StatusCode == http.StatusOK})
	}
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, r)
		close(over)
	}()
	var wg sync.WaitGroup
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-over:
			wg.Wait()
			return json.NewEncoder(w).Encode(found)
		case <-tick.C:
			wg.Go(func() { look("http://" + predict + "/v2/health/live") })
			if n%10 == 0 {
				wg.Go(func() { look("http://" + admin + "/metrics") })
			}
		}
	}
}

// asProbe is this program as the process that probes.
func asProbe(addresses string) error {
	predict, admin, _ := strings.Cut(addresses, ",")
	return probeUntil(os.Stdin, os.Stdout, predict, admin)
}

// probesWithin is what P15 allows.
const probesWithin = 50 * time.Millisecond

// health is P15.
func (d *drill) health() (v verdict, err error) {
	if len(d.probes) == 0 {
		return v, fmt.Errorf("no probes were made: run it together with P4, P6, P11 and P12")
	}
	byPart := map[string][]probe{}
	for _, p := range d.probes {
		byPart[p.During] = append(byPart[p.During], p)
	}
	v.held = true
	for _, part := range []string{"P4", "P6", "P11", "P12"} {
		all := byPart[part]
		if len(all) == 0 {
			continue
		}
		var took []time.Duration
		failed := 0
		for _, p := range all {
			took = append(took, p.Took)
			if !p.OK {
				failed++
			}
		}
		slices.Sort(took)
		tail := took[len(took)*99/100]
		v.held = v.held && failed == 0 && tail <= probesWithin
		v.figure += fmt.Sprintf("%s: %d probes, %d failed, p99 %s; ", part, len(all), failed, ms(tail))
	}
	return v, nil
}
