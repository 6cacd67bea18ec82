package onnxgen

import (
	"bytes"
	"testing"

	"sluice/internal/onnxfile"
)

// The counts are those of ResNet-50 v1.5 with its 26,560 pairs of batch norm scale and
// shift folded into as many biases.
func TestResNet50HasItsSize(t *testing.T) {
	r := ResNet50(1)
	if got := r.Parameters(); got != 25_530_472 {
		t.Errorf("%d parameters", got)
	}
	if got := r.MACs(); got < 4_080_000_000 || got > 4_120_000_000 {
		t.Errorf("%d multiplications a row", got)
	}
}

func TestResNetFilesAreWhatTheyWereAskedToBe(t *testing.T) {
	f := func(r ResNet, input, output string) {
		t.Helper()
		text := r.Bytes()
		file, err := onnxfile.Parse(text)
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		got, err := onnxfile.Infer(file, onnxfile.Rules{MaxBatch: 8})
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		s := got.Schema
		if !s.Batchable() || len(s.Inputs) != 1 || len(s.Outputs) != 1 || s.Inputs[0].Name != input || s.Outputs[0].Name != output {
			t.Fatalf("%+v: schema %+v", r, s)
		}
		in, out := s.Inputs[0].Shape, s.Outputs[0].Shape
		if side := int64(r.Side); len(in) != 4 || in[1] != 3 || in[2] != side || in[3] != side || len(out) != 2 || out[1] != int64(r.Classes) {
			t.Errorf("%+v: shapes %v and %v", r, in, out)
		}
		// What is not weights is some hundred bytes for each layer.
		layers := 4
		for _, blocks := range r.Blocks {
			layers += 8 * blocks
		}
		if rest := len(text) - 4*r.Parameters(); rest < 0 || rest > 250*layers+200 {
			t.Errorf("%+v: %d bytes for %d weights", r, len(text), r.Parameters())
		}
	}
	f(TinyResNet(1), "input", "output")
	f(ResNet{Side: 64, Stem: 2, Blocks: []int{2, 1, 3}, Classes: 3, Input: "x", Output: "y"}, "x", "y")
}

func TestSameResNetSameBytes(t *testing.T) {
	if !bytes.Equal(TinyResNet(3).Bytes(), TinyResNet(3).Bytes()) {
		t.Error("two files of one description differ")
	}
	if bytes.Equal(TinyResNet(3).Bytes(), TinyResNet(4).Bytes()) {
		t.Error("another seed gave the same weights")
	}
}

func TestNoResNetOfAnOddSide(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a side of 33 pixels was halved three times")
		}
	}()
	r := TinyResNet(1)
	r.Side = 33
	r.Bytes()
}
