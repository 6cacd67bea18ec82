package onnxgen

import (
	"bytes"
	"path/filepath"
	"testing"

	"sluice/internal/onnxfile"
)

func TestFilesAreWhatTheyWereAskedToBe(t *testing.T) {
	f := func(m MLP, input, output string, floats int) {
		t.Helper()
		file, err := onnxfile.Parse(m.Bytes())
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		got, err := onnxfile.Infer(file, onnxfile.Rules{MaxBatch: 8})
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		s := got.Schema
		if !s.Batchable() || len(s.Inputs) != 1 || len(s.Outputs) != 1 || s.Inputs[0].Name != input || s.Outputs[0].Name != output {
			t.Errorf("%+v: schema %+v", m, s)
		}
		if in, out := s.Inputs[0].Shape, s.Outputs[0].Shape; in[1] != int64(m.Layers[0]) || out[1] != int64(m.Layers[len(m.Layers)-1]) {
			t.Errorf("%+v: shapes %v and %v", m, in, out)
		}
		// What is not weights is a few bytes for each node.
		if rest := len(m.Bytes()) - 4*floats; rest < 0 || rest > 200*(len(m.Layers)+m.Repeat)+200 {
			t.Errorf("%+v: %d bytes for %d weights", m, len(m.Bytes()), floats)
		}
	}
	f(MLP{Layers: []int{3, 2}}, "input", "output", 3*2+2)
	f(MLP{Layers: []int{4, 8, 5, 1}, Input: "x", Output: "y"}, "x", "y", 4*8+8+8*5+5+5+1)
	f(MLP{Layers: []int{4, 8, 1}, Repeat: 9}, "input", "output", 4*8+8+8*8+8+8+1)
}

func TestSameDescriptionSameBytes(t *testing.T) {
	m := MLP{Layers: []int{4, 8, 1}, Seed: 7}
	if !bytes.Equal(m.Bytes(), m.Bytes()) {
		t.Error("two files of one description differ")
	}
	other := m
	other.Seed = 8
	if bytes.Equal(m.Bytes(), other.Bytes()) {
		t.Error("another seed gave the same weights")
	}
}

func TestWriteMakesABundle(t *testing.T) {
	dir := t.TempDir()
	m := MLP{Layers: []int{4, 2}}
	if err := m.Write(filepath.Join(dir, "net"), "3"); err != nil {
		t.Fatal(err)
	}
	if _, err := onnxfile.Read(filepath.Join(dir, "net", "3", "model.onnx")); err != nil {
		t.Error(err)
	}
	if err := m.Write(filepath.Join(dir, "net", "3", "model.onnx"), "1"); err == nil {
		t.Error("a file in the way was no error")
	}
}
