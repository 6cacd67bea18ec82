package main

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sluice/loadtest/result"
)

// Promises is how often the gateway keeps what it admits, over HTTP: budgets mixed in one stream of
// arrivals, at rates around the capacity, even and in bursts.
type Promises struct {
	Depth    int     `json:"model_depth"`
	Capacity float64 `json:"capacity_per_s"` // requests of the mix, all within their budgets
	// Broken is the largest share of a point, the median of its turns.
	Broken float64        `json:"broken"`
	Points []PromisePoint `json:"points"`
}

// PromisePoint is one load with arrivals of one kind.
type PromisePoint struct {
	Load float64 `json:"load"` // of the capacity
	CV   float64 `json:"cv"`   // of the gaps: 1 is Poisson
	// Broken are requests that were admitted and not answered in time, as the gateway counts and as
	// the client does, whose requests wait on the wire and in the load tester as well; shares.
	Broken     float64      `json:"broken"`
	BrokenBest float64      `json:"broken_best"`
	Turns      []promiseRun `json:"turns"`
}

// promiseRun is one run of a point.
type promiseRun struct {
	LoadAverage float64    `json:"load_average"` // of the machine before it
	Broken      float64    `json:"broken"`
	Server      counts     `json:"server"`
	Kinds       []kindRun  `json:"kinds"` // by budget, then by rows
	All         kindCounts `json:"all"`
	result.Validity
}

// counts are the gateway's own, by outcome.
type counts map[string]float64

// decided are the outcomes of requests that the gateway admitted or refused: of those that it admitted
// some are late, or exceed their deadline, which is answered with 504.
var decided = []string{"ok", "late", "deadline_exceeded", "overloaded", "no_capacity", "budget_too_short"}

// since is what was counted after an earlier reading, and the sum of it.
func (c counts) since(before counts) (run counts, sum float64) {
	run = counts{}
	for outcome, n := range c {
		run[outcome] = n - before[outcome]
		sum += run[outcome]
	}
	return run, sum
}

// promised are the mixed budgets, and the rows of the requests, in equal shares.
var (
	promised     = []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond}
	promisedRows = []int{1, 2, 4, 16}
)

// promiseRow is what sixteen rows of the model take on one core: less than half of the shortest
// budget, and so much that HTTP and the load tester cost little beside it.
const promiseRow = 2 * time.Millisecond

func (b *bench) promises() error {
	out := &Promises{}
	gateway, err := b.promiseModel(out)
	if err != nil {
		return err
	}
	defer b.retire("steady")
	if out.Capacity, err = b.promiseCapacity(gateway); err != nil {
		return err
	}
	b.say("capacity %.0f requests/s", out.Capacity)
	b.result.Promises = out
	for _, cv := range []float64{1, 3} {
		for _, load := range []float64{0.7, 1, 1.2, 1.5} {
			p := PromisePoint{Load: load, CV: cv, BrokenBest: 1}
			for range b.repeats() {
				run, err := b.promiseRun(gateway, load*out.Capacity, cv, pick(b, 6*time.Second, 3*time.Second))
				if err != nil {
					return err
				}
				p.Turns, p.BrokenBest = append(p.Turns, run), min(p.BrokenBest, run.Broken)
			}
			p.Broken = medianOf(p.Turns, func(r promiseRun) float64 { return r.Broken })
			out.Broken = max(out.Broken, p.Broken)
			b.say("%s", p.line())
			out.Points = append(out.Points, p)
		}
	}
	return nil
}

