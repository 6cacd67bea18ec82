package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"sluice/backends/onnx"
	"sluice/internal/clock"
	"sluice/internal/onnxfile"
	"sluice/internal/onnxgen"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// openNetwork writes a network and opens it on the CPU.
func openNetwork(t *testing.T, r onnxgen.ResNet, most int) *onnx.Session {
	t.Helper()
	library := os.Getenv("SLUICE_ONNXRUNTIME")
	if library == "" {
		t.Fatal("SLUICE_ONNXRUNTIME names no library: run make test")
	}
	if err := onnx.Init(onnx.Library{Path: library}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.Write(dir, "1"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "1", "model.onnx")
	file, err := onnxfile.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	inferred, err := onnxfile.Infer(file, onnxfile.Rules{MaxBatch: most})
	if err != nil {
		t.Fatal(err)
	}
	s, err := onnx.Open(path, onnx.Options{Schema: &inferred.Schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// images are drawn: one row of side x side pixels after the other.
func images(rows, side int) [][]byte {
	rng := rand.New(rand.NewPCG(11, 12))
	out := make([][]byte, rows)
	for i := range out {
		for range 3 * side * side {
			out[i] = binary.LittleEndian.AppendUint32(out[i], math.Float32bits(float32(rng.NormFloat64())))
		}
	}
	return out
}

// classify runs rows as one batch and returns their outputs.
func classify(t *testing.T, s *onnx.Session, side, classes int, rows ...[]byte) [][]float32 {
	t.Helper()
	k := task.Get()
	defer k.Release()
	k.Rows = len(rows)
	var data []byte
	for _, row := range rows {
		data = append(data, row...)
	}
	shape := []int64{int64(len(rows)), 3, int64(side), int64(side)}
	k.Inputs = append(k.Inputs[:0], tensor.Tensor{Name: "input", Type: tensor.FP32, Shape: shape, Data: data})
	k.Wanted = 1
	k.Reserve(1)
	parts := []task.Part{{Task: k, From: 0, To: len(rows)}}
	if _, err := s.Run(0, parts, clock.Never); err != nil {
		t.Fatal(err)
	}
	if err := s.Scatter(0, parts); err != nil {
		t.Fatal(err)
	}
	k.Join()
	got := k.Outputs[0]
	if len(got.Data) != 4*classes*len(rows) {
		t.Fatalf("%d rows gave an output of shape %v", len(rows), got.Shape)
	}
	out := make([][]float32, len(rows))
	for i := range out {
		for j := range classes {
			out[i] = append(out[i], math.Float32frombits(binary.LittleEndian.Uint32(got.Data[4*(i*classes+j):])))
		}
	}
	return out
}

// spread is the root of the mean square of a row, and how far two rows are apart by the
// same measure.
func spread(a, b []float32) (size, apart float64) {
	for i := range a {
		size += float64(a[i]) * float64(a[i]) / float64(len(a))
		apart += math.Pow(float64(a[i]-b[i]), 2) / float64(len(a))
	}
	return math.Sqrt(size), math.Sqrt(apart)
}

func TestResNetRunsAndItsRowsAreIndependent(t *testing.T) {
	f := func(r onnxgen.ResNet, rows int) {
		t.Helper()
		s := openNetwork(t, r, rows)
		in := images(rows, r.Side)
		together := classify(t, s, r.Side, r.Classes, in...)
		for i := range in {
			alone := classify(t, s, r.Side, r.Classes, in[i])[0]
			for j, v := range alone {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%d blocks, row %d: output %d is %v", r.Blocks, i, j, v)
				}
			}
			size, apart := spread(alone, together[i])
			if apart > 1e-4*size {
				t.Errorf("%d blocks: row %d alone and in a batch are %g apart, of %g", r.Blocks, i, apart, size)
			}
			// Activations neither vanish nor explode on their way through the layers.
			if size < 0.05 || size > 50 {
				t.Errorf("%d blocks: the outputs of row %d have the size %g", r.Blocks, i, size)
			}
			other := together[(i+1)%rows]
			if _, apart := spread(alone, other); apart < 1e-3*size {
				t.Errorf("%d blocks: different images give outputs %g apart, of %g", r.Blocks, apart, size)
			}
		}
	}
	f(onnxgen.TinyResNet(1), 5)
	f(onnxgen.ResNet50(1), 2)
}
