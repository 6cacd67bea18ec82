package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"sluice/test/rig"
)

// defaultDrain is the default of drain.delay; exitSlack is what the end may take beside it.
const (
	defaultDrain = time.Second
	exitSlack    = 2 * time.Second
)

// balancer sends each request to a gateway that says that it is ready.
type balancer struct {
	members [2]atomic.Pointer[rig.Gateway]
	ready   [2]atomic.Bool
	next    atomic.Int64
}

// addr is a rig.Traffic.Addr.
func (b *balancer) addr() string {
	first := int(b.next.Add(1))
	for k := range b.members {
		if i := (first + k) % 2; b.ready[i].Load() {
			return b.members[i].Load().Predict
		}
	}
	return ""
}

// watch asks for readiness every 100 ms, as a balancer does.
func (b *balancer) watch(ctx context.Context) {
	for ctx.Err() == nil {
		for i := range b.members {
			g := b.members[i].Load()
			status, _, err := rig.Get(g.Predict, "/v2/health/ready")
			b.ready[i].Store(err == nil && status == http.StatusOK && b.members[i].Load() == g)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (b *balancer) replace(i int, g *rig.Gateway) {
	b.ready[i].Store(false)
	b.members[i].Store(g)
}

// termination is P1.
func (t *trial) termination() (v verdict) {
	together, slowest := t.rolling(times(20))
	lost, most, alone := t.terminateAlone(times(10))
	v.held = harmless(together) && slowest <= exitSlack && alone <= exitSlack
	v.figure = fmt.Sprintf("balancer: %d of %d lost, refused or wrong%s; alone: %d requests lost after they were written over %d ends, at most %d of 64 clients; exit at most %s beyond the drain delay",
		together.Lost+together.Refused+together.Wrong, together.Sent, example(together), lost, times(10), most, ms(max(slowest, alone)))
	return v
}

// rolling ends two gateways in turns while both are asked.
func (t *trial) rolling(ends int) (s rig.Sum, slowest time.Duration) {
	questions := t.rowsOf(time.Second, "digits", "eta", "ranker")
	b := &balancer{}
	for i := range b.members {
		b.replace(i, t.serve("--models", examples))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go b.watch(ctx)
	rng := rand.New(rand.NewPCG(1, 1))
	time.Sleep(300 * time.Millisecond)
	traffic := &rig.Traffic{Addr: b.addr, Rate: 500, Pick: anyOf(questions)}
	records := under(traffic, func(func() time.Duration) {
		for i := range ends {
			g := t.serve("--models", examples)
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
			slowest = max(slowest, t.stop(b.members[i%2].Load())-defaultDrain)
			b.replace(i%2, g)
			time.Sleep(300 * time.Millisecond)
		}
	})
	return total(records), slowest
}

// terminateAlone ends a gateway under 64 keep-alive clients that know of no other.
func (t *trial) terminateAlone(ends int) (lost, most int, slowest time.Duration) {
	questions := t.rowsOf(time.Second, "digits", "eta", "ranker")
	rng := rand.New(rand.NewPCG(2, 2))
	for range ends {
		g := t.serve("--models", examples)
		done := rig.Closed{Addr: g.Predict, Clients: 64, Pick: anyOf(questions)}.Start()
		time.Sleep(500*time.Millisecond + time.Duration(rng.IntN(500))*time.Millisecond)
		took := t.stop(g)
		s := total(done())
		if s.Wrong+s.Odd > 0 {
			t.must(fmt.Errorf("under termination: %v%s", s, example(s)))
		}
		lost, most, slowest = lost+s.Lost, max(most, s.Lost), max(slowest, took-defaultDrain)
	}
	return lost, most, slowest
}
