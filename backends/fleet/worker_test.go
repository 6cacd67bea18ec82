package fleet

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/backends"
	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
)

const examples = "../../examples/models"

// needLibrary loads ONNX Runtime, or skips where it has not been fetched.
func needLibrary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("SLUICE_ONNXRUNTIME")
	if path == "" {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
	if err := onnx.Init(onnx.Library{Path: path}); err != nil {
		t.Fatal(err)
	}
	return path
}

// startWorker starts a worker for the CPU, which is this binary: one for two batches at once, or a
// serial one.
func startWorker(t testing.TB, serial bool) *worker.Device {
	t.Helper()
	o := worker.Options{Name: "cpu", Serial: serial, Command: workerProcess(needLibrary(t), &Settings{Name: "cpu"})}
	if !serial {
		o.Lanes = 2
	}
	d, err := worker.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestWorkerPassesTheGates takes each example through all load gates over a session in a
// worker: golden rows, batch invariance and warm-up see no difference.
func TestWorkerPassesTheGates(t *testing.T) {
	d := startWorker(t, true)
	o := models.Options{Dir: examples, Options: gates.Options{Devices: []gates.Device{workerDevice(d, 2)}}}
	bundles, faults, err := models.Find(o)
	if err != nil || len(faults) > 0 || len(bundles) != 4 {
		t.Fatalf("found %d bundles, %v, %v", len(bundles), faults, err)
	}
	for _, b := range bundles {
		report, err := models.Check(context.Background(), o, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range report.Gates {
			if v.Outcome == gates.Refused {
				t.Errorf("%s: gate %s: %s (%s)", b.Label(), v.Gate, v.Text, v.Detail)
			}
		}
		if len(report.Curve) == 0 {
			t.Errorf("%s was not warmed up", b.Label())
		}
		if len(report.Devices) != 1 || report.Devices[0].State != gates.Placed {
			t.Errorf("%s is not placed: %+v", b.Label(), report.Devices)
		}
	}
	if s := d.Status(); s.Starts != 1 {
		t.Errorf("the worker was started %d times: %s", s.Starts, s.Reason)
	}
}

// workerDevice is a worker as the registry sees it.
func workerDevice(d *worker.Device, lanes int) gates.Device {
	return gates.Device{Name: "cpu", Lanes: lanes, Open: func(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) {
		m := Model{Path: b.OpenPath(), Digest: b.Digest, Schema: b.Schema, FixedBatch: b.FixedBatch, External: b.External, Lanes: b.Lanes}
		return openInWorker(ctx, d, &m, &Settings{Name: "cpu"})
	}}
}

// TestWorkerAnswersAsTheGatewayItself runs the same batches in both processes: every example,
// and test models with outputs of every form.
func TestWorkerAnswersAsTheGatewayItself(t *testing.T) {
	d := startWorker(t, false)
	paths, err := filepath.Glob(examples + "/*/1/model.onnx")
	if err != nil || len(paths) < 4 {
		t.Fatalf("found %d examples, %v", len(paths), err)
	}
	for _, name := range []string{"id_fp32", "id_fp16_dynamic", "id_bytes", "dynamic_output", "fixed4", "padded", "scalar", "external", "zipmap_int64s", "zipmap_strings", "lower", "nonzero", "unshaped"} {
		paths = append(paths, filepath.Join("../../backends/onnx/testdata", name+".onnx"))
	}
	for _, path := range paths {
		t.Run(strings.TrimPrefix(path, "../../"), func(t *testing.T) {
			path, err := filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			here, there := openBoth(t, d, path, nil)
			for _, rows := range []int{1, 2, 3, 4} {
				if most := max(here.Schema().MaxBatch, 1); rows <= most {
					compareRuns(t, here, there, rows)
				}
			}
		})
	}
}

// openBoth opens a file as it describes itself; change may adjust that, nil leaves it.
func openBoth(t testing.TB, d *worker.Device, path string, change func(*onnxfile.Inference)) (here, there backends.Session) {
	t.Helper()
	m, err := onnxfile.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	inf, err := onnxfile.Infer(m, onnxfile.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(inf)
	}
	external := len(m.External) > 0
	own, err := onnx.Open(path, onnx.Options{Schema: &inf.Schema, FixedBatch: inf.FixedBatch, External: external})
	if err != nil {
		t.Fatal(err)
	}
	other, err := d.Open(context.Background(), worker.Spec{Path: path, Schema: &inf.Schema, FixedBatch: inf.FixedBatch, External: external})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	return own, other
}

// compareRuns runs a batch of single rows in both sessions and wants the same bytes, or a
// refusal by both.
func compareRuns(t *testing.T, here, there backends.Session, rows int) {
	t.Helper()
	if err := there.RunRaw(0, rows); (err == nil) != (here.RunRaw(0, rows) == nil) {
		t.Errorf("a blank batch of %d rows ended with %v", rows, err)
	}
	one, other := sampleBatch(here.Schema(), rows), sampleBatch(here.Schema(), rows)
	wantErr, gotErr := runBatch(here, one), runBatch(there, other)
	if wantErr != nil || gotErr != nil {
		want, got := fault.Of(wantErr), fault.Of(gotErr)
		if want == nil || got == nil || want.Kind != got.Kind || want.Text != got.Text {
			t.Errorf("%d rows ended with %v, and %v in the worker", rows, wantErr, gotErr)
		}
		return
	}
	for i := range one {
		for k, want := range one[i].Task.Outputs {
			got := other[i].Task.Outputs[k]
			if got.Name != want.Name || got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%d rows: row %d, output %q: %v %x in the worker, %v %x here", rows, i, want.Name, got.Shape, got.Data, want.Shape, want.Data)
			}
		}
	}
}

func runBatch(s backends.Session, parts []task.Part) error {
	if _, err := s.Run(0, parts, clock.Now().Add(30*time.Second)); err != nil {
		return err
	}
	if err := s.Scatter(0, parts); err != nil {
		return err
	}
	for _, p := range parts {
		p.Task.Join()
	}
	return nil
}

// sampleBatch makes tasks of one row whose values depend on the row.
func sampleBatch(s *tensor.Schema, rows int) (parts []task.Part) {
	for row := range rows {
		t := task.Get()
		t.Rows, t.Wanted = 1, ^uint64(0)
		t.Reserve(len(s.Outputs))
		for _, spec := range s.Inputs {
			shape := slices.Clone(spec.Shape)
			for axis, d := range shape {
				if d < 0 && (axis > 0 || !s.Batchable()) {
					shape[axis] = 2
				}
			}
			if s.Batchable() {
				shape[0] = 1
			}
			n, _ := tensor.Elements(shape)
			in := tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: shape}
			for i := range int(n) {
				in.Data = appendSample(in.Data, spec.Type, row+i)
			}
			t.Inputs = append(t.Inputs, in)
		}
		parts = append(parts, task.Part{Task: t, From: 0, To: 1})
	}
	return parts
}

func appendSample(data []byte, d tensor.DataType, i int) []byte {
	switch d {
	case tensor.FP32:
		return binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i%17)/8-1))
	case tensor.FP64:
		return binary.LittleEndian.AppendUint64(data, math.Float64bits(float64(i%17)/8-1))
	case tensor.Bytes:
		return tensor.AppendBytes(data, fmt.Sprint("Word ", i))
	}
	// Small integers, and the smallest numbers of half precision.
	return append(append(data, byte(i%2)), make([]byte, d.Size()-1)...)
}
