package onnxfile

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	m, err := Parse(model(graph(
		node("", "Gemm"),
		node("ai.onnx", "If", message(5, text(1, "then_branch"), message(6, node("com.microsoft", "Gelu")))),
		node("mine", "Local"),
		message(5, varint(1, 3), varint(2, 1), text(8, "w"), message(9, make([]byte, 12))),
		in("batch", 4, nil), named(inputs, "w", sized(1, 3)), out("batch")),
		text(2, "exporter"), text(3, "1.2"),
		message(8, text(1, "ai.onnx.ml"), varint(2, 3)), message(8, varint(2, 17)),
		message(14, text(1, "author"), text(2, "somebody")),
		message(25, text(1, "Local"), text(10, "mine"), message(7, text(4, "Relu"))),
	))
	if err != nil {
		t.Fatal(err)
	}
	if m.IRVersion != 8 || m.Producer != "exporter 1.2" || m.Metadata["author"] != "somebody" {
		t.Errorf("header: %d %q %v", m.IRVersion, m.Producer, m.Metadata)
	}
	if want := map[string]int64{"": 17, "ai.onnx.ml": 3}; !reflect.DeepEqual(m.Opsets, want) {
		t.Errorf("opsets %v, want %v", m.Opsets, want)
	}
	for _, op := range []string{"Gemm", "If", "com.microsoft.Gelu", "mine.Local", "Relu"} {
		if m.Ops[op] == 0 {
			t.Errorf("operator %s was not seen in %v", op, m.Ops)
		}
	}
	want := Value{Name: "x", Type: Type{Kind: KindTensor, Element: 1, Ranked: true, Dims: []Dim{{-1, "batch"}, {4, ""}, {-1, ""}}}}
	if len(m.Inputs) != 1 || !reflect.DeepEqual(m.Inputs[0], want) {
		t.Errorf("inputs %+v, want x without the weight w", m.Inputs)
	}
	if custom := m.customOps(); len(custom) != 0 {
		t.Errorf("%v counts as custom although the file defines it", custom)
	}
}

func TestParseRefuses(t *testing.T) {
	f := func(data []byte, text string) {
		t.Helper()
		_, err := Parse(data)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("ended with %v, want %q", err, text)
		}
	}
	good := model(graph(in("n"), out("n")))
	f(nil, "the file is empty")
	f([]byte("not a model at all"), "not a valid ONNX file")
	f(good[:len(good)-1], "ends inside a field")
	f(varint(1, 8), "holds 0 graphs")
	f(slices.Concat(good, good), "holds 2 graphs")
	f(model(graph(message(0))), "field number 0")
	f([]byte{1<<3 | 3}, "wire type 3")
	f(varint(7, 1), "wire type 0")
	deep := node("", "Add")
	for range maxGraphDepth + 1 {
		deep = node("", "If", message(5, message(6, deep)))
	}
	f(model(graph(deep)), "nested deeper than 32")
	sequence := sized(1, 1)
	for range maxTypeDepth + 1 {
		sequence = message(4, message(1, sequence))
	}
	f(model(graph(named(inputs, "x", sequence))), `"x": types are nested deeper than 8`)
	f(model(graph(in(make([]any, 65)...))), "more than 64 dimensions")
	external := func(location string, more ...[]byte) []byte {
		fields := append(more, text(8, "w"), varint(14, 1), message(13, text(1, "location"), text(2, location)))
		return model(graph(message(5, fields...)))
	}
	for _, location := range []string{"", ".", "..", "/etc/passwd", "../data", "a/b", `a\b`, "*/_ORT_MEM_ADDR_/*", "c:data", "a\x00b"} {
		f(external(location), `tensor "w" has its data in`)
	}
	f(external("data", message(13, text(1, "offset"), text(2, "-1"))), `the offset "-1"`)
	f(external("data", message(13, text(1, "length"), text(2, "many"))), `the length "many"`)
	// A tensor inside of an operator's attribute, in a nested graph, is looked at too.
	inner := message(5, text(8, "w"), message(13, text(1, "location"), text(2, "/x")))
	f(model(graph(node("", "If", message(5, message(6, inner))))), `has its data in "/x"`)
	f(model(graph(node("", "Constant", message(5, message(5, text(8, "w"), message(13, text(1, "location"), text(2, "/x"))))))), `has its data in "/x"`)
}

