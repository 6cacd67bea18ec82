package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/backends/fake"
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

// broken is a gateway with the CPU and a fake accelerator, which does what it is ordered to do wrong.
type broken struct {
	*rig.Gateway
	orders    string
	questions []rig.Question
	settings  string
	models    string
}

// brokenBudget is what its requests get; brokenRate is half of what the accelerator can do, 32
// rows in 22 ms.
const (
	brokenBudget = 100 * time.Millisecond
	brokenRate   = 700
)

func (d *drill) breakable() (*broken, error) {
	models, questions, err := d.perceptron(5)
	if err != nil {
		return nil, err
	}
	b := &broken{orders: filepath.Join(models, "..", filepath.Base(models)+"-orders.json"), questions: questions, models: models}
	b.settings = filepath.Join(d.dir, filepath.Base(models)+".yaml")
	text := fmt.Sprintf(`scheduler:
  hang_limit: 1s
model_defaults:
  max_batch: 32
devices:
  - name: fake
    fake:
      orders: %s
      cost: "1:4ms,8:8ms,32:22ms"
  - name: cpu
`, b.orders)
	if err := os.WriteFile(b.settings, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if b.Gateway, err = d.serve("--config", b.settings, "--models", models); err != nil {
		return nil, err
	}
	if err := rig.Learn(b.Predict, b.questions); err != nil {
		b.Kill()
		return nil, err
	}
	for i := range b.questions {
		b.questions[i].Budget = brokenBudget
	}
	return b, nil
}

func (b *broken) order(o fake.Orders) error { return fake.WriteOrders(b.orders, o) }

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
