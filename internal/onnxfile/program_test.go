package onnxfile

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// attr is an attribute of a name with further fields.
func attr(name string, more ...[]byte) []byte {
	return message(5, append(more, text(1, name))...)
}

func TestReadProgram(t *testing.T) {
	inner := message(6, node("", "Relu", text(1, "a"), text(2, "b")), named(outputs, "b", sized(1)))
	data := model(graph(
		node("", "Gemm", text(1, "x"), text(1, ""), text(2, "y"), text(3, "first"), attr("alpha", message(2))),
		node("ai.onnx", "If", text(1, "c"), text(2, "z"), attr("then_branch", inner)),
		node("own", "f", text(8, "other")),
		message(5, varint(1, 2), varint(1, 3), varint(2, 1), text(8, "w"), message(9, make([]byte, 24))),
		message(15, message(1, text(8, "s"), varint(2, 1)), varint(3, 5)),
		in("N", 4), out("N"),
	), message(8, varint(2, 17)), message(8, text(1, "own"), varint(2, 3)),
		message(25, text(1, "f"), text(10, "own"), text(13, "other"), text(4, "p"), text(5, "q"), message(7, text(4, "Tanh")),
			message(9, varint(2, 15)), message(11, text(1, "k"), varint(3, 4))))
	p, err := ReadProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	g := p.Graph
	if len(g.Nodes) != 3 || g.Nodes[0].Op != "Gemm" || g.Nodes[0].Name != "first" || !slices.Equal(g.Nodes[0].Inputs, []string{"x", ""}) || !slices.Equal(g.Nodes[0].Outputs, []string{"y"}) {
		t.Errorf("nodes %+v", g.Nodes)
	}
	if g.Nodes[1].Op != "If" || g.Nodes[1].Attributes[0].Graph == nil || g.Nodes[1].Attributes[0].Graph.Nodes[0].Op != "Relu" {
		t.Errorf("the branch is %+v", g.Nodes[1])
	}
	if g.Nodes[2].Op != "own.f" || g.Nodes[2].Overload != "other" {
		t.Errorf("the call is %+v", g.Nodes[2])
	}
	if len(g.Weights) != 2 || !slices.Equal(g.Weights[0].Dims, []int64{2, 3}) || g.Weights[1].Name != "s" || !slices.Equal(g.Weights[1].Dims, []int64{5}) {
		t.Errorf("weights %+v", g.Weights)
	}
	if len(g.Inputs) != 1 || len(g.Outputs) != 1 || !reflect.DeepEqual(p.Opsets, map[string]int64{"": 17, "own": 3}) {
		t.Errorf("inputs %v, outputs %v, versions %v", g.Inputs, g.Outputs, p.Opsets)
	}
	f := p.Functions[FunctionKey{"own", "f", "other"}]
	if f == nil || !slices.Equal(f.Inputs, []string{"p"}) || !slices.Equal(f.Outputs, []string{"q"}) || f.Graph.Nodes[0].Op != "Tanh" || f.Opsets[""] != 15 || f.Defaults[0].Int() != 4 {
		t.Errorf("the function is %+v", f)
	}
}

func TestReadProgramRefuses(t *testing.T) {
	f := func(data []byte, want string, large bool) {
		t.Helper()
		_, err := ReadProgram(data)
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrTooLarge) != large {
			t.Errorf("ended with %v, want %q", err, want)
		}
	}
	f(nil, "it holds no graph", false)
	f(slices.Concat(model(graph()), model(graph())), "two graphs", false)
	f(varint(7, 1), "wire type 0", false)
	f(model(graph(node("", "Add")[:3])), "ends inside a field", false)
	deep := node("", "Add")
	for range maxGraphDepth + 1 {
		deep = node("", "If", attr("then_branch", message(6, deep)))
	}
	f(model(graph(deep)), "nested deeper than 32", false)
	f(model(graph(message(1, slices.Repeat(text(1, ""), maxListed+2)))), "lists more than 65536 names", true)
	f(model(graph(slices.Repeat(message(1), maxNodes+1))), "more than 1048576 nodes", true)
	f(model(graph(message(5, slices.Repeat(varint(1, 1), maxRank+1)))), "more values than are asked for", false)
}

