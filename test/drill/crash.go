package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"sluice/test/rig"
)

// crashes is P16.
func (t *trial) crashes() (v verdict) {
	questions := t.rowsOf(time.Second, "digits", "eta", "ranker")
	var current atomic.Pointer[rig.Gateway]
	current.Store(t.serve("--models", examples))
	traffic := &rig.Traffic{Addr: func() string { return current.Load().Predict }, Rate: 500, Pick: anyOf(questions)}
	rng := rand.New(rand.NewPCG(16, 16))
	type outage struct{ from, to time.Duration }
	var outages []outage
	records := under(traffic, func(since func() time.Duration) {
		for range times(5) {
			time.Sleep(time.Duration(500+rng.IntN(1000)) * time.Millisecond)
			down := since()
			current.Load().End()
			current.Store(t.serve("--models", examples))
			outages = append(outages, outage{down, since()})
		}
	})
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
		during := slices.ContainsFunc(outages, func(o outage) bool { return r.Due+r.Took >= o.from && r.Due <= o.to })
		switch {
		case !during:
			elsewhere++
		case r.Outcome == rig.Lost:
			inFlight++
		}
	}
	s := total(records)
	v.held = s.Wrong+s.Odd == 0 && elsewhere == 0
	v.figure = fmt.Sprintf("%d kills: ready again after at most %s (four models); %d requests lost in flight, %d at other times, %d wrong", len(outages), ms(slowest), inFlight, elsewhere, s.Wrong)
	return v
}
