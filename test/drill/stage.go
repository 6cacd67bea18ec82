package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/internal/onnxgen"
	"sluice/test/rig"
)

// examples is the folder of the example models, which have golden rows.
const examples = "examples/models"

// rowsOf are the golden questions of example models, with a budget.
func rowsOf(budget time.Duration, models ...string) (all []rig.Question, err error) {
	for _, m := range models {
		questions, err := rig.Golden(m, filepath.Join(examples, m, "1", "golden.jsonl"))
		if err != nil {
			return nil, err
		}
		for i := range questions {
			questions[i].Budget = budget
		}
		all = append(all, questions...)
	}
	return all, nil
}

// anyOf draws one of the questions.
func anyOf(questions []rig.Question) func(*rand.Rand) *rig.Question {
	return func(rng *rand.Rand) *rig.Question { return &questions[rng.IntN(len(questions))] }
}

// fresh is a new folder.
func (d *drill) fresh() (string, error) { return os.MkdirTemp(d.dir, "") }

// serve starts a gateway.
func (d *drill) serve(args ...string) (*rig.Gateway, error) {
	return rig.Start(rig.Options{Binary: *binary, Args: args})
}

// stopLimit is how long a gateway may take to end before it is killed.
const stopLimit = 30 * time.Second

// perceptron writes a small model and returns its folder of models and questions of one row.
func (d *drill) perceptron(seed uint64) (models string, questions []rig.Question, err error) {
	dir, err := d.fresh()
	if err != nil {
		return "", nil, err
	}
	err = onnxgen.MLP{Layers: []int{16, 64, 1}, Seed: seed}.Write(filepath.Join(dir, "small"), "1")
	return dir, rig.Rows("small", "input", 16, 1, 32), err
}

// broken is a gateway with an accelerator that can be broken.
type broken struct {
	*rig.Gateway
	*rig.Accelerated
}

func (d *drill) breakable() (*broken, error) {
	dir, err := d.fresh()
	if err != nil {
		return nil, err
	}
	b := &broken{}
	if b.Accelerated, err = rig.NewAccelerated(dir); err != nil {
		return nil, err
	}
	if b.Gateway, err = d.serve(b.Args()...); err != nil {
		return nil, err
	}
	if err := b.Learn(b.Gateway); err != nil {
		b.End()
		return nil, err
	}
	return b, nil
}

// under runs something while traffic goes on, for a second before and after it.
func under(t *rig.Traffic, do func(since func() time.Duration) error) ([]rig.Record, error) {
	begun := time.Now()
	stop := t.Start()
	time.Sleep(time.Second)
	err := do(func() time.Duration { return time.Since(begun) })
	if err == nil {
		time.Sleep(time.Second)
	}
	return stop(), err
}

// harmless says that nothing was lost, wrong or odd.
func harmless(s rig.Sum) bool { return s.Lost+s.Wrong+s.Odd+s.Refused == 0 && s.OK > 0 }

// example is what went wrong, for a figure.
func example(s rig.Sum) string {
	if s.Example == "" {
		return ""
	}
	return "; such as: " + strings.TrimSpace(s.Example)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }
