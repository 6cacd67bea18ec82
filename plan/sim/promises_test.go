package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/internal/traffic"
)

// -promises prints the whole table of kept promises.
var allPromises = flag.Bool("promises", false, "print the table of kept promises, for every curve")

// mixedBudgets are those of the requests, in equal shares.
var mixedBudgets = []time.Duration{5 * ms, 20 * ms, 100 * ms}

// The curves: a batch of the longest useful size takes half of the shortest budget, far less
// of it, and nearly half in large steps.
var (
	middling = cost.Curve{{Rows: 1, P50: 400 * time.Microsecond}, {Rows: 32, P50: 3500 * time.Microsecond}}
	quick    = cost.Curve{{Rows: 1, P50: 115 * time.Microsecond}, {Rows: 32, P50: 580 * time.Microsecond}}
)

// promise is a point of the table.
type promise struct {
	name  string
	curve cost.Curve
	lanes int
	cv    float64
	load  float64 // of the capacity: that of the largest batch within half of the shortest budget
	rows  []int   // of the requests, in equal shares
	noise Noise
	model int // how many models share the device
	ranks int // classes of the requests, in equal shares; 0 for one
}

// trace is arrivals drawn before the start.
type trace struct{ left []Arrival }

func (t *trace) Next(a *Arrival) bool {
	if len(t.left) == 0 {
		return false
	}
	*a, t.left = t.left[0], t.left[1:]
	return true
}

// run has a stream for each budget and class. The instants are those of one process, so that a burst
// holds all budgets.
func (p promise) run(t *testing.T, seed uint64, length time.Duration) *Result {
	t.Helper()
	models := max(p.model, 1)
	mean := 0
	for _, r := range p.rows {
		mean += r
	}
	best := p.curve.Best(maxBatch, mixedBudgets[0]/2)
	rate := p.load * p.curve.RowsPerSecond(best) * float64(p.lanes) * float64(len(p.rows)) / float64(mean) / float64(models)
	cfg := Config{
		Devices: []Device{{Name: "device", Lanes: p.lanes}},
		Noise:   p.noise, Seed: seed, Warmup: length / 20, Length: length,
	}
	for m := range models {
		cfg.Models = append(cfg.Models, Model{"model", maxBatch, []cost.Curve{p.curve}})
		rng := rand.New(rand.NewPCG(seed, uint64(4711+m)))
		ranks := max(p.ranks, 1)
		traces := make([]*trace, len(mixedBudgets)*ranks)
		for i := range traces {
			traces[i] = &trace{}
			cfg.Streams = append(cfg.Streams, Stream{Source: traces[i]})
		}
		process := traffic.Steady(rate, p.cv).Start(rng)
		for at := process.Next(); at < cfg.Warmup+cfg.Length; at = process.Next() {
			i, class := rng.IntN(len(mixedBudgets)), 0
			rows := p.rows[rng.IntN(len(p.rows))]
			if ranks > 1 {
				class = rng.IntN(ranks)
			}
			to := traces[i*ranks+class]
			to.left = append(to.left, Arrival{At: at, Model: m, Rows: rows, Budget: mixedBudgets[i], Class: task.Priority(class)})
		}
	}
	seeds := make([][]cost.Curve, models)
	for m := range seeds {
		seeds[m] = []cost.Curve{swept(p.curve)}
	}
	return mustRun(t, cfg, mustSchedule(t, cfg, Tuning{Seeds: seeds}))
}

// broken is the part of the requests that were admitted and not answered in time.
func (c Count) broken() float64 { return float64(c.Late+c.Dropped) / float64(max(c.Arrived, 1)) }

func (c Count) refused() float64 { return float64(c.Refused) / float64(max(c.Arrived, 1)) }

func (p promise) line(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %d | %g | %g | %.2f | %.2f | %.3f |", p.name, p.lanes, p.cv, p.load,
		100*r.Attainment(), 100*r.refused(), 100*r.broken())
	ranks := max(p.ranks, 1)
	for i := range mixedBudgets {
		var c Count
		for s, n := range r.ByStream {
			if s/ranks%len(mixedBudgets) == i {
				c.add(n)
			}
		}
		fmt.Fprintf(&b, " %.1f / %.1f / %.3f |", 100*c.Attainment(), 100*c.refused(), 100*c.broken())
	}
	return b.String()
}

func promiseTable() (table []promise) {
	for _, lanes := range []int{1, 2} {
		for _, rows := range [][]int{{1}, {1, 2, 4, 16}} {
			for _, cv := range []float64{1, 3} {
				for _, load := range []float64{0.7, 1, 1.2, 1.5} {
					name := "single rows"
					if len(rows) > 1 {
						name = "1 to 16 rows"
					}
					table = append(table, promise{name, middling, lanes, cv, load, rows, Usual, 1, 0})
				}
			}
		}
	}
	return table
}

// Whatever is admitted is answered in time, but for runs that take longer than their bound, and long
// budgets leave room for short ones. Shaky
// runs and models that share a device are in the long table only: what is kept there is told.
func TestPromisesAreKept(t *testing.T) {
	table, length := promiseTable(), 4*time.Second
	if *allPromises {
		length = 20 * time.Second
		shaky := Noise{Sigma: 0.1, HiccupShare: 0.005, HiccupTimes: 3}
		for _, cv := range []float64{1, 3} {
			for _, load := range []float64{0.7, 1, 1.2, 1.5} {
				table = append(table,
					promise{"quick", quick, 1, cv, load, []int{1}, Usual, 1, 0},
					promise{"resnet", resnet, 1, cv, load, []int{1}, Usual, 1, 0},
					promise{"shaky", middling, 1, cv, load, []int{1}, shaky, 1, 0},
					promise{"two models", middling, 1, cv, load, []int{1}, Usual, 2, 0})
			}
		}
	}
	t.Log("| requests | lanes | CV | load | good % | refused % | broken % | 5 ms: good / refused / broken | 20 ms | 100 ms |")
	for _, p := range table {
		r := p.run(t, 1, length)
		t.Log(p.line(r))
		if p.noise == Usual && p.model == 1 && r.broken() > 0.005 {
			t.Errorf("%s, %d lanes, CV %g, load %g: %.2f %% were admitted and not answered in time, want 0.5", p.name, p.lanes, p.cv, p.load, 100*r.broken())
		}
		if p.curve[0] != middling[0] || p.model > 1 {
			continue
		}
		if short, long := r.ByStream[0].Attainment(), r.ByStream[2].Attainment(); long-short > 0.3 {
			t.Errorf("%s, %d lanes, CV %g, load %g: %.3f of the shortest budgets in time and %.3f of the longest", p.name, p.lanes, p.cv, p.load, short, long)
		}
	}
}
