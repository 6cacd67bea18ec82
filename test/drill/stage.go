package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sluice/internal/memory"
	"sluice/internal/onnxgen"
	"sluice/test/rig"
)

// examples is the folder of the example models, which have golden rows.
const examples = "examples/models"

// rowsOf are the golden questions of example models, with a budget.
func (t *trial) rowsOf(budget time.Duration, models ...string) (all []rig.Question) {
	for _, m := range models {
		questions, err := rig.Golden(m, filepath.Join(examples, m, "1", "golden.jsonl"))
		t.must(err)
		all = append(all, budgeted(questions, budget)...)
	}
	return all
}

// budgeted gives questions a budget.
func budgeted(questions []rig.Question, budget time.Duration) []rig.Question {
	for i := range questions {
		questions[i].Budget = budget
	}
	return questions
}

// anyOf draws one of the questions.
func anyOf(questions []rig.Question) func(*rand.Rand) *rig.Question {
	return func(rng *rand.Rand) *rig.Question { return &questions[rng.IntN(len(questions))] }
}

// fresh is a new folder.
func (t *trial) fresh() string {
	dir, err := os.MkdirTemp(t.dir, "")
	t.must(err)
	return dir
}

// stopLimit is how long a gateway may take to end before it is killed.
const stopLimit = 30 * time.Second

// serve starts a gateway, which ends with the experiment at the latest.
func (t *trial) serve(args ...string) *rig.Gateway { return t.start(rig.Options{Args: args}) }

func (t *trial) start(o rig.Options) *rig.Gateway {
	o.Binary = *binary
	g, err := rig.Start(o)
	t.must(err)
	t.after(func() { _, _ = g.Stop(stopLimit) }) // the figures are in
	return g
}

// stop ends a gateway in order and tells how long that took.
func (t *trial) stop(g *rig.Gateway) time.Duration {
	took, err := g.Stop(stopLimit)
	if err != nil {
		err = fmt.Errorf("a gateway ended with %w\n%s", err, g.Log())
	}
	t.must(err)
	return took
}

// learn asks a gateway for the right answers.
func (t *trial) learn(g *rig.Gateway, questions []rig.Question) []rig.Question {
	t.must(rig.Learn(g.Predict, questions))
	return questions
}

// counters is a metric of a gateway.
func (t *trial) counters(g *rig.Gateway, name string, labels ...string) float64 {
	sum, err := g.Counters(name, labels...)
	t.must(err)
	return sum
}

// answered is how many answers a gateway counts, and how many of them were late.
func (t *trial) answered(g *rig.Gateway) (all, late float64) {
	late = t.counters(g, "sluice_requests_total", `outcome="late"`)
	return t.counters(g, "sluice_requests_total", `outcome="ok"`) + late, late
}

// memoryOf is what a gateway's processes take.
func (t *trial) memoryOf(g *rig.Gateway) int64 {
	n, err := memory.PSS(g.PID())
	t.must(err)
	return n
}

// perceptron writes a small model and returns its folder of models and questions of one row.
func (t *trial) perceptron() (models string, questions []rig.Question) {
	dir := t.fresh()
	t.must(onnxgen.MLP{Layers: []int{16, 64, 1}, Seed: 5}.Write(filepath.Join(dir, "small"), "1"))
	return dir, rig.Rows("small", "input", 16, 1, 32)
}

// small serves the small model, and knows its answers.
func (t *trial) small() (*rig.Gateway, []rig.Question) {
	models, questions := t.perceptron()
	g := t.serve("--models", models)
	return g, t.learn(g, questions)
}

// broken is a gateway with an accelerator that can be broken.
type broken struct {
	*rig.Gateway
	*rig.Accelerated

	t *trial
}

func (t *trial) breakable() *broken {
	accelerated, err := rig.NewAccelerated(t.fresh())
	t.must(err)
	b := &broken{t.serve(accelerated.Args()...), accelerated, t}
	t.must(b.Learn(b.Gateway))
	return b
}

// under runs something while traffic goes on, for a second before and after it.
func under(traffic *rig.Traffic, do func(since func() time.Duration)) []rig.Record {
	begun := time.Now()
	stop := sync.OnceValue(traffic.Start())
	defer stop()
	time.Sleep(time.Second)
	do(func() time.Duration { return time.Since(begun) })
	time.Sleep(time.Second)
	return stop()
}

// recordsOf is what comes of traffic in a while.
func recordsOf(traffic *rig.Traffic, length time.Duration) []rig.Record {
	return under(traffic, func(func() time.Duration) { time.Sleep(max(0, length-2*time.Second)) })
}

// to asks a gateway questions, so many a second.
func to(g *rig.Gateway, rate float64, questions []rig.Question) *rig.Traffic {
	return &rig.Traffic{Addr: rig.To(g.Predict), Rate: rate, Pick: anyOf(questions)}
}

// total sums up all records.
func total(records []rig.Record) rig.Sum { return rig.Tally(records, 0, rig.All, nil) }

// totalGood sums up the records of good requests whose clients stayed.
func totalGood(records []rig.Record) rig.Sum {
	return rig.Tally(records, 0, rig.All, func(r *rig.Record) bool { return r.Good })
}

// harmless says that nothing was lost, wrong or odd.
func harmless(s rig.Sum) bool { return s.Lost+s.Wrong+s.Odd+s.Refused == 0 && s.OK > 0 }

// untouched says that nothing was refused or late either.
func untouched(s rig.Sum) bool { return harmless(s) && s.No+s.Deadline == 0 }

// example is what went wrong, for a figure.
func example(s rig.Sum) string {
	if s.Example == "" {
		return ""
	}
	return "; such as: " + strings.TrimSpace(s.Example)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }
