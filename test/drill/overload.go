package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/internal/onnxgen"
	"sluice/loadtest/result"
	"sluice/test/rig"
)

// heavyBudget is what requests to the heavy model get.
const heavyBudget = 50 * time.Millisecond

// heavy is a gateway with a model so slow that ten times its capacity costs little to send.
func (d *drill) heavy(args ...string) (*rig.Gateway, error) {
	dir, err := d.fresh()
	if err != nil {
		return nil, err
	}
	if err := (onnxgen.MLP{Layers: []int{256, 512, 1}, Repeat: 200, Seed: 3}).Write(filepath.Join(dir, "heavy"), "1"); err != nil {
		return nil, err
	}
	// The load tester first asks for each row alone; those may take their time.
	if err := os.WriteFile(filepath.Join(dir, "heavy", "1", "model.yaml"), []byte("budget: 5s\n"), 0o644); err != nil {
		return nil, err
	}
	return d.serve(append([]string{"--models", dir}, args...)...)
}

// peak is the goodput that a gateway reaches just below its capacity, in right answers within the budget a second.
func peak(g *rig.Gateway) (offered, good float64, err error) {
	closed, err := loadtest(g.Predict, "closed:32", scaled(4*time.Second), "--model", "heavy")
	if err != nil {
		return 0, 0, err
	}
	for _, share := range []float64{0.7, 0.8, 0.9} {
		rate := share * closed.Load.Good
		r, err := loadtest(g.Predict, fmt.Sprintf("poisson:%.0f", rate), scaled(4*time.Second), budgetFlags()...)
		if err != nil {
			return 0, 0, err
		}
		if r.Load.InTime > good {
			offered, good = rate, r.Load.InTime
		}
	}
	if good == 0 {
		return 0, 0, errors.New("nothing was answered in time")
	}
	return offered, good, nil
}

func budgetFlags() []string {
	return []string{"--model", "heavy", "--budget", heavyBudget.String(), "--within", heavyBudget.String()}
}

// overload is P6. The control burns the same beside the gateway: it takes the load of the peak, and a stub that
// answers 429 takes the rest (shared cores: a plain peak would be the generator's figure as much as the gateway's).
func (d *drill) overload() (v verdict, err error) {
	g, err := d.heavy()
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	stub, err := startStub("status=429:100")
	if err != nil {
		return v, err
	}
	defer stub.End()
	rate, plain, err := peak(g)
	if err != nil {
		return v, err
	}
	length := scaled(10 * time.Second)
	stopProbes, err := d.probe("P6", g)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, stopProbes()) }()
	v.held = true
	var parts []string
	for _, times := range []float64{1, 2, 5, 10} {
		r, err := loadtest(g.Predict, fmt.Sprintf("poisson:%.0f", times*rate), length, budgetFlags()...)
		if err != nil {
			return v, err
		}
		control := plain
		if times > 1 {
			c, _, err := together(
				func() (*result.Result, error) {
					return loadtest(g.Predict, fmt.Sprintf("poisson:%.0f", rate), length, budgetFlags()...)
				},
				func() (*result.Result, error) {
					return loadtest(stub.addr, fmt.Sprintf("poisson:%.0f", (times-1)*rate), length, "--no-verify")
				})
			if err != nil {
				return v, err
			}
			control = c.Load.InTime
		}
		ratio, refused := r.Load.InTime/control, refusalP99(r)
		if times == 5 {
			v.held = v.held && ratio >= 0.9
		}
		v.held = v.held && refused <= 10*time.Millisecond
		parts = append(parts, fmt.Sprintf("%gx: %.2f of the control, %.2f of the plain peak, refusals p99 %s", times, ratio, r.Load.InTime/plain, ms(refused)))
	}
	v.figure = strings.Join(parts, "; ")
	return v, nil
}

// metastable is P7.
func (d *drill) metastable() (v verdict, err error) {
	g, err := d.heavy()
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	rate, _, err := peak(g)
	if err != nil {
		return v, err
	}
	questions := rig.Rows("heavy", "input", 256, 1, 16)
	if err := rig.Learn(g.Predict, questions); err != nil {
		return v, err
	}
	for i := range questions {
		questions[i].Budget = heavyBudget
	}
	calm := func(length time.Duration) (*rig.Traffic, time.Duration) {
		return &rig.Traffic{Addr: rig.To(g.Predict), Rate: 0.6 * rate, Pick: anyOf(questions), Tries: 3}, length
	}
	normal, err := d.goodFor(calm(scaled(5 * time.Second)))
	if err != nil {
		return v, err
	}
	// The storm and the calm after it are one traffic to the gateway, and two to this program.
	storm := &rig.Traffic{Addr: rig.To(g.Predict), Rate: 5 * rate, Pick: anyOf(questions), Tries: 3, Most: 2048}
	stormed, err := under(storm, func(func() time.Duration) error { time.Sleep(scaled(8 * time.Second)); return nil })
	if err != nil {
		return v, err
	}
	after, err := d.goodFor(calm(scaled(10 * time.Second)))
	if err != nil {
		return v, err
	}
	// The first second from which on every second is as good as before the storm.
	back := time.Duration(0)
	for at := time.Duration(0); at+time.Second <= scaled(10*time.Second); at += time.Second {
		s := rig.Tally(after, at, at+time.Second, nil)
		if float64(s.OK) < 0.97*float64(s.Sent) {
			back = at + time.Second
		}
	}
	n, s, a := rig.Tally(normal, 0, rig.All, nil), rig.Tally(stormed, 0, rig.All, nil), rig.Tally(after, back, rig.All, nil)
	v.held = back <= 5*time.Second && a.OK > 0 && s.Wrong+s.Lost == 0
	v.figure = fmt.Sprintf("0.6 of the peak before: %v; the storm: %v; after it: all well again within %s, then %v", n, s, back, a)
	return v, nil
}

