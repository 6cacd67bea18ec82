package plan

import (
	"container/heap"
	"context"
	"math"
	"math/rand/v2"
	"time"

	"sluice/internal/traffic"
	"sluice/plan/sim"
)

// Sources end when the context does: that is how a run is stopped. They ask it now and
// then only.
const askEvery = 4096

// drawn yields the requests of a Traffic.
type drawn struct {
	arrivals *traffic.Process
	rng      *rand.Rand
	rows     Rows
	like     sim.Arrival // all but the instant and the rows
}

// requests are the source of a Traffic.
func (s Study) requests(t Traffic, model int, budget time.Duration, seed uint64) sim.Source {
	if t.Budget > 0 {
		budget = t.Budget
	}
	rng := rand.New(rand.NewPCG(s.Seed, seed))
	like := sim.Arrival{Model: model, Budget: budget - s.Overhead, Class: t.Priority}
	if t.Load.recorded == nil {
		return &drawn{arrivals: t.Load.Scaled(s.speed(), s.scale()).Start(rng), rng: rng, rows: t.Rows, like: like}
	}
	all := make([]sim.Arrival, len(t.Load.recorded))
	for i, at := range t.Load.recorded {
		all[i] = sim.Arrival{At: at, Rows: t.Rows.draw(rng), Budget: like.Budget + s.Overhead, Class: like.Class}
	}
	return s.replay(&Trace{Arrivals: all}, []int{model}, nil, rng)
}

// replay yields a trace at the speed and the scale of the study.
func (s Study) replay(t *Trace, models []int, budgets []time.Duration, rng *rand.Rand) *replay {
	r := &replay{trace: t, models: models, budgets: budgets, overhead: s.Overhead, speed: s.speed(), scale: s.scale(), jitter: s.Jitter, rng: rng}
	if r.jitter == 0 {
		r.jitter = defaultJitter
	}
	return r
}

// Next implements sim.Source.
func (d *drawn) Next(a *sim.Arrival) bool {
	*a = d.like
	a.At, a.Rows = d.arrivals.Next(), d.rows.draw(d.rng)
	return a.At < traffic.Never
}

// replay yields a trace, faster and thinned or multiplied. The first copy of an arrival keeps
// its instant, the others follow within the jitter, so that what came together once comes
// together still but not all at once.
type replay struct {
	trace    *Trace
	models   []int           // of the study, by model of the trace
	budgets  []time.Duration // by model of the study, for arrivals without one
	overhead time.Duration
	speed    float64
	scale    float64
	jitter   time.Duration
	rng      *rand.Rand
	at       int    // next of the trace
	waiting  copies // not yet yielded
}

// Next implements sim.Source.
func (r *replay) Next(a *sim.Arrival) bool {
	for r.at < len(r.trace.Arrivals) {
		next := r.when(r.at)
		if len(r.waiting) > 0 && r.waiting[0].At <= next {
			break
		}
		r.copy(next)
	}
	if len(r.waiting) == 0 {
		return false
	}
	*a = heap.Pop(&r.waiting).(sim.Arrival)
	return true
}

func (r *replay) when(i int) time.Duration {
	return time.Duration(float64(r.trace.Arrivals[i].At) / r.speed)
}

// copy takes the trace's next arrival as often as the scale says.
func (r *replay) copy(at time.Duration) {
	a := r.trace.Arrivals[r.at]
	r.at++
	a.At, a.Model = at, r.models[a.Model]
	if a.Budget == 0 {
		a.Budget = r.budgets[a.Model]
	}
	a.Budget = max(a.Budget-r.overhead, 1)
	whole := math.Floor(r.scale)
	n := int(whole)
	if part := r.scale - whole; part > 0 && r.rng.Float64() < part {
		n++
	}
	for i := range n {
		c := a
		if i > 0 {
			c.At += time.Duration(r.rng.Int64N(int64(r.jitter) + 1))
		}
		heap.Push(&r.waiting, c)
	}
}

// copies is a heap by instant.
type copies []sim.Arrival

func (c copies) Len() int           { return len(c) }
func (c copies) Less(i, j int) bool { return c[i].At < c[j].At }
func (c copies) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *copies) Push(a any)        { *c = append(*c, a.(sim.Arrival)) }
func (c *copies) Pop() any {
	last := len(*c) - 1
	a := (*c)[last]
	*c = (*c)[:last]
	return a
}

// parts splits what is larger than a batch, as the gateway does; here each part counts as a
// request. It ends with the context.
type parts struct {
	sim.Source
	ctx   context.Context //nolint:containedctx // a source has no other way to learn that its run was given up
	most  []int           // largest batch by model
	rest  sim.Arrival     // still to be yielded if it has rows
	asked int
}

// Next implements sim.Source.
func (p *parts) Next(a *sim.Arrival) bool {
	if p.rest.Rows == 0 {
		if p.asked++; p.asked%askEvery == 0 && p.ctx.Err() != nil || !p.Source.Next(&p.rest) {
			return false
		}
	}
	*a = p.rest
	a.Rows = min(a.Rows, p.most[a.Model])
	p.rest.Rows -= a.Rows
	return true
}
