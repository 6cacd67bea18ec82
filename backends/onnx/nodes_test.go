package onnx

import (
	"maps"
	"testing"

	"sluice/internal/onnxfile"
)

func TestNodes(t *testing.T) {
	const entries = "padded"
	s := openModel(t, entries, onnxfile.Rules{MaxBatch: 8}, func(o *Options) { o.RecordNodes = true })
	got, err := s.Nodes()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !maps.Equal(got["CPUExecutionProvider"], map[string]int{"Add": 1, "Mul": 1, "ReduceSum": 1}) {
		t.Errorf("got %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Nodes(); err == nil {
		t.Error("a closed session lists nodes")
	}
	plain := openModel(t, entries, onnxfile.Rules{MaxBatch: 8}, nil)
	if _, err := plain.Nodes(); err == nil {
		t.Error("a session that did not record its nodes lists them")
	}
}
