package models

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// fakeFile is what a test writes as model.onnx: y = factor * x over rows of two floats.
type fakeFile struct {
	Factor float32
	// Coupled adds the batch's first value to every row; Leaky the padding's length.
	Coupled, Leaky bool
	// Sequence gives x a free second axis, summed into y.
	Sequence bool
	// FailRun fails every run, FailAbove those of more rows, FailOpen the opening.
	FailRun, FailOpen bool
	FailAbove         int
	MaxLength         int // a longer row fails
	Reason            string
	Cost              time.Duration // of one row
	// Labels adds a whole number and a string to each row's answer.
	Labels bool
}

func inspectFake(b *bundle.Bundle) (*bundle.Graph, error) {
	f, err := readFake(b)
	if err != nil {
		return nil, err
	}
	g := &bundle.Graph{
		Schema: tensor.Schema{
			Inputs:   []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 2}}},
			Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 2}}},
			MaxBatch: b.Config.MaxBatch, MaxRows: b.Config.MaxRows,
		},
		InputAxes: [][]string{{"batch", ""}}, OutputAxes: [][]string{{"batch", ""}},
		Reason: f.Reason,
	}
	if f.Labels {
		g.Schema.Outputs = append(g.Schema.Outputs,
			tensor.Spec{Name: "label", Type: tensor.Int64, Shape: []int64{-1}}, tensor.Spec{Name: "name", Type: tensor.Bytes, Shape: []int64{-1, 1}})
		g.OutputAxes = append(g.OutputAxes, []string{"batch"}, []string{"batch", ""})
	}
	if f.Sequence {
		g.Schema.Inputs[0].Shape[1] = -1
		g.InputAxes[0][1] = "seq"
	}
	return g, nil
}

func readFake(b *bundle.Bundle) (fakeFile, error) {
	var f fakeFile
	text, err := os.ReadFile(b.OpenPath())
	if err == nil {
		if err = json.Unmarshal(text, &f); err != nil {
			err = errors.New("not a valid fake file")
		}
	}
	return f, err
}

// fakeSession runs a fakeFile as a real session would: lanes, padding, shapes.
type fakeSession struct {
	file   fakeFile
	device *fakeDevice
	schema *tensor.Schema
	closed *atomic.Int64 // counts closed sessions
	inside atomic.Int64
	done   atomic.Bool
	lanes  []fakeLane
}

// fakeLane holds the outputs by row.
type fakeLane struct {
	busy   atomic.Bool
	rows   [][]float32
	labels []int64
}

var _ task.Runner = (*fakeSession)(nil)

func (s *fakeSession) Schema() *tensor.Schema { return s.schema }

func (s *fakeSession) Close() error {
	if s.inside.Load() != 0 {
		return errors.New("closed while running")
	}
	if s.done.Swap(true) {
		s.closed.Add(1) // so that the counts differ from those of the opened
		return errors.New("closed twice")
	}
	s.closed.Add(1)
	s.device.closed.Add(1)
	return nil
}

func (s *fakeSession) Run(lane int, parts []task.Part, _ clock.Instant) (task.Timing, error) {
	s.inside.Add(1)
	defer s.inside.Add(-1)
	if s.done.Load() {
		return task.Timing{}, errors.New("run after close")
	}
	if s.lanes[lane].busy.Swap(true) {
		panic("BUG: two runs on one lane")
	}
	defer s.lanes[lane].busy.Store(false)
	d := s.device
	if d.lose.Load() {
		return task.Timing{}, &task.DeviceError{Sticky: true, Cause: errors.New("the worker died")}
	}
	rows := s.gather(parts)
	d.ran.Store(len(rows), true)
	if lane == d.lanes {
		d.spareRuns.Add(1)
		if d.onSpare != nil {
			d.onSpare()
		}
	}
	above := max(s.file.FailAbove, d.failAbove)
	if s.file.FailRun || d.failRun || above > 0 && len(rows) > above {
		return task.Timing{}, fault.Wrap(fault.InferenceFailed, errors.New("library text"), "the run failed")
	}
	if s.file.MaxLength > 0 && len(rows[0]) > s.file.MaxLength {
		return task.Timing{}, fault.New(fault.ModelRejectedInput, "row too long")
	}
	if len(rows[0]) < d.minLength {
		return task.Timing{}, fault.New(fault.ModelRejectedInput, "row too short")
	}
	for start := time.Now(); time.Since(start) < time.Duration(len(rows))*s.file.Cost; {
	}
	run := fakeRun{rows: rows, out: s.compute(rows), labels: make([]int64, len(rows))}
	if d.distort != nil {
		d.distort(&run)
	}
	s.lanes[lane].rows, s.lanes[lane].labels = run.out, run.labels
	return task.Timing{Done: clock.Now()}, nil
}

