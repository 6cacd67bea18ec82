package rig

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"sluice/backends/fake"
	"sluice/internal/onnxgen"
)

// Accelerated is what a gateway serves that has the CPU and a fake accelerator beside it: as costly
// as a GPU, with right answers, and in a process of its own, which does what it is ordered to do
// wrong.
type Accelerated struct {
	// Models is the folder of its model, small; more may be put there.
	Models string
	// Questions are of one row each.
	Questions []Question

	settings, orders string
}

// What is asked of such a gateway: AcceleratedRate is half of what the accelerator can do, 32 rows
// in 22 ms.
const (
	AcceleratedBudget = 100 * time.Millisecond
	AcceleratedRate   = 700
)

// NewAccelerated writes a model and settings into a folder.
func NewAccelerated(dir string) (*Accelerated, error) {
	a := &Accelerated{
		Models: filepath.Join(dir, "models"), Questions: Rows("small", "input", 16, 1, 32),
		settings: filepath.Join(dir, "sluice.yaml"), orders: filepath.Join(dir, "orders.json"),
	}
	if err := (onnxgen.MLP{Layers: []int{16, 64, 1}, Seed: 5}).Write(filepath.Join(a.Models, "small"), "1"); err != nil {
		return nil, err
	}
	return a, os.WriteFile(a.settings, fmt.Appendf(nil, `scheduler:
  hang_limit: 1s
model_defaults:
  max_batch: 32
devices:
  - name: fake
    fake:
      orders: %s
      cost: "1:4ms,8:8ms,32:22ms"
  - name: cpu
`, a.orders), 0o600)
}

// Args are the gateway's arguments.
func (a *Accelerated) Args() []string {
	return []string{"--config", a.settings, "--models", a.Models}
}

// Order tells the accelerator what to do wrong from now on.
func (a *Accelerated) Order(o fake.Orders) error { return fake.WriteOrders(a.orders, o) }

// Learn asks the gateway, while all is well, for the answers, and gives the questions their budget.
func (a *Accelerated) Learn(g *Gateway) error {
	err := Learn(g.Predict, a.Questions)
	for i := range a.Questions {
		a.Questions[i].Budget = AcceleratedBudget
	}
	return err
}

// Traffic asks the questions.
func (a *Accelerated) Traffic(g *Gateway) *Traffic {
	return &Traffic{Addr: To(g.Predict), Rate: AcceleratedRate, Pick: func(rng *rand.Rand) *Question { return &a.Questions[rng.IntN(len(a.Questions))] }}
}
