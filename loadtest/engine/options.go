package engine

import (
	"errors"
	"fmt"
	"time"
)

// Options of a run.
type Options struct {
	Targets []Target
	// Arrivals is the plan of an open loop, sorted by instant.
	Arrivals []Arrival
	// Closed is a closed loop instead.
	Closed *Closed
	// Connections are opened to each target at most; 0 opens as many as are needed, up to MaxConnections.
	Connections int
	// Timeout is the patience with a request, from its intended instant; 0 is 10 s.
	Timeout time.Duration
	// Identity is the upper half of every request's identity, so that an answer of another run is
	// not taken for one of this.
	Identity uint32
	// CPU is the core to stay on, from 0; below 0 any.
	CPU int
	// RealTime asks for the lowest real-time priority instead of a better niceness.
	RealTime bool
	// NoSpin sleeps until each request's instant. Without it the engine looks at the clock before
	// it, so as to be in time: that takes from a target on the same cores what it measures.
	NoSpin bool
	// Gather is how long the engine sleeps on beyond an arrival where arrivals are close together,
	// and so how much later one is sent at most: what falls due meanwhile goes out at once, and
	// one sleep does for several. 0 is DefaultGather, below 0 is not at all.
	Gather time.Duration
}

// Closed is a closed loop: workers that each send, wait for the answer, think, and send again.
type Closed struct {
	Workers int
	// Length is how long they begin requests.
	Length time.Duration
	// Think draws the pause after an answer; nil is none.
	Think func() time.Duration
	// Variant draws what is sent next; nil sends the target's payloads in turn.
	Variant func() uint16
}

const (
	// MaxConnections is the limit where none is asked for.
	MaxConnections = 4096
	// DefaultGather is where nothing else is asked for.
	DefaultGather = 60 * time.Microsecond
	// MostGather is the limit: a run is long INVALID before.
	MostGather     = time.Millisecond
	defaultTimeout = 10 * time.Second
	// mostSamples bounds the memory of a closed loop, whose length in requests nobody knows.
	mostSamples = 50_000_000
	// closedRate is how many requests a second a closed loop has samples for.
	closedRate = 200_000
)

func (o *Options) check() error {
	if len(o.Targets) == 0 || len(o.Targets) > 256 {
		return fmt.Errorf("%d targets are not between 1 and 256", len(o.Targets))
	}
	for i, t := range o.Targets {
		if len(t.Payloads) == 0 {
			return fmt.Errorf("target %d has no payload", i)
		}
		for k, p := range t.Payloads {
			if p.ID >= 0 && p.ID+IDLength > len(p.Bytes) {
				return fmt.Errorf("payload %d of target %d has no place for its identity at byte %d", k, i, p.ID)
			}
		}
	}
	if (o.Closed == nil) == (len(o.Arrivals) == 0) {
		return errors.New("a run has either arrivals or a closed loop")
	}
	if o.Gather > MostGather {
		return fmt.Errorf("gathering for %v is more than %v", o.Gather, MostGather)
	}
	if o.Connections < 0 {
		return fmt.Errorf("%d connections are less than none", o.Connections)
	}
	last := time.Duration(0)
	for i, a := range o.Arrivals {
		switch {
		case int(a.Target) >= len(o.Targets):
			return fmt.Errorf("arrival %d goes to target %d of %d", i, a.Target, len(o.Targets))
		case int(a.Variant) >= len(o.Targets[a.Target].Payloads):
			return fmt.Errorf("arrival %d sends payload %d of %d", i, a.Variant, len(o.Targets[a.Target].Payloads))
		case a.At < last:
			return fmt.Errorf("arrival %d goes back in time, from %v to %v", i, last, a.At)
		}
		last = a.At
	}
	if c := o.Closed; c != nil && (c.Workers <= 0 || c.Length <= 0) {
		return fmt.Errorf("a closed loop of %d workers for %v does nothing", c.Workers, c.Length)
	}
	return nil
}
