package dataflow_test

import (
	"encoding/binary"

	"sluice/internal/onnxgen"
)

// numberCases compute with lengths in types that wrap or round, or with operators that
// more than their operands tell apart. In each, what is added to x is not 0 for some number
// of rows, or the branch that works rows into one another runs.
func numberCases() []verdictCase {
	const uint8Type, int8Type, uint32Type, double = 2, 3, 12, 11
	cast := func(to int64) onnxgen.Attr { return whole("to", to) }
	added := func(g *onnxgen.Graph) *onnxgen.Graph { // d, to x
		return g.Node("Cast", "e", in("d"), cast(f32)).Node("Add", "y", in("x", "e")).Output("y")
	}
	// There and back: what k loses in a type.
	lost := func(g *onnxgen.Graph, kind int64) *onnxgen.Graph {
		return added(g.Node("Cast", "t", in("k"), cast(kind)).Node("Cast", "b", in("t"), cast(i64)).Node("Sub", "d", in("b", "k")))
	}
	times := func(n int64) *onnxgen.Graph {
		return numberOf(vectors()).Wholes("c", []int{1}, n).Node("Mul", "k", in("n", "c"))
	}
	branch := func(g *onnxgen.Graph) *onnxgen.Graph { // by c
		return g.Node("If", "y", in("c"), onnxgen.Body("then_branch", onnxgen.New(17).Node("Neg", "u", in("x")).Output("u")),
			onnxgen.Body("else_branch", onnxgen.New(17).Node("ReduceMean", "v", in("x"), onnxgen.Wholes("axes", 0)).Output("v"))).Output("y")
	}
	differ := func(g *onnxgen.Graph, op, of string, first, second onnxgen.Attr) *onnxgen.Graph {
		return added(g.Node(op, "a", in(of), first).Node(op, "b", in(of), second).Node("Cast", "i", in("a"), cast(i64)).Node("Cast", "j", in("b"), cast(i64)).Node("Sub", "d", in("i", "j")))
	}
	int32s := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	sliced := func(start, end int64) *onnxgen.Graph {
		return added(numberOf(vectors()).Wholes("s", []int{1}, start).Wholes("t", []int{1}, end).Wholes("z", []int{1}, 0).Wholes("m", []int{1}, -1).
			Node("Slice", "p", in("n", "s", "t", "z", "m")).Node("ReduceSum", "d", in("p"), whole("keepdims", 0)))
	}
	const may = `unknown at node "y" (Add): the result may depend on the number of rows`
	return []verdictCase{
		{"an axis of nothing that is taken away", added(vectors().Wholes("o", []int{0}).Wholes("z", []int{1}, 0).Node("Squeeze", "q", in("o", "z")).Node("Add", "d", in("q", "q"))), "proven"},
		{"what int32 holds", lost(times(2), onnxgen.Int32), "proven"},
		{"what float32 holds", lost(times(2), f32), "proven"},
		{"what double holds", lost(times(16777217), double), "proven"},
		{"what int32 cuts", lost(times(1<<31), onnxgen.Int32), may},
		{"what float32 rounds", lost(times(16777217), f32), may},
		{"what double rounds", lost(times(1<<53+1), double), may},
		{"what uint8 cuts", lost(times(100), uint8Type), may},
		{"what int8 cuts", lost(times(100), int8Type), may},
		{"more than int64 holds", lost(times(1<<61), i64), may},
		{"products in int32", added(numberOf(vectors()).Node("Cast", "m", in("n"), cast(onnxgen.Int32)).Raw("c", onnxgen.Int32, []int{1}, int32s(1<<30)).Node("Mul", "w", in("m", "c")).
			Node("Cast", "a", in("w"), cast(i64)).Wholes("l", []int{1}, 1<<30).Node("Mul", "b", in("n", "l")).Node("Sub", "d", in("a", "b"))), may},
		{"a root of a length, and back", added(numberOf(vectors()).Node("Sqrt", "r", in("f")).Node("Cast", "a", in("r"), cast(i64)).Node("Cast", "b", in("r"), cast(i64)).Node("Sub", "d", in("a", "b"))), "proven"},
		{"the reciprocal of what may be 0", added(numberOf(vectors()).Wholes("one", []int{1}, 1).Node("Sub", "m", in("n", "one")).Node("Cast", "g", in("m"), cast(f32)).Node("Reciprocal", "r", in("g")).Node("Sub", "d", in("r", "r"))), "unknown"},
		{"0 divided by 0", added(numberOf(vectors()).Wholes("one", []int{1}, 1).Node("Sub", "m", in("n", "one")).Node("Cast", "g", in("m"), cast(f32)).Node("Div", "q", in("g", "g")).Node("Sub", "d", in("q", "q"))), "unknown"},
		{"a slope of another attribute", differ(numberOf(vectors()).Node("Neg", "m", in("f")), "LeakyRelu", "m", onnxgen.Number("alpha", 1), onnxgen.Number("alpha", 5)), may},
		{"a remainder of another sign", added(numberOf(vectors()).Wholes("c", []int{1}, 3).Node("Neg", "m", in("n")).Node("Mod", "a", in("m", "c")).Node("Mod", "b", in("m", "c"), whole("fmod", 1)).Node("Sub", "d", in("a", "b"))), may},
		{"a slice backwards from the front", sliced(-100, -1<<40), `mixes at node "y" (Add): the result depends on the number of rows`},
		{"no number equals itself", branch(vectors().Wholes("m", nil, -1).Node("Cast", "f", in("m"), cast(f32)).Node("Sqrt", "r", in("f")).Node("Equal", "c", in("r", "r"))), "unknown"},
		{"-1 as uint32", branch(vectors().Wholes("m", nil, -1).Wholes("z", nil, 0).Node("Cast", "f", in("m"), cast(uint32Type)).Node("Cast", "s", in("f"), cast(i64)).Node("Less", "c", in("s", "z"))), "unknown"},
		{"a sum in int32", branch(vectors().Raw("m", onnxgen.Int32, nil, int32s(2_000_000_000)).Raw("z", onnxgen.Int32, nil, int32s(0)).Node("Add", "s", in("m", "m")).Node("Less", "c", in("z", "s"))), "unknown"},
		{"a number like one of no known type", branch(vectors().Wholes("five", nil, 5).Node("Less", "b", in("x", "x")).Node("CastLike", "t", in("five", "b")).Node("Cast", "i", in("t"), cast(i64)).Node("Equal", "c", in("i", "five"))), "unknown"},
		{"truth that is neither 0 nor 1", branch(vectors().Raw("b", onnxgen.Bool, nil, []byte{2}).Wholes("two", nil, 2).Node("Cast", "i", in("b"), cast(i64)).Node("Equal", "c", in("i", "two"))), "unknown"},
	}
}
