package onnxfile

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/tensor"
)

func infer(t *testing.T, rules Rules, fields ...[]byte) (*Inference, error) {
	t.Helper()
	m, err := Parse(model(fields))
	if err != nil {
		t.Fatal(err)
	}
	return Infer(m, rules)
}

func TestBatchAxis(t *testing.T) {
	f := func(rules Rules, batch, fixed int, reason string, fields ...[]byte) {
		t.Helper()
		inf, err := infer(t, rules, fields...)
		if err != nil {
			t.Errorf("refused: %v", err)
			return
		}
		if inf.Schema.MaxBatch != batch || inf.FixedBatch != fixed || !strings.Contains(inf.Reason, reason) || (reason == "") != (inf.Reason == "") {
			t.Errorf("batch %d, fixed %d, %q; want %d, %d, %q", inf.Schema.MaxBatch, inf.FixedBatch, inf.Reason, batch, fixed, reason)
		}
	}
	none := Rules{}
	user, item := named(inputs, "user", sized(1, "one", 4)), named(inputs, "user", sized(1, 1, 4))
	f(none, 64, 0, "", in("batch", 4), out("batch", 2))
	f(Rules{MaxBatch: 8}, 8, 0, "", in("batch", 4), out("batch", 2))
	f(none, 64, 0, "", in(nil, 4), out(nil, 2))
	f(none, 64, 0, "", in("batch", 4), named(outputs, "y", message(1, varint(1, 1))))
	f(none, 64, 0, "", in("batch", 4), out("found", 2))
	f(none, 64, 0, "", user, in("n", 4), out("n", 2))
	f(none, 0, 0, `"x" has the batch's dimension "n" on axis 1 too`, in("n", "n"), out("n"))
	f(none, 64, 0, "", in("n", "seq"), out("n", "n"))
	f(none, 64, 0, "", in("n", 4), out(1, 2))
	f(none, 64, 0, "", in("n", 4), out())
	f(none, 0, 0, `input "k" is a scalar`, in("n", 4), named(inputs, "k", sized(1)), out("n"))
	f(none, 1, 1, "", in(1, 4), out(1, 2))
	f(none, 4, 4, "", in(4, 4), out(4, 2))
	f(Rules{MaxBatch: 2}, 4, 4, "", in(4, 4), out(4, 2))
	f(none, 0, 0, "axis 0 at 5000", in(5000, 4), out(5000, 2))
	f(none, 0, 0, `axis 0 of input "z" is 2 where others have 4`, in(4, 4), named(inputs, "z", sized(1, 2)), out(4, 2))
	f(none, 0, 0, `axis 0 of input "user" is 1 where others have "n"; if a request gives it once for all its rows, name it under once`, item, in("n", 4), out("n"))
	f(Rules{Once: []string{"user"}}, 64, 0, "", item, in("n", 4), out("n"))
	f(Rules{Once: []string{"user"}}, 64, 0, "", user, in("n", 4), out("n"))
	f(Rules{Once: []string{"x"}}, 0, 0, `"x" is to be given once a request and the file fixes its axis 0 at 3`, user, in(3, 4), out("n"))
	f(Rules{Once: []string{"x"}}, 0, 0, "none carries rows", in("n", 4), out("n"))
	f(Rules{Whole: true}, 0, 0, "switched off", in("batch", 4), out("batch", 2))
}

// TestOnceCandidates holds which inputs look as if a request gave them once.
func TestOnceCandidates(t *testing.T) {
	f := func(want string, fields ...[]byte) {
		t.Helper()
		inf, err := infer(t, Rules{}, fields...)
		if err != nil || strings.Join(inf.OnceCandidates, " ") != want {
			t.Errorf("%v, %v; want %q", inf, err, want)
		}
	}
	second := func(dims ...any) []byte { return named(inputs, "u", sized(1, dims...)) }
	f("u", second("b", 4), in("n", 4), out("n"))
	f("u", second(1, 4), in("n", 4), out("n"))
	f("", second("n", 4), in("n", 4), out("n"))
	f("", second(nil, 4), in("n", 4), out("n"))
	f("", second("b", 4), in("n", 4), out("k"))
	f("", second("b", 4), in("n", 4), out("n"), named(outputs, "z", sized(1, "b")))
	f("", second(1, 4), in(1, 4), out(1))
}

// TestOnceAndOptionalInputs holds their specs, and what is refused.
func TestOnceAndOptionalInputs(t *testing.T) {
	weight := message(5, message(8, []byte("scale")))
	scale := named(inputs, "scale", sized(1, 1))
	fields := func(ir uint64) []byte {
		return slices.Concat(varint(1, ir), message(7, slices.Concat(in("n", 4), named(inputs, "u", sized(1, 1, 2)), scale, weight, out("n", 4))))
	}
	f := func(ir uint64, rules Rules, want string) *Inference {
		t.Helper()
		m, err := Parse(fields(ir))
		if err != nil {
			t.Fatal(err)
		}
		inf, err := Infer(m, rules)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		return inf
	}
	inf := f(8, Rules{Once: []string{"u"}, Optional: []string{"scale"}}, "")
	if s := inf.Schema; !s.Inputs[1].Once || s.Inputs[1].Shape[0] != 1 || s.Inputs[0].Once || len(s.Optional) != 1 || !slices.Equal(s.Optional[0].Shape, []int64{1}) {
		t.Errorf("%+v", s)
	}
	f(3, Rules{Optional: []string{"scale"}}, "IR version 3")
	f(8, Rules{Optional: []string{"x"}}, `optional names "x", which is no input with a value in the file; such inputs are: scale`)
	f(8, Rules{Once: []string{"y"}}, `once names "y", which is no input; the model has x, u`)
}