// goodFor is the records of traffic for a while.
func (d *drill) goodFor(t *rig.Traffic, length time.Duration) ([]rig.Record, error) {
	return under(t, func(func() time.Duration) error { time.Sleep(max(0, length-2*time.Second)); return nil })
}

// deadlines is P13.
func (d *drill) deadlines() (v verdict, err error) {
	g, err := d.serve("--models", examples)
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	closed, err := loadtest(g.Predict, "closed:64", scaled(4*time.Second), "--model", "ranker", "--dim", "batch=64")
	if err != nil {
		return v, err
	}
	v.held = true
	var parts []string
	var sent, late int64
	for _, budget := range []time.Duration{2, 5, 10, 20, 50} {
		budget *= time.Millisecond
		// Served is what counts from the moment that the request was written.
		r, err := loadtest(g.Predict, fmt.Sprintf("poisson:%.0f", 1.5*closed.Load.Good), scaled(6*time.Second), "--model", "ranker", "--dim", "batch=64",
			"--budget", budget.String(), "--quantile", "0.9999")
		if err != nil {
			return v, err
		}
		n := beyond(&r.Service, budget+5*time.Millisecond)
		sent, late = sent+r.Ledger.OK, late+n
		parts = append(parts, fmt.Sprintf("%s: max %.1f ms", budget, r.Service.Max))
	}
	v.held = late == 0
	v.figure = fmt.Sprintf("%d of %d answers came later than budget + 5 ms (%s)", late, sent, strings.Join(parts, ", "))
	return v, nil
}

// beyond is how many of the answers took longer, by the spectrum of the run.
func beyond(l *result.Latency, limit time.Duration) int64 {
	at := limit.Seconds() * 1e3
	if l.Max <= at {
		return 0
	}
	below := 0.0
	for _, p := range l.Spectrum {
		if p.X <= at {
			below = max(below, p.Y)
		}
	}
	return max(1, int64((1-below)*float64(l.N)+0.5))
}

// leavers is P14.
func (d *drill) leavers() (v verdict, err error) {
	g, err := d.heavy()
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	rate, _, err := peak(g)
	if err != nil {
		return v, err
	}
	questions := rig.Rows("heavy", "input", 256, 1, 16)
	if err := rig.Learn(g.Predict, questions); err != nil {
		return v, err
	}
	for i := range questions {
		questions[i].Budget = time.Second // longer than the client's patience: it is the client that ends it
	}
	gone := leaving(questions, 2*time.Millisecond)
	before, err := rowsRun(g)
	if err != nil {
		return v, err
	}
	// Those that stay are more than can be served: a request waits for longer than 2 ms, unless it is refused.
	t := &rig.Traffic{Addr: rig.To(g.Predict), Rate: 3 * rate, Most: 4096, Pick: func(rng *rand.Rand) *rig.Question {
		if rng.IntN(2) == 0 {
			return &gone[rng.IntN(len(gone))]
		}
		return &questions[rng.IntN(len(questions))]
	}}
	records, err := d.goodFor(t, scaled(10*time.Second))
	if err != nil {
		return v, err
	}
	ran, err := rowsRun(g)
	if err != nil {
		return v, err
	}
	s := rig.Tally(records, 0, rig.All, nil)
	wasted := int(ran-before) - s.OK
	share := float64(wasted) / float64(max(1, s.Left))
	v.held = harmless(rig.Tally(records, 0, rig.All, goodOnes)) && share <= 0.1
	v.figure = fmt.Sprintf("%d clients left after 2 ms; %d rows ran for them (%.2f each), in batches that were on their way; those that stayed: %v", s.Left, wasted, share, rig.Tally(records, 0, rig.All, goodOnes))
	return v, nil
}

// rowsRun is how many rows have been in a batch.
func rowsRun(g *rig.Gateway) (float64, error) { return g.Counters("sluice_batch_size_rows_sum") }
