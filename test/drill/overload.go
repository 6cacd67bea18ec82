package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/internal/onnxgen"
	"sluice/loadtest/result"
	"sluice/loadtest/stub"
	"sluice/test/rig"
)

// heavyBudget is what requests to the heavy model get.
const heavyBudget = 50 * time.Millisecond

// heavy is a gateway with a model so slow that ten times its capacity costs little to send.
func (t *trial) heavy() *rig.Gateway {
	dir := t.fresh()
	t.must(onnxgen.MLP{Layers: []int{256, 512, 1}, Repeat: 200, Seed: 3}.Write(filepath.Join(dir, "heavy"), "1"))
	// The load tester first asks for each row alone; those may take their time.
	t.must(os.WriteFile(filepath.Join(dir, "heavy", "1", "model.yaml"), []byte("budget: 5s\n"), 0o644))
	return t.serve("--models", dir)
}

// heavyQuestions are questions to the heavy model.
func (t *trial) heavyQuestions(g *rig.Gateway, budget time.Duration) []rig.Question {
	return budgeted(t.learn(g, rig.Rows("heavy", "input", 256, 1, 16)), budget)
}

// peak is the goodput that a gateway reaches just below its capacity, in right answers within the budget a second.
func (t *trial) peak(g *rig.Gateway) (offered, good float64) {
	capacity := t.closed(g, 32, "--model", "heavy")
	for _, share := range []float64{0.7, 0.8, 0.9} {
		rate := share * capacity
		if r := t.poisson(g.Predict, rate, scaled(4*time.Second), budgetFlags...); r.Load.InTime > good {
			offered, good = rate, r.Load.InTime
		}
	}
	if good == 0 {
		t.must(errors.New("nothing was answered in time"))
	}
	return offered, good
}

var budgetFlags = []string{"--model", "heavy", "--budget", heavyBudget.String(), "--within", heavyBudget.String()}

// overload is P6. The control burns the same beside the gateway: it takes the load of the peak, and a stub that
// answers 429 takes the rest (shared cores: a plain peak would be the generator's figure as much as the gateway's).
func (t *trial) overload() (v verdict) {
	g := t.heavy()
	refusing, err := stub.Parse("status=429:100")
	t.must(err)
	rest, err := stub.Start(refusing)
	t.must(err)
	t.after(func() { _ = rest.Close() })
	rate, plain := t.peak(g)
	length := scaled(10 * time.Second)
	stopProbes := t.probe("P6", g)
	v.held = true
	var parts []string
	for _, times := range []float64{1, 2, 5, 10} {
		r := t.poisson(g.Predict, times*rate, length, budgetFlags...)
		control := plain
		if times > 1 {
			ended := make(chan error, 1) // of 1: the load waits for nobody
			go func() {
				_, err := loadtest(rest.Addr(), fmt.Sprintf("poisson:%.0f", (times-1)*rate), length, "--no-verify")
				ended <- err
			}()
			control = t.poisson(g.Predict, rate, length, budgetFlags...).Load.InTime
			t.must(<-ended)
		}
		ratio, refused := r.Load.InTime/control, refusalP99(r)
		if times == 5 {
			v.held = v.held && ratio >= 0.9
		}
		v.held = v.held && refused <= 10*time.Millisecond
		parts = append(parts, fmt.Sprintf("%gx: %.2f of the control, %.2f of the plain peak, refusals p99 %s", times, ratio, r.Load.InTime/plain, ms(refused)))
	}
	stopProbes()
	v.figure = strings.Join(parts, "; ")
	return v
}

// metastable is P7.
func (t *trial) metastable() (v verdict) {
	g := t.heavy()
	rate, _ := t.peak(g)
	questions := t.heavyQuestions(g, heavyBudget)
	// Clients ask three times.
	ask := func(rate float64, length time.Duration, most int) []rig.Record {
		traffic := to(g, rate, questions)
		traffic.Tries, traffic.Most = 3, most
		return recordsOf(traffic, length)
	}
	normal := ask(0.6*rate, scaled(5*time.Second), 0)
	// The storm and the calm after it are one traffic to the gateway, and two to this program.
	stormed := ask(5*rate, scaled(8*time.Second)+2*time.Second, 2048)
	after := ask(0.6*rate, scaled(10*time.Second), 0)
	// The first second from which on every second is as good as before the storm.
	back := time.Duration(0)
	for at := time.Duration(0); at+time.Second <= scaled(10*time.Second); at += time.Second {
		s := rig.Tally(after, at, at+time.Second, nil)
		if float64(s.OK) < 0.97*float64(s.Sent) {
			back = at + time.Second
		}
	}
	n, s, a := total(normal), total(stormed), rig.Tally(after, back, rig.All, nil)
	v.held = back <= 5*time.Second && a.OK > 0 && s.Wrong+s.Lost == 0
	v.figure = fmt.Sprintf("0.6 of the peak before: %v; the storm: %v; after it: all well again within %s, then %v", n, s, back, a)
	return v
}

// deadlines is P13.
func (t *trial) deadlines() (v verdict) {
	g := t.serve("--models", examples)
	capacity := t.closed(g, 64, "--model", "ranker", "--dim", "batch=64")
	var parts []string
	var sent, late int64
	for _, budget := range []time.Duration{2, 5, 10, 20, 50} {
		budget *= time.Millisecond
		// Served is what counts from the moment that the request was written.
		r := t.poisson(g.Predict, 1.5*capacity, scaled(6*time.Second), "--model", "ranker", "--dim", "batch=64",
			"--budget", budget.String(), "--quantile", "0.9999")
		sent, late = sent+r.Ledger.OK, late+beyond(&r.Service, budget+5*time.Millisecond)
		parts = append(parts, fmt.Sprintf("%s: max %.1f ms", budget, r.Service.Max))
	}
	v.held = late == 0
	v.figure = fmt.Sprintf("%d of %d answers came later than budget + 5 ms (%s)", late, sent, strings.Join(parts, ", "))
	return v
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
func (t *trial) leavers() (v verdict) {
	g := t.heavy()
	rate, _ := t.peak(g)
	questions := t.heavyQuestions(g, time.Second) // longer than the client's patience: it is the client that ends it
	rowsRun := func() float64 { return t.counters(g, "sluice_batch_size_rows_sum") }
	before := rowsRun()
	// Those that stay are more than can be served: a request waits for longer than 2 ms, unless it is refused.
	traffic := to(g, 3*rate, questions)
	traffic.Most, traffic.Pick = 4096, mixed(questions, leaving(questions, 2*time.Millisecond), 0.5)
	records := recordsOf(traffic, scaled(10*time.Second))
	s, stayed := total(records), totalGood(records)
	wasted := int(rowsRun()-before) - s.OK
	share := float64(wasted) / float64(max(1, s.Left))
	v.held = harmless(stayed) && share <= 0.1
	v.figure = fmt.Sprintf("%d clients left after 2 ms; %d rows ran for them (%.2f each), in batches that were on their way; those that stayed: %v", s.Left, wasted, share, stayed)
	return v
}
