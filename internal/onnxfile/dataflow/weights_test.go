package dataflow_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/dataflow"
)

// TestWeightsAreNotRead analyses a file that is nearly all weights: what is allocated must
// not follow their size.
func TestWeightsAreNotRead(t *testing.T) {
	g := vectors()
	g.Raw("w", f32, []int{4, 1 << 20}, make([]byte, 4*4<<20))
	data := g.Node("MatMul", "y", in("x", "w")).Output("y").File()
	m, err := onnxfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := dataflow.Analyze(data, m, dataflow.Question{})
	runtime.ReadMemStats(&after)
	if err != nil || r.Verdict.Kind != dataflow.Proven {
		t.Errorf("%v, %v", r, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", took, len(data))
	}
}

// TestExampleModels holds the models of the repository: all keep their rows apart.
func TestExampleModels(t *testing.T) {
	paths, err := filepath.Glob("../../../examples/models/*/*/model.onnx")
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d models, %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnxfile.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		r, err := dataflow.Analyze(data, m, dataflow.Question{})
		if err != nil || r.Verdict.Kind != dataflow.Proven {
			t.Errorf("%s: %v, %v", path, r.Verdict, err)
		}
	}
}
