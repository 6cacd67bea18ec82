package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/clock"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// childEnv makes the test binary another process, which opens the test models that it names.
const childEnv = "SLUICE_ONNX_TEST_CHILD"

func TestMain(m *testing.M) {
	if models := os.Getenv(childEnv); models != "" {
		os.Exit(localeChild(models))
	}
	goleak.VerifyTestMain(m)
}

// needLibrary loads ONNX Runtime, or skips the test where there is none: the library
// is not part of the repository (scripts/onnxruntime.sh fetches it).
func needLibrary(tb testing.TB) {
	tb.Helper()
	path := os.Getenv("SLUICE_ONNXRUNTIME")
	if path == "" {
		path = filepath.Join("..", "..", ".deps", "onnxruntime", "libonnxruntime.so")
		if _, err := os.Stat(path); err != nil {
			tb.Skip("no ONNX Runtime here: run scripts/onnxruntime.sh or set SLUICE_ONNXRUNTIME")
		}
	}
	lib := Library{Path: path}
	if _, err := os.Stat(filepath.Join(swiftShader, "libvulkan.so.1")); err == nil {
		lib.Folders = []string{swiftShader}
	}
	if err := Init(lib); err != nil {
		tb.Fatal(err)
	}
}

func modelPath(name string) string { return filepath.Join("testdata", name+".onnx") }

// openModel opens a test model as its file describes it; change may adjust the options.
func openModel(tb testing.TB, name string, rules onnxfile.Rules, change func(*Options)) *Session {
	tb.Helper()
	needLibrary(tb)
	m, err := onnxfile.Read(modelPath(name))
	if err != nil {
		tb.Fatal(err)
	}
	inf, err := onnxfile.Infer(m, rules)
	if err != nil {
		tb.Fatal(err)
	}
	o := Options{Schema: &inf.Schema, FixedBatch: inf.FixedBatch, External: len(m.External) > 0}
	if change != nil {
		change(&o)
	}
	s, err := Open(modelPath(name), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// newTask makes a task of the model with one input per shape and data.
func newTask(s *Session, rows int, inputs ...tensor.Tensor) *task.Task {
	t := task.Get()
	t.Rows = rows
	t.Inputs = append(t.Inputs[:0], inputs...)
	t.Wanted = uint64(1)<<len(s.schema.Outputs) - 1
	t.Reserve(len(s.schema.Outputs))
	return t
}

func whole(t *task.Task) task.Part { return task.Part{Task: t, From: 0, To: t.Rows} }

// run runs and scatters one batch.
func run(tb testing.TB, s *Session, parts ...task.Part) error {
	tb.Helper()
	timing, err := s.Run(0, parts, clock.Never)
	if err != nil {
		return err
	}
	if timing.Gathered == 0 || timing.Done < timing.Gathered {
		tb.Errorf("timing %+v", timing)
	}
	if err := s.Scatter(0, parts); err != nil {
		return err
	}
	for _, p := range parts {
		p.Task.Join()
	}
	return nil
}

func mustRun(tb testing.TB, s *Session, parts ...task.Part) {
	tb.Helper()
	if err := run(tb, s, parts...); err != nil {
		tb.Fatal(err)
	}
}

// encode gives values in the protocol's binary form.
func encode(values ...any) []byte {
	var b []byte
	for _, v := range values {
		if s, ok := v.(string); ok {
			b = tensor.AppendBytes(b, s)
			continue
		}
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

func dims(d ...int64) []int64 { return d }

func input(shape []int64, values ...any) tensor.Tensor {
	return tensor.Tensor{Shape: shape, Data: encode(values...)}
}

// failer is a testing.TB or a *rapid.T.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// wantOutput checks output k of a task: its shape, and its bytes as encode gives them.
func wantOutput(tb failer, t *task.Task, k int, shape []int64, values ...any) {
	tb.Helper()
	out := t.Outputs[k]
	if want := encode(values...); !slices.Equal(out.Shape, shape) || !slices.Equal(out.Data, want) {
		tb.Errorf("output %q has the shape %v and the data %s, want %v and %s", out.Name, out.Shape, show(out.Type, out.Data), shape, show(out.Type, want))
	}
}

func show(t tensor.DataType, data []byte) string {
	switch t {
	case tensor.FP32:
		var all []float32
		for ; len(data) >= 4; data = data[4:] {
			all = append(all, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
		return fmt.Sprint(all)
	case tensor.Bytes:
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("% x", data)
}
