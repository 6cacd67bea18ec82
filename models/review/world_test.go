package review

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/onnxgen"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session answers y = factor * x, with the factor of the lineage in model.yaml. A row that begins with 13 fails.
type session struct {
	schema *tensor.Schema
	mu     sync.Mutex
	factor float32
	out    map[int][]byte // by lane
}

func (s *session) Schema() *tensor.Schema { return s.schema }
func (s *session) Close() error           { return nil }

func (s *session) Run(lane int, parts []task.Part, _ clock.Instant) (task.Timing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out[lane] = nil
	for _, p := range parts {
		x := p.Task.Inputs[0]
		for i := p.From * 2; i < p.To*2; i++ {
			v := math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*i:]))
			if v == 13 && i%2 == 0 {
				return task.Timing{}, fault.New(fault.ModelRejectedInput, "13 is refused")
			}
			s.out[lane] = binary.LittleEndian.AppendUint32(s.out[lane], math.Float32bits(s.factor*v))
		}
	}
	return task.Timing{Done: clock.Now()}, nil
}

func (s *session) Scatter(lane int, parts []task.Part) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.out[lane]
	for _, p := range parts {
		n := 8 * p.Rows()
		if err := p.Task.SetRows(0, &s.schema.Outputs[0], []int64{2}, p.From, p.To, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// world is a registry over a folder of made models.
type world struct {
	*testing.T
	dir      string
	registry *models.Registry
	review   *Review
	refuse   error // of every replay
}

// linear is a file whose graph shows that rows keep apart.
func linear(g *onnxgen.Graph) string {
	return string(g.Input("x", onnxgen.Float32, "n", 2).Floats("w", []int{1}, 2).Node("Mul", "y", onnxgen.In("x", "w")).Shaped("y", onnxgen.Float32, "n", 2).File())
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{T: t, dir: t.TempDir()}
}

// put writes files by name and content into a version's folder.
func (w *world) put(version string, files ...string) {
	w.Helper()
	dir := filepath.Join(w.dir, "m", version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			w.Fatal(err)
		}
	}
}

// start loads what lies in the folder, up to keep versions.
func (w *world) start(keep int) {
	w.Helper()
	open := func(_ context.Context, b *bundle.Bundle) (bundle.Session, error) {
		factor, err := strconv.ParseFloat(b.Config.Lineage["factor"], 32)
		if err != nil {
			return nil, errors.New("there is no factor")
		}
		return &session{schema: b.Schema, factor: float32(factor), out: map[int][]byte{}}, nil
	}
	var err error
	w.registry, err = models.New(models.Options{
		Options: gates.Options{Devices: []gates.Device{{Name: "cpu", Open: open}}, WarmupBudget: time.Millisecond},
		Dir:     w.dir, KeepVersions: keep, Settle: time.Millisecond, RescanEvery: time.Hour,
	})
	if err == nil {
		err = w.registry.Start()
	}
	if err == nil {
		err = w.registry.Wait(w.Context())
	}
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := w.registry.Close(context.Background()); err != nil {
			w.Error(err)
		}
	})
	w.review = New(w.registry, w.replay)
}

// replay runs a task on the version's session.
func (w *world) replay(v *models.Version, t *task.Task) error {
	if t.Priority != task.Low || t.Deadline == clock.Never || t.Arrived == 0 {
		w.Errorf("a replayed task has the class %d, came at %v and has until %v", t.Priority, t.Arrived, t.Deadline)
	}
	if w.refuse != nil {
		return w.refuse
	}
	parts := []task.Part{{Task: t, To: t.Rows}}
	s := v.Preferred().Session
	_, err := s.Run(7, parts, t.Deadline)
	if err == nil {
		err = s.Scatter(7, parts)
	}
	t.Join()
	return err
}