func TestAttributeValues(t *testing.T) {
	read := func(fields ...[]byte) Attribute {
		t.Helper()
		p, err := ReadProgram(model(graph(node("", "Op", message(5, fields...)))))
		if err != nil {
			t.Fatal(err)
		}
		return p.Graph.Nodes[0].Attributes[0]
	}
	if got := read(varint(3, math.MaxUint64)).Int(); got != -1 {
		t.Errorf("an integer is %d", got)
	}
	if got := read(fixed4(2, 1.5)).Float(); got != 1.5 {
		t.Errorf("a number is %g", got)
	}
	if got := read(text(4, "abc")).Text(); got != "abc" {
		t.Errorf("a text is %q", got)
	}
	one, packed := read(varint(8, 7), varint(8, 8)), read(message(8, []byte{7, 8, 0x96, 0x01}))
	if got, ok := one.Ints(2); !ok || !slices.Equal(got, []int64{7, 8}) || one.Count() != 2 {
		t.Errorf("integers are %v, %d of them", got, one.Count())
	}
	if got, ok := packed.Ints(3); !ok || !slices.Equal(got, []int64{7, 8, 150}) || packed.Count() != 3 {
		t.Errorf("packed integers are %v, %d of them", got, packed.Count())
	}
	if _, ok := packed.Ints(2); ok {
		t.Error("three integers passed for two")
	}
	numbers := read(fixed4(7, 0.5), message(7, fixed4(0, 2)[1:], fixed4(0, 3)[1:]))
	if got, ok := numbers.Floats(3); !ok || !slices.Equal(got, []float64{0.5, 2, 3}) || numbers.Count() != 3 {
		t.Errorf("numbers are %v, %d of them", got, numbers.Count())
	}
	if _, ok := numbers.Floats(2); ok {
		t.Error("three numbers passed for two")
	}
	var words []string
	read(text(9, "a"), text(9, "b"), text(9, "c")).EachText(func(s []byte) bool {
		words = append(words, string(s))
		return len(words) < 2
	})
	if !slices.Equal(words, []string{"a", "b"}) {
		t.Errorf("texts are %v", words)
	}
	if got := read(text(21, "of")).Ref; got != "of" {
		t.Errorf("the reference is %q", got)
	}
	if got, ok := read(message(5, varint(1, 1), varint(2, 7), varint(7, 5))).Tensor(); !ok || got.Elements() != 1 {
		t.Errorf("the tensor is %+v", got)
	}
}

// fixed4 is a float of 4 bytes.
func fixed4(id int, v float32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{byte(id<<3 | wireFixed4)}, math.Float32bits(v))
}

func TestTensorValues(t *testing.T) {
	ints := func(want []int64, fields ...[]byte) {
		t.Helper()
		tensor, err := readTensor(slices.Concat(fields...))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tensor.Ints(4); ok != (want != nil) || ok && !slices.Equal(got, want) {
			t.Errorf("the integers are %v, %v; want %v", got, ok, want)
		}
	}
	two := varint(1, 2)
	ints([]int64{1, -2}, two, varint(2, 7), message(9, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 1), math.MaxUint64-1)))
	ints([]int64{1, -2}, two, varint(2, 7), varint(7, 1), varint(7, math.MaxUint64-1))
	ints([]int64{3, 4}, two, varint(2, 6), message(5, []byte{3, 4}))
	ints([]int64{-1, 5}, two, varint(2, 3), message(9, []byte{0xff, 5}))
	ints([]int64{255, 5}, two, varint(2, 2), message(9, []byte{0xff, 5}))
	ints([]int64{1, 0}, two, varint(2, 9), message(9, []byte{1, 0}))
	ints([]int64{}, varint(1, 0), varint(2, 7))
	ints(nil, two, varint(2, 1), message(9, make([]byte, 8)))                         // floats
	ints(nil, two, varint(2, 7), message(9, make([]byte, 8)))                         // too short
	ints(nil, varint(1, 5), varint(2, 7), message(9, make([]byte, 40)))               // too many
	ints(nil, two, varint(2, 7), varint(14, 1))                                       // beside the file
	ints(nil, varint(1, 1<<62), varint(1, 8), varint(2, 7), message(9, []byte{1, 2})) // no such number
	tensor, err := readTensor(slices.Concat(two, varint(2, 1), fixed4(4, 1.5), fixed4(4, 2)))
	if got, ok := tensor.Floats(2); err != nil || !ok || !slices.Equal(got, []float64{1.5, 2}) {
		t.Errorf("the numbers are %v", got)
	}
	double := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.25))
	tensor, err = readTensor(slices.Concat(varint(2, 11), message(9, double)))
	if got, ok := tensor.Floats(1); err != nil || !ok || !slices.Equal(got, []float64{0.25}) {
		t.Errorf("the double is %v", got)
	}
	tensor, _ = readTensor(slices.Concat(two, varint(2, 8), text(6, "a"), text(6, "b")))
	var words []string
	tensor.EachText(func(s []byte) bool { words = append(words, string(s)); return true })
	if !slices.Equal(words, []string{"a", "b"}) {
		t.Errorf("the strings are %v", words)
	}
}

// FuzzReadProgram looks for panics, and for values beyond what was asked for.
func FuzzReadProgram(f *testing.F) {
	f.Add(model(graph(in("n", 4), out("n"), node("", "If", attr("then_branch", message(6, node("", "Relu")))))))
	f.Add(model(graph(node("", "Constant", attr("value", message(5, varint(1, 2), varint(2, 7), message(9, make([]byte, 16))))))))
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
		p, err := ReadProgram(data)
		if err != nil {
			return
		}
		const limit = 5
		for _, w := range p.Graph.Weights {
			list, _ := w.Ints(limit)
			numbers, _ := w.Floats(limit)
			if len(list) > limit || len(numbers) > limit {
				t.Fatalf("%d integers and %d numbers where %d were asked for", len(list), len(numbers), limit)
			}
		}
		for _, n := range p.Graph.Nodes {
			for _, a := range n.Attributes {
				list, _ := a.Ints(limit)
				_, _ = a.Tensor()
				_, _, _ = a.Int(), a.Float(), a.Text()
				a.EachText(func([]byte) bool { return true })
				if n := a.Count(); len(list) > limit || n > len(data) {
					t.Fatalf("%d integers, and a count of %d in %d bytes", len(list), n, len(data))
				}
			}
		}
	})
}