// promiseModel starts the gateway with a model that takes as long as it should.
func (b *bench) promiseModel(out *Promises) (*process, error) {
	const probe = 16
	if err := heavyNetwork(probe).Write(b.bundle("probe"), "1"); err != nil {
		return nil, err
	}
	s, err := b.rawRun("probe", slices.Max(promisedRows), pick(b, 300*time.Millisecond, 100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	out.Depth = max(1, int(probe*micros(promiseRow)/s.Points[0].P50))
	if err := heavyNetwork(out.Depth).Write(b.bundle("steady"), "1"); err != nil {
		return nil, err
	}
	b.retire("mlp")
	return b.sluice("steady")
}

// promiseCapacity is how many requests of the mix a closed loop gets answered whose budgets never end.
func (b *bench) promiseCapacity(p *process) (float64, error) {
	var best float64
	for range b.repeats() {
		// Single rows would make other batches: the loop asks for lists of the mean size.
		list := math.Round(meanRows)
		r, err := b.closedLoop(aim{p, []string{"--model", "steady", "--protocol", "binary", "--dim", fmt.Sprint("batch=", list), "--variants", "16", "--range", "-2..2", "--no-verify"}},
			32, 500*time.Millisecond, pick(b, 4*time.Second, 2*time.Second), "--budget", patience.String())
		if err != nil {
			return 0, err
		}
		if r.Ledger.OK == 0 {
			return 0, fmt.Errorf("none of %d requests was answered well: %v", r.Ledger.Scheduled, r.Ledger.Status)
		}
		best = max(best, r.Load.Good*list/meanRows)
	}
	return round(best, 0), nil
}

var meanRows = meanOf(promisedRows, func(rows int) float64 { return float64(rows) })

// promiseRun sends the mix at a rate.
func (b *bench) promiseRun(p *process, rate, cv float64, length time.Duration) (run promiseRun, err error) {
	b.seed++
	run.LoadAverage = loadAverage()
	before, err := b.outcomes("steady")
	if err != nil {
		return run, err
	}
	var mix mixed
	if err := b.measure(&mix, "mix", "-to", p.addr, "-model", "steady", "-rate", fmt.Sprint(rate), "-cv", fmt.Sprint(cv), "-length", length.String(),
		"-seed", fmt.Sprint(b.seed), "-trace", filepath.Join(b.dir, "mix.jsonl")); err != nil {
		return run, err
	}
	after, err := b.outcomes("steady")
	if err != nil {
		return run, err
	}
	var sum float64
	run.Server, sum = after.since(before)
	run.Validity, run.Kinds = mix.Validity, mix.Kinds
	for _, k := range run.Kinds {
		run.All.add(k.kindCounts)
	}
	run.All.RefusedP50, run.All.RefusedP99 = mix.RefusedP50, mix.RefusedP99
	run.Broken = round((run.Server["deadline_exceeded"]+run.Server["late"])/max(sum, 1), 5)
	return run, nil
}

// loadAverage is 0 where the system does not say.
func loadAverage() float64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return round(float64(info.Loads[0])/(1<<16), 2)
}

// line is a row of the table in docs/performance.md.
func (p PromisePoint) line() string {
	t := middle(p.Turns, func(r promiseRun) float64 { return r.Broken }) // of the promises that it broke
	n := float64(max(t.All.Sent, 1))
	by := func(match func(kindRun) bool) (good string) {
		var c kindCounts
		for _, k := range t.Kinds {
			if match(k) {
				c.add(k.kindCounts)
			}
		}
		return fmt.Sprintf("%.1f", 100*float64(c.Good)/float64(max(c.Sent, 1)))
	}
	var budgets, lists []string
	for _, budget := range promised {
		budgets = append(budgets, by(func(k kindRun) bool { return k.Budget == millis(budget) }))
	}
	for _, rows := range promisedRows {
		lists = append(lists, by(func(k kindRun) bool { return k.Rows == rows }))
	}
	return fmt.Sprintf("| %g | %g | %.1f | %.1f | %.2f | %.2f / %.2f | %.2f / %.2f | %s | %s | %.1f |", p.CV, p.Load,
		100*float64(t.All.Good)/n, 100*float64(t.All.Refused)/n, t.All.RefusedP99, 100*p.Broken, 100*p.BrokenBest,
		100*float64(t.All.Expired)/n, 100*float64(t.All.Late)/n, strings.Join(budgets, " / "), strings.Join(lists, " / "), t.LoadAverage)
}

func (r *Result) promiseLines(line func(string, float64, target, []result.Validity, string, ...any)) {
	if r.Promises == nil {
		return
	}
	for _, p := range r.Promises.Points {
		slowest := slices.MaxFunc(p.Turns, func(a, b promiseRun) int { return cmp.Compare(a.All.RefusedP99, b.All.RefusedP99) })
		line(fmt.Sprintf("promises.broken (%gx, CV %g)", p.Load, p.CV), p.Broken, atMost(0.005), validities(p.Turns), "best turn %g; refusals p99 %.2f ms at worst; %.0f/s at 1x", p.BrokenBest, slowest.All.RefusedP99, r.Promises.Capacity)
	}
}
