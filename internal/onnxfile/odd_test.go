package onnxfile

import (
	"slices"
	"strings"
	"testing"
)

// TestOddFiles gives files that readers may take in different ways.
func TestOddFiles(t *testing.T) {
	f := func(name string, data []byte, want string) {
		t.Helper()
		p, err := ReadProgram(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if want == "" && p.Odd != "" || !strings.Contains(p.Odd, want) {
			t.Errorf("%s: %q, want %q", name, p.Odd, want)
		}
	}
	axis := func(more ...[]byte) []byte {
		softmax := node("", "Softmax", text(1, "x"), text(2, "y"), attr("axis", slices.Concat([][]byte{varint(3, 1)}, more)...))
		return model(graph(softmax, in("N", 4), out("N", 4)), message(8, varint(2, 17)))
	}
	weight := func(fields ...[]byte) []byte {
		return model(graph(message(5, fields...), in("N", 4), out("N", 4)), message(8, varint(2, 17)))
	}
	kind := varint(20, 2)
	f("an attribute", axis(kind), "")
	f("a field that nobody knows", axis(kind, varint(99, 1), message(98, []byte{1})), "")
	f("a fixed number for a varint", axis(kind, []byte{3<<3 | wireFixed4, 1, 0, 0, 0}), "field 3 of an attribute has wire type 5")
	f("eight bytes for a varint", axis(kind, []byte{3<<3 | wireFixed8, 1, 0, 0, 0, 0, 0, 0, 0}), "field 3 of an attribute has wire type 1")
	f("bytes for a varint", axis(kind, message(3)), "field 3 of an attribute has wire type 2")
	f("a value that is given twice", axis(kind, varint(3, 0)), "an attribute has field 3 twice")
	f("no type", axis(), `an attribute has the type 0: "axis"`)
	f("another type", axis(varint(20, 1)), "a value of another type than its own")
	f("a value of two types", axis(kind, varint(8, 1)), "a value of another type than its own")
	f("a value and a reference", axis(kind, text(21, "of")), "has a value and refers to another")
	f("one name twice", model(graph(node("", "Op", attr("a", varint(3, 1), kind), attr("a", varint(3, 2), kind)))), `the attribute "a" is given twice`)

	f("packed and not", weight(varint(1, 2), varint(2, 7), varint(7, 1), message(7, []byte{2})), "")
	f("raw values twice", weight(varint(1, 1), varint(2, 2), message(9, []byte{1}), message(9, []byte{0})), "a tensor has field 9 twice")
	f("a type of more than 32 bits", weight(varint(2, 1<<32|7)), "field 2 of a tensor has more than 32 bits")
	f("a place of more than 32 bits", weight(varint(2, 7), varint(14, 1<<32|1)), "field 14 of a tensor has more than 32 bits")
	f("numbers of four bytes", weight(varint(2, 7), []byte{7<<3 | wireFixed4, 0, 0, 0, 0}), "field 7 of a tensor has wire type 5")
	f("a type of two kinds", model(graph(named(inputs, "x", sized(1, "N"), message(4)))), "a type has two values")
	f("a length that is a name too", model(graph(named(inputs, "x", message(1, varint(1, 1), message(2, message(1, varint(1, 3), text(2, "N"))))))), "a dimension has two values")
	f("a value's type twice", model(graph(message(inputs, text(1, "x"), message(2, sized(1, 3)), message(2, sized(1, 4))))), "an input or output has field 2 twice")
	f("a name twice", model(graph(node("", "Op", text(3, "a"), text(3, "b")))), "a node has field 3 twice")
	f("one version twice", model(graph(), message(8, varint(2, 17)), message(8, varint(2, 17))), "")
	f("two versions", model(graph(), message(8, varint(2, 17)), message(8, text(1, "ai.onnx"), varint(2, 11))), "two versions of the operators")
	f("a dot in an operator", model(graph(node("a", "b.c"))), `the name of the operator "b.c" has a dot`)
	function := message(25, text(1, "f"), text(10, "own"))
	f("two functions", model(graph(), function, function), `it defines the function "f" twice`)
	f("functions of two overloads", model(graph(), function, message(25, text(1, "f"), text(10, "own"), text(13, "other"))), "")
	inner := message(6, node("", "Op", text(4, "Other")))
	f("in a body", model(graph(node("", "If", attr("then_branch", inner, varint(20, 5))))), "a node has field 4 twice")
}

// TestTensorOfTwoValues gives tensors that have values of two kinds, or beyond their type.
func TestTensorOfTwoValues(t *testing.T) {
	f := func(name string, fields ...[]byte) {
		t.Helper()
		tensor, err := readTensor(slices.Concat(fields...))
		if err != nil {
			t.Fatal(err)
		}
		if list, ok := tensor.Ints(4); ok {
			t.Errorf("%s: the integers are %v", name, list)
		}
		if list, ok := tensor.Floats(4); ok {
			t.Errorf("%s: the numbers are %v", name, list)
		}
	}
	f("raw and typed integers", varint(1, 1), varint(2, 7), varint(7, 1), message(9))
	f("integers of another type", varint(1, 1), varint(2, 7), varint(5, 1))
	f("integers of two types", varint(1, 1), varint(2, 7), varint(7, 1), varint(5, 1))
	f("more than 32 bits", varint(1, 1), varint(2, 6), varint(5, 1<<32))
	f("raw and typed numbers", varint(1, 1), varint(2, 1), fixed4(4, 1), message(9))
	f("numbers of another type", varint(1, 1), varint(2, 1), message(10, make([]byte, 8)))
}