func TestSchema(t *testing.T) {
	inf, err := infer(t, Rules{MaxRows: 10}, named(inputs, "ids", sized(7, "n", "seq")), in("n", 3), named(outputs, "s", sized(8, "n")),
		named(outputs, "h", sized(10, "n", nil, 5)))
	if err != nil {
		t.Fatal(err)
	}
	s := inf.Schema
	f := func(spec tensor.Spec, name string, kind tensor.DataType, shape ...int64) {
		t.Helper()
		if spec.Name != name || spec.Type != kind || !slices.Equal(spec.Shape, shape) {
			t.Errorf("%+v, want %s %s %v", spec, name, kind, shape)
		}
	}
	f(s.Inputs[0], "ids", tensor.Int64, -1, -1)
	f(s.Inputs[1], "x", tensor.FP32, -1, 3)
	f(s.Outputs[0], "s", tensor.Bytes, -1)
	f(s.Outputs[1], "h", tensor.FP16, -1, -1, 5)
	if s.MaxBatch != 64 || s.MaxRows != 64 {
		t.Errorf("MaxBatch %d, MaxRows %d", s.MaxBatch, s.MaxRows)
	}
	if inf, err = infer(t, Rules{}, in(4, 3), out(4, 2)); err != nil || inf.Schema.MaxRows != 1024 || inf.Schema.Inputs[0].Shape[0] != -1 {
		t.Errorf("a fixed batch gives %+v, %v", inf, err)
	}
	if inf, err = infer(t, Rules{Whole: true}, in(4, 3), out(4, 2)); err != nil || inf.Schema.Inputs[0].Shape[0] != 4 || inf.Schema.MaxRows != 0 {
		t.Errorf("a whole model gives %+v, %v", inf, err)
	}
}

func TestInferRefuses(t *testing.T) {
	f := func(text string, fields ...[]byte) {
		t.Helper()
		if inf, err := infer(t, Rules{}, fields...); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("ended with %+v, %v, want %q", inf, err, text)
		}
	}
	f("no inputs", out("n"))
	f("no outputs", in("n"))
	f("operator EPContext", in("n"), out("n"), node("com.microsoft", "EPContext"))
	f("does not bring: mine.A, mine.B", in("n"), out("n"), node("mine", "B"), node("mine", "A"))
	f(`two inputs have the name "x"`, in("n"), in("n"), out("n"))
	f(`an input has the name ""`, named(inputs, "", sized(1, "n")), out("n"))
	f(`an output has the name "a\x00"`, in("n"), named(outputs, "a\x00", sized(1, "n")))
	f(`input "x" is a sequence`, named(inputs, "x", message(4, message(1, sized(1, 1)))), out("n"))
	f(`input "x" is an optional`, named(inputs, "x", message(9, message(1, sized(1, 1)))), out("n"))
	f(`output "y" is a map`, in("n"), named(outputs, "y", message(5, varint(1, 7), message(2, sized(1)))))
	f(`output "y" is a sequence`, in("n"), named(outputs, "y", message(4, message(1, sized(1, 1)))))
	f(`output "y" is a sparse tensor`, in("n"), named(outputs, "y", message(8)))
	f(`input "x" has elements of type complex64`, named(inputs, "x", sized(14, "n")), out("n"))
	f(`input "x" has elements of type number 99`, named(inputs, "x", sized(99, "n")), out("n"))
	f(`input "x" has no shape`, named(inputs, "x", message(1, varint(1, 1))), out("n"))
	f(`input "x" has size 0 on axis 1`, in("n", 0), out("n"))
	f(`input "x" of shape [64 4194304 2] is larger than`, in("n", 1<<22, 2), out("n"))
	f(`output "y" of shape [64 4611686018427387904 4] is larger`, in("n"), out("n", 1<<62, 4))
	many := [][]byte{in("n")}
	for i := range 65 {
		many = append(many, named(outputs, "y"+strconv.Itoa(i), sized(1, "n")))
	}
	f("65 outputs; 64 are the most", many...)
}

// TestExportedFiles reads files that the onnx package wrote.
func TestExportedFiles(t *testing.T) {
	f := func(name string, batch, fixed int, reason string, outputs ...tensor.Spec) {
		t.Helper()
		m, err := Read(filepath.Join("..", "..", "backends", "onnx", "testdata", name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		inf, err := Infer(m, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		s := inf.Schema
		if s.MaxBatch != batch || inf.FixedBatch != fixed || !strings.Contains(inf.Reason, reason) {
			t.Errorf("%s: batch %d, fixed %d, %q", name, s.MaxBatch, inf.FixedBatch, inf.Reason)
		}
		for k, want := range outputs {
			got := s.Outputs[k]
			if got.Name != want.Name || got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.Labels, want.Labels) {
				t.Errorf("%s: output %+v, want %+v", name, got, want)
			}
		}
	}
	same := tensor.Spec{Name: "same", Type: tensor.FP32, Shape: []int64{-1, 3}}
	probabilities := func(labels ...string) tensor.Spec {
		return tensor.Spec{Name: "probabilities", Type: tensor.FP32, Shape: []int64{-1, 3}, Labels: labels}
	}
	f("simple", 64, 0, "", tensor.Spec{Name: "OUTPUT0", Type: tensor.Int32, Shape: []int64{-1, 16}})
	f("zipmap_strings", 64, 0, "", same, probabilities("cat", "ant", "bee"))
	f("zipmap_int64s", 64, 0, "", same, probabilities("7", "3", "5"))
	f("unshaped", 64, 0, "", tensor.Spec{Name: "y", Type: tensor.FP32, Shape: []int64{-1, -1}})
	f("fixed4", 4, 4, "")
	f("nonzero", 64, 0, "")
	f("scalar", 0, 0, `input "k" is a scalar`)
	f("external", 64, 0, "")
}
