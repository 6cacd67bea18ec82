package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sluice/test/rig"
)

// crashes is P16.
func (d *drill) crashes() (v verdict, err error) {
	questions, err := rowsOf(time.Second, "digits", "eta", "ranker")
	if err != nil {
		return v, err
	}
	var mu sync.Mutex
	g, err := d.serve("--models", examples)
	if err != nil {
		return v, err
	}
	current := func() *rig.Gateway {
		mu.Lock()
		defer mu.Unlock()
		return g
	}
	defer func() { current().End() }()
	t := &rig.Traffic{Addr: func() string { return current().Predict }, Rate: 500, Pick: anyOf(questions)}
	rng := rand.New(rand.NewPCG(16, 16))
	type outage struct{ from, to time.Duration }
	var outages []outage
	records, err := under(t, func(since func() time.Duration) error {
		for range times(5) {
			time.Sleep(time.Duration(500+rng.IntN(1000)) * time.Millisecond)
			down := since()
			current().End()
			next, err := d.serve("--models", examples)
			if err != nil {
				return err
			}
			mu.Lock()
			g = next
			mu.Unlock()
			outages = append(outages, outage{down, since()})
		}
		return nil
	})
	if err != nil {
		return v, err
	}
	// What was sent before a kill and not answered was in flight; between it and the next readiness nothing listens.
	inFlight, elsewhere, slowest := 0, 0, time.Duration(0)
	for _, o := range outages {
		slowest = max(slowest, o.to-o.from)
	}
	for i := range records {
		r := &records[i]
		if r.Outcome != rig.Lost && r.Outcome != rig.Refused {
			continue
		}
		during := false
		for _, o := range outages {
			during = during || r.Due+r.Took >= o.from && r.Due <= o.to
		}
		switch {
		case !during:
			elsewhere++
		case r.Outcome == rig.Lost:
			inFlight++
		}
	}
	s := rig.Tally(records, 0, rig.All, nil)
	v.held = s.Wrong+s.Odd == 0 && elsewhere == 0
	v.figure = fmt.Sprintf("%d kills: ready again after at most %s (four models); %d requests lost in flight, %d at other times, %d wrong", len(outages), ms(slowest), inFlight, elsewhere, s.Wrong)
	return v, nil
}
