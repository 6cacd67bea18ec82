package engine

import (
	"time"
)

// plan is what is to be sent when: the arrivals of an open loop, or the workers of a closed one.
type plan struct {
	arrivals []Arrival
	at       int // the next one

	closed  *Closed
	ready   []time.Duration // of workers that may send, a heap by instant
	turn    int             // of the payloads
	payload int             // how many there are
}

func newPlan(o *Options) plan {
	p := plan{arrivals: o.Arrivals, closed: o.Closed, payload: len(o.Targets[0].Payloads)}
	if p.closed != nil {
		p.ready = make([]time.Duration, p.closed.Workers)
	}
	return p
}

// room is for how many requests memory is needed.
func (p *plan) room() int {
	if p.closed == nil {
		return len(p.arrivals)
	}
	return min(mostSamples, int(p.closed.Length.Seconds()*closedRate)+p.closed.Workers+1)
}

// due takes an arrival whose instant has come.
func (p *plan) due(since time.Duration) (Arrival, bool) {
	if p.closed != nil {
		return p.dueClosed(since)
	}
	if p.at == len(p.arrivals) || p.arrivals[p.at].At > since {
		return Arrival{}, false
	}
	p.at++
	return p.arrivals[p.at-1], true
}

func (p *plan) dueClosed(since time.Duration) (Arrival, bool) {
	if len(p.ready) == 0 || p.ready[0] > since || p.ready[0] >= p.closed.Length {
		return Arrival{}, false
	}
	a := Arrival{At: p.pop()}
	if p.closed.Variant != nil {
		a.Variant = p.closed.Variant()
	} else {
		a.Variant = uint16(p.turn % p.payload)
		p.turn++
	}
	return a, true
}

// next is the instant of the next arrival; false if there is none, or none before an answer comes.
func (p *plan) next() (time.Duration, bool) {
	if p.closed != nil {
		if len(p.ready) == 0 || p.ready[0] >= p.closed.Length {
			return 0, false
		}
		return p.ready[0], true
	}
	if p.at == len(p.arrivals) {
		return 0, false
	}
	return p.arrivals[p.at].At, true
}

// gap is the mean distance of the arrivals that come next.
func (p *plan) gap() time.Duration {
	const ahead = 16
	if p.closed != nil || p.at+ahead >= len(p.arrivals) {
		return 0
	}
	return (p.arrivals[p.at+ahead].At - p.arrivals[p.at].At) / ahead
}

// ended tells a closed loop that a worker is free again.
func (p *plan) ended(since time.Duration) {
	if p.closed == nil {
		return
	}
	at := since
	if p.closed.Think != nil {
		at += p.closed.Think()
	}
	p.push(at)
}

// push and pop keep the heap; instants alone are kept, for workers are all alike.
func (p *plan) push(at time.Duration) {
	h := append(p.ready, at)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= h[i] {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	p.ready = h
}

func (p *plan) pop() time.Duration {
	h := p.ready
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down+1 < len(h) && h[down+1] < h[down] {
			down++
		}
		if down >= len(h) || h[i] <= h[down] {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	p.ready = h
	return first
}
