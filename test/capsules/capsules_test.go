package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/longtest"
	"sluice/internal/tensor"
	"sluice/test/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const examples = "../../examples/models"

// TestCapsules is the command with fewer requests.
func TestCapsules(t *testing.T) {
	longtest.Skip(t)
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		t.Skip("ONNX Runtime is not here: SLUICE_ONNXRUNTIME names it")
	}
	dir := t.TempDir()
	binary, err := rig.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	of := &trial{binary: binary, examples: examples, device: worker, dir: dir, say: t.Logf}
	if err := of.run(2000); err != nil {
		t.Error(err)
	}
}

// A change is of one number, wherever the file has it.
func TestChangeIsOfOneNumber(t *testing.T) {
	for i := range models {
		m := &models[i]
		file, err := os.ReadFile(filepath.Join(examples, m.name, "1", "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(file)
		if err := m.change.apply(changed); err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		first, last := -1, -1
		for k := range file {
			if file[k] != changed[k] {
				if first < 0 {
					first = k
				}
				last = k
			}
		}
		if first < 0 || last-first > 3 || len(changed) != len(file) {
			t.Errorf("%s: bytes %d to %d of %d are others", m.name, first, last, len(file))
		}
	}
	if err := (change{weight: "nope"}).apply(bytes.Clone(nil)); err == nil {
		t.Error("a weight that is not there was changed")
	}
}

func TestApart(t *testing.T) {
	of := func(kind tensor.DataType, data []byte) answer {
		return answer{outputs: []tensor.Tensor{{Name: "y", Type: kind, Data: data}}}
	}
	number := func(v float32) answer {
		return of(tensor.FP32, binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	f := func(got, want answer, far float64) {
		t.Helper()
		if a := apart(got, want); math.Abs(a-far) > 1e-3 && a != far {
			t.Errorf("%v and %v are %v apart, want %v", got, want, a, far)
		}
	}
	f(number(1), number(1), 0)
	f(number(1+0.0022), number(1), 2)
	f(number(float32(math.NaN())), number(1), math.Inf(1))
	f(of(tensor.Int64, []byte("12345678")), of(tensor.Int64, []byte("12345678")), 0)
	f(of(tensor.Int64, []byte("12345678")), of(tensor.Int64, []byte("12345670")), math.Inf(1))
	f(of(tensor.Int64, []byte("12345678")), number(1), math.Inf(1))
	f(answer{}, number(1), math.Inf(1))
}
