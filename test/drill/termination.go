package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
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
	mu      sync.Mutex
	members []*member
	next    int
}

type member struct {
	g     *rig.Gateway
	ready bool
}

// addr is a rig.Traffic.Addr.
func (b *balancer) addr() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.members {
		b.next++
		if m := b.members[b.next%len(b.members)]; m.ready {
			return m.g.Predict
		}
	}
	return ""
}

// watch asks for readiness every 100 ms, as a balancer does.
func (b *balancer) watch(ctx context.Context) {
	for ctx.Err() == nil {
		for i := range b.members {
			b.mu.Lock()
			g := b.members[i].g
			b.mu.Unlock()
			status, _, err := rig.Get(g.Predict, "/v2/health/ready")
			b.mu.Lock()
			b.members[i].ready = err == nil && status == http.StatusOK && b.members[i].g == g
			b.mu.Unlock()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (b *balancer) replace(i int, g *rig.Gateway) *rig.Gateway {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.members[i].g
	b.members[i] = &member{g: g}
	return old
}

// termination is P1.
func (d *drill) termination() (v verdict, err error) {
	together, slowest, err := d.rolling(times(20))
	if err != nil {
		return v, err
	}
	lost, most, alone, err := d.terminateAlone(times(10))
	if err != nil {
		return v, err
	}
	v.held = harmless(together) && slowest <= exitSlack && alone <= exitSlack
	v.figure = fmt.Sprintf("balancer: %d of %d lost, refused or wrong%s; alone: %d requests lost after they were written over %d ends, at most %d of 64 clients; exit at most %s beyond the drain delay",
		together.Lost+together.Refused+together.Wrong, together.Sent, example(together), lost, times(10), most, ms(max(slowest, alone)))
	return v, nil
}

// rolling ends two gateways in turns while both are asked.
func (d *drill) rolling(ends int) (s rig.Sum, slowest time.Duration, err error) {
	questions, err := rowsOf(time.Second, "digits", "eta", "ranker")
	if err != nil {
		return s, 0, err
	}
	start := func() (*rig.Gateway, error) { return d.serve("--models", examples) }
	b := &balancer{}
	for range 2 {
		g, err := start()
		if err != nil {
			return s, 0, err
		}
		b.members = append(b.members, &member{g: g})
	}
	defer func() {
		for _, m := range b.members {
			_, _ = m.g.Stop(stopLimit)
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go b.watch(ctx)
	rng := rand.New(rand.NewPCG(1, 1))
	time.Sleep(300 * time.Millisecond)
	traffic := &rig.Traffic{Addr: b.addr, Rate: 500, Pick: anyOf(questions)}
	records, err := under(traffic, func(func() time.Duration) error {
		for i := range ends {
			g, err := start()
			if err != nil {
				return err
			}
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
			b.mu.Lock()
			old := b.members[i%2].g
			b.mu.Unlock()
			took, err := old.Stop(stopLimit)
			if err != nil {
				return fmt.Errorf("a gateway ended with %w\n%s", err, old.Log())
			}
			slowest = max(slowest, took-defaultDrain)
			b.replace(i%2, g)
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	})
	return rig.Tally(records, 0, rig.All, nil), slowest, err
}

// terminateAlone ends a gateway under 64 keep-alive clients that know of no other.
func (d *drill) terminateAlone(ends int) (lost, most int, slowest time.Duration, err error) {
	questions, err := rowsOf(time.Second, "digits", "eta", "ranker")
	if err != nil {
		return 0, 0, 0, err
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for range ends {
		g, err := d.serve("--models", examples)
		if err != nil {
			return 0, 0, 0, err
		}
		clients := rig.Closed{Addr: g.Predict, Clients: 64, Pick: anyOf(questions)}
		done := clients.Start()
		time.Sleep(500*time.Millisecond + time.Duration(rng.IntN(500))*time.Millisecond)
		took, err := g.Stop(stopLimit)
		records := done()
		if err != nil {
			return 0, 0, 0, fmt.Errorf("the gateway ended with %w\n%s", err, g.Log())
		}
		s := rig.Tally(records, 0, rig.All, nil)
		if s.Wrong+s.Odd > 0 {
			return 0, 0, 0, fmt.Errorf("under termination: %v%s", s, example(s))
		}
		lost, most, slowest = lost+s.Lost, max(most, s.Lost), max(slowest, took-defaultDrain)
	}
	return lost, most, slowest, nil
}
