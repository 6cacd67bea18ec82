package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"sluice/test/rig"
)

// probe is one look at a gateway's health.
type probe struct {
	during string
	took   time.Duration
	ok     bool
}

// probe asks for liveness and metrics ten times a second until the returned function is called.
func (d *drill) probe(during string, g *rig.Gateway) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	var found []probe
	look := func(addr, path string) {
		begun := time.Now()
		status, _, err := rig.Get(addr, path)
		mu.Lock()
		defer mu.Unlock()
		found = append(found, probe{during, time.Since(begun), err == nil && status == http.StatusOK})
	}
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		defer wg.Wait()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case <-tick.C:
				wg.Go(func() { look(g.Predict, "/v2/health/live") })
				if n%10 == 0 {
					wg.Go(func() { look(g.Admin, "/metrics") })
				}
			}
		}
	}()
	return func() {
		close(over)
		<-done
		d.probes = append(d.probes, found...)
	}
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
		byPart[p.during] = append(byPart[p.during], p)
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
			took = append(took, p.took)
			if !p.ok {
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