func TestExternal(t *testing.T) {
	f := func(want External, end int64, ranges ...[3]string) {
		t.Helper()
		graphOf := [][]byte{in("n"), out("n")}
		for _, r := range ranges {
			var fields [][]byte
			for i, key := range []string{"location", "offset", "length"} {
				if r[i] != "" {
					fields = append(fields, message(13, message(1, []byte(key)), message(2, []byte(r[i]))))
				}
			}
			graphOf = append(graphOf, message(5, fields...))
		}
		m, err := Parse(model(graph(graphOf...)))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.External) != 1 || m.External[0] != want || m.External[0].End() != end {
			t.Errorf("%v: %+v to %d, want %+v to %d", ranges, m.External, m.External[0].End(), want, end)
		}
	}
	f(External{"data", 0, -1, true}, 0, [3]string{"data"})
	f(External{"data", 50, 50, false}, 100, [3]string{"data", "50", "50"})
	f(External{"data", 50, 50, false}, 100, [3]string{"data", "0", "9"}, [3]string{"data", "50", "50"}, [3]string{"data", "1", "1"})
	f(External{"data", 50, 50, true}, 100, [3]string{"data", "50", "50"}, [3]string{"data", "7"})
	f(External{"data", math.MaxInt64, 2, false}, math.MaxInt64, [3]string{"data", "9223372036854775807", "2"})
}

func TestRead(t *testing.T) {
	if _, err := Read(filepath.Join(t.TempDir(), "model.onnx")); err == nil || !strings.Contains(err.Error(), "cannot read model") {
		t.Errorf("an absent file gave %v", err)
	}
}

// FuzzParse looks for panics and for schemas that break their own rules.
func FuzzParse(f *testing.F) {
	f.Add(model(graph(in("n", 4), out("n"), node("", "If", message(5, message(6, node("", "Relu")))))))
	f.Add(model(graph(in(4, 4), out(4), message(5, text(8, "w"), message(13, text(1, "location"), text(2, "data"))))))
	f.Add(model(graph(in(nil), named(outputs, "y", message(4, message(1, message(5, varint(1, 7), message(2, sized(1)))))),
		node("ai.onnx.ml", "ZipMap", text(2, "y"), message(5, text(1, "classlabels_int64s"), message(8, []byte{1, 2, 3}))))))
	paths, err := filepath.Glob("../../backends/onnx/testdata/*.onnx")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		for _, rules := range []Rules{{}, {Once: firstName(m.Inputs), Optional: firstName(m.Defaulted)}, {Whole: true}} {
			inf, err := Infer(m, rules)
			if err != nil {
				continue
			}
			s := inf.Schema
			if s.Batchable() != (inf.Reason == "") {
				t.Fatalf("batchable %v with the reason %q", s.Batchable(), inf.Reason)
			}
			for _, spec := range slices.Concat(s.Inputs, s.Outputs) {
				if spec.Type == 0 || spec.Name == "" || s.Batchable() && (len(spec.Shape) == 0 || spec.Shape[0] != -1 && !spec.Once) {
					t.Fatalf("spec %+v in a schema with MaxBatch %d", spec, s.MaxBatch)
				}
			}
		}
	})
}

func firstName(values []Value) []string {
	if len(values) == 0 {
		return nil
	}
	return []string{values[0].Name}
}

func TestTrigonometry(t *testing.T) {
	m, err := Parse(model(graph(
		node("", "Sin", text(3, "first")), node("", "Cos"), node("", "Add", text(3, "sum")), node("com.example", "Tan", text(3, "own")),
		node("", "If", message(5, text(1, "then_branch"), message(6, node("", "Cos", text(3, "inner"))))),
	)))
	if err != nil {
		t.Fatal(err)
	}
	// Without a name a node cannot be chosen; the operator of another domain is another one.
	if want := []string{"first", "inner"}; !slices.Equal(m.Trigonometry, want) {
		t.Errorf("the nodes are %q, want %q", m.Trigonometry, want)
	}
}