func (s *fakeSession) compute(rows [][]float32) [][]float32 {
	out := make([][]float32, len(rows))
	for i, row := range rows {
		out[i] = []float32{s.file.Factor * row[0], s.file.Factor * row[1%len(row)]}
		if s.file.Sequence {
			sum := float32(0)
			for _, x := range row {
				sum += x
			}
			out[i] = []float32{sum, s.file.Factor}
		}
		if s.file.Coupled {
			out[i][0] += rows[0][0]
		}
		if s.file.Leaky {
			out[i][0] += float32(len(row))
		}
		for k := range out[i] {
			out[i][k] += s.device.delta
		}
		if s.device.nan {
			out[i][0] = float32(math.NaN())
		}
	}
	return out
}

// gather pads to the bucket of the longest row.
func (s *fakeSession) gather(parts []task.Part) [][]float32 {
	var rows [][]float32
	longest := 0
	for _, p := range parts {
		x := p.Task.Inputs[0]
		per := tensor.RowElements(x.Shape)
		for r := p.From; r < p.To; r++ {
			row := make([]float32, per)
			for i := range row {
				row[i] = math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*(r*per+i):]))
			}
			rows = append(rows, row)
		}
		longest = max(longest, per)
	}
	if alone := len(parts) == 1 && parts[0].Task.Unpadded; s.schema.Padding != nil && !alone {
		longest = s.schema.Padding.Bucket(longest)
	}
	for i := range rows {
		rows[i] = append(rows[i], make([]float32, longest-len(rows[i]))...)
	}
	return rows
}

func (s *fakeSession) Scatter(lane int, parts []task.Part) error {
	at := 0
	for _, p := range parts {
		var data [3][]byte
		for range p.Rows() {
			row := s.lanes[lane].rows[at]
			data[0] = append(data[0], floats(row...)...)
			data[1] = binary.LittleEndian.AppendUint64(data[1], uint64(7+s.device.label+s.lanes[lane].labels[at]))
			data[2] = tensor.AppendBytes(data[2], "class"+s.device.suffix)
			at++
		}
		for k := range s.schema.Outputs {
			spec := &s.schema.Outputs[k]
			if !s.schema.Batchable() {
				p.Task.SetWhole(k, spec, append([]int64{1}, spec.Shape[1:]...), data[k])
			} else if err := p.Task.SetRows(k, spec, spec.Shape[1:], p.From, p.To, data[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func floats(values ...float32) []byte {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}

// request asks for rows of x.
func request(rows int, values ...float32) *task.Task {
	t := task.Get()
	t.Inputs = append(t.Inputs[:0], tensor.Tensor{Name: "x", Type: tensor.FP32, Shape: []int64{int64(rows), int64(len(values) / rows)}, Data: floats(values...)})
	t.Rows, t.Wanted, t.Deadline = rows, ^uint64(0), clock.Never
	return t
}

// ask answers requests in one run of a session.
func ask(t *testing.T, s bundle.Session, tasks ...*task.Task) {
	t.Helper()
	var parts []task.Part
	for _, tk := range tasks {
		outputs := len(s.Schema().Outputs)
		tk.Wanted >>= 64 - outputs
		tk.Reserve(outputs)
		parts = append(parts, task.Part{Task: tk, To: tk.Rows})
	}
	_, err := s.Run(0, parts, clock.Never)
	if err == nil {
		err = s.Scatter(0, parts)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tk := range tasks {
		tk.Join()
	}
}

// world is a models folder with fake sessions over it.
type world struct {
	dir            string
	opened, closed atomic.Int64
	gate           func(*bundle.Bundle) error // called in Open; may block
	cpu            *fakeDevice
	copies         *bundle.Copies
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	copies, err := bundle.OpenCopies(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := copies.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{dir: dir, cpu: &fakeDevice{name: "cpu", lanes: 2}, copies: copies}
}

// options are those of a server with these devices before its CPU.
func (w *world) options(before ...*fakeDevice) Options {
	o := Options{
		Options: gates.Options{Copies: w.copies, Inspect: inspectFake, WarmupBudget: 50 * time.Millisecond},
		Dir:     w.dir, Settle: 20 * time.Millisecond, RescanEvery: time.Hour, DrainDeadline: 5 * time.Second,
	}
	for _, d := range append(before, w.cpu) {
		o.Devices = append(o.Devices, d.device(w))
	}
	return o
}

// fakeSum is the digest of the file that put writes.
func fakeSum(t *testing.T, f fakeFile) string {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// put writes a bundle: the fake file and other files by name and content.
func (w *world) put(t *testing.T, label string, f fakeFile, more ...string) *bundle.Bundle {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.dir, label)
	hidden := filepath.Join(w.dir, ".incoming")
	for i, content := range slices.Concat([]string{bundle.ModelFile, string(text)}, more) {
		if i%2 == 0 {
			continue
		}
		name := slices.Concat([]string{bundle.ModelFile, ""}, more)[i-1]
		if err := os.MkdirAll(hidden, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(hidden, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(hidden, dir); err != nil {
		t.Fatal(err)
	}
	return &bundle.Bundle{Name: filepath.Dir(label), Version: filepath.Base(label), Dir: dir, ModelName: bundle.ModelFile}
}
