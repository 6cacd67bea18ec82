package dataflow_test

import "sluice/internal/onnxgen"

func partCases() []verdictCase {
	slice := func(g *onnxgen.Graph, start, end, axis, step int64) *onnxgen.Graph {
		return g.Wholes("b", []int{1}, start).Wholes("e", []int{1}, end).Wholes("a", []int{1}, axis).Wholes("s", []int{1}, step).
			Node("Slice", "y", in("x", "b", "e", "a", "s")).Output("y")
	}
	const end = 1<<63 - 1
	behind := func(g *onnxgen.Graph, to string) *onnxgen.Graph { // [2·N, 4]
		return g.Wholes("r", []int{2}, 2, 1).Node("Tile", to, in("x", "r"))
	}
	beside := func(g *onnxgen.Graph, to string) *onnxgen.Graph { // [N·2, 4]
		return g.Node("Concat", "w", in("x", "x"), whole("axis", 1)).Wholes("f", []int{2}, -1, 4).Node("Reshape", to, in("w", "f"))
	}
	apart := func(g *onnxgen.Graph, from string, axis int64, to ...int64) *onnxgen.Graph {
		return g.Wholes("p", []int{3}, to...).Node("Reshape", "a", in(from, "p")).Node("ReduceMean", "y", in("a"), onnxgen.Wholes("axes", axis), whole("keepdims", 0)).Output("y")
	}
	oneRow := func() *onnxgen.Graph { // the shape [N, 3], in front of it a row of constants
		return vectors().Node("Shape", "sx", in("x")).Wholes("zero", []int{1}, 0).Node("Gather", "n", in("sx", "zero")).
			Wholes("three", []int{1}, 3).Node("Concat", "s", in("n", "three"), whole("axis", 0)).Floats("c", []int{1, 3})
	}
	return []verdictCase{
		{"a part of each row", slice(vectors(), 1, 3, 1, 1), "proven"},
		{"each row backwards", slice(vectors(), -1, -end, 1, -1), "proven"},
		{"all rows", slice(vectors(), 0, end, 0, 1), "proven"},
		{"the first rows", slice(vectors(), 0, 2, 0, 1), `mixes at node "y" (Slice): cuts rows by their position`},
		{"rows backwards, which may be turned back", slice(vectors(), -1, -end, 0, -1), `unknown at node "y" (Slice): cuts rows`},
		{"rows up to their number", vectors().Node("Shape", "sx", in("x"), whole("end", 1)).Wholes("b", []int{1}, 0).Node("Slice", "y", in("x", "b", "sx", "b")).Output("y"), "proven"},
		{"as many columns as rows", vectors().Node("Shape", "sx", in("x"), whole("end", 1)).Wholes("b", []int{1}, 0).Wholes("a", []int{1}, 1).Node("Slice", "y", in("x", "b", "sx", "a")).Output("y"), `mixes at node "y" (Slice): the result depends on the number of rows`},
		{"all rows but the last", vectors().Node("Shape", "n", in("x"), whole("end", 1)).Wholes("b", []int{1}, 0).Wholes("o", []int{1}, 1).Node("Sub", "e", in("n", "o")).Node("Slice", "y", in("x", "b", "e", "b")).Output("y"), `unknown at node "y" (Slice): cuts rows`},
		{"bounds that each row gives", vectors().Input("n", i64, "N").Wholes("b", []int{1}, 0).Wholes("a", []int{1}, 1).Node("Slice", "y", in("x", "b", "n", "a")).Output("y"), `unknown at node "y" (Slice)`},
		{"split columns", vectors().Nodes("Split", in("y", "z"), in("x"), whole("axis", 1)).Output("y", "z"), "proven"},
		{"split rows", vectors().Nodes("Split", in("y", "z"), in("x")).Output("y"), `mixes at node "y" (Split)`},
		{"join columns", vectors().Node("Concat", "y", in("x", "x"), whole("axis", 1)).Output("y"), "proven"},
		{"join rows and take them apart", vectors().Node("Concat", "c", in("x", "x"), whole("axis", 0)).Wholes("s", []int{3}, 2, -1, 4).Node("Reshape", "r", in("c", "s")).
			Node("ReduceMean", "y", in("r"), onnxgen.Wholes("axes", 0), whole("keepdims", 0)).Output("y"), "proven"},
		{"add a constant row", vectors().Floats("c", []int{1, 4}).Node("Concat", "y", in("c", "x"), whole("axis", 0)).Output("y"), `unknown at node "y" (Concat)`},
		{"a constant beside each row", oneRow().Node("Expand", "e", in("c", "s")).Node("Concat", "y", in("e", "x"), whole("axis", 1)).Output("y"), "proven"},
		{"zeros for each row", oneRow().Node("ConstantOfShape", "e", in("s")).Node("Concat", "y", in("e", "x"), whole("axis", 1)).Output("y"), "proven"},
		{"a single row beside rows", oneRow().Node("Concat", "y", in("c", "x"), whole("axis", 1)).Output("y"), `unknown at node "y" (Concat): joins a single row`},
		{"as many columns as rows, expanded", vectors().Node("Shape", "n", in("x"), whole("end", 1)).Node("Concat", "s", in("n", "n"), whole("axis", 0)).
			Floats("c", []int{1, 1}).Node("Expand", "y", in("c", "s")).Output("y"), "unknown"},
		{"tile columns", vectors().Wholes("r", []int{2}, 1, 3).Node("Tile", "y", in("x", "r")).Output("y"), "proven"},
		{"tile a constant as often as rows", vectors().Floats("c", []int{1, 4}).Node("Shape", "n", in("x"), whole("end", 1)).Wholes("one", []int{1}, 1).
			Node("Concat", "r", in("n", "one"), whole("axis", 0)).Node("Tile", "e", in("c", "r")).Node("Add", "y", in("e", "x")).Output("y"), "proven"},
		{"rows twice, behind one another", apart(behind(vectors(), "b"), "b", 0, 2, -1, 4), "proven"},
		{"rows twice, beside one another", apart(beside(vectors(), "b"), "b", 1, -1, 2, 4), "proven"},
		{"taken apart the other way", apart(behind(vectors(), "b"), "b", 1, -1, 2, 4), `mixes at node "a" (Reshape)`},
		{"one way added to the other", apart(beside(behind(vectors(), "b"), "c").Node("Add", "d", in("b", "c")), "d", 0, 2, -1, 4), `unknown at node "d" (Add): pairs rows that lie differently`},
		{"pad columns", vectors().Wholes("p", []int{4}, 0, 1, 0, 2).Node("Pad", "y", in("x", "p")).Output("y"), "proven"},
		{"pad rows", vectors().Wholes("p", []int{4}, 1, 0, 0, 0).Node("Pad", "y", in("x", "p")).Output("y"), `unknown at node "y" (Pad)`},
		{"a triangle of each row", matrices().Node("Trilu", "y", in("x")).Output("y"), "proven"},
		{"a triangle of the rows", vectors().Node("Trilu", "y", in("x")).Output("y"), `unknown at node "y" (Trilu)`},
	}
}

// countCases work the number of rows into something.
func countCases() []verdictCase {
	count := func(g *onnxgen.Graph) *onnxgen.Graph { // n is the number of rows, f the same as a float
		return g.Node("Shape", "sx", in("x")).Wholes("zero", nil, 0).Wholes("one", nil, 1).Node("Gather", "n", in("sx", "zero")).Node("Cast", "f", in("n"), whole("to", f32))
	}
	numbered := func(g *onnxgen.Graph) *onnxgen.Graph { return count(g).Node("Range", "r", in("zero", "n", "one")) }
	const number, position = "the result depends on the number of rows", "the result depends on a row's position"
	return []verdictCase{
		{"divided by the number of rows", count(vectors()).Node("Div", "y", in("x", "f")).Output("y"), `mixes at node "y" (Div): ` + number},
		{"divided by its root", count(vectors()).Node("Sqrt", "q", in("f")).Node("Div", "y", in("x", "q")).Output("y"), `mixes at node "y" (Div): ` + number},
		{"the number of rows is an output", count(vectors()).Node("Add", "y", in("n", "one")).Output("y"), `mixes at node "y" (Add): ` + number},
		{"divided by the length of a row", vectors().Node("Shape", "s", in("x"), whole("start", 1)).Node("Cast", "f", in("s"), whole("to", f32)).Node("Div", "y", in("x", "f")).Output("y"), "proven"},
		{"divided by a free length", matrices().Node("Shape", "s", in("x"), whole("start", 1), whole("end", 2)).Node("Cast", "f", in("s"), whole("to", f32)).Node("Div", "y", in("x", "f")).Output("y"), "proven"},
		{"by elements per row", vectors().Node("Size", "s", in("x")).Node("Shape", "n", in("x"), whole("end", 1)).Node("Div", "d", in("s", "n")).Node("Cast", "f", in("d"), whole("to", f32)).Node("Div", "y", in("x", "f")).Output("y"), "proven"},
		{"at most five rows", count(vectors()).Wholes("five", nil, 5).Node("Min", "m", in("n", "five")).Node("Cast", "g", in("m"), whole("to", f32)).Node("Div", "y", in("x", "g")).Output("y"), `unknown at node "y" (Div): the result may depend`},
		{"a branch by the number of rows", count(vectors()).Node("Greater", "b", in("n", "one")).Node("If", "y", in("b"),
			onnxgen.Body("then_branch", onnxgen.New(17).Node("Neg", "u", in("x")).Output("u")), onnxgen.Body("else_branch", onnxgen.New(17).Node("Abs", "v", in("x")).Output("v"))).Output("y"), `unknown at node "y" (If): the result may depend`},
		{"the row's number added", numbered(numbers()).Node("Cast", "p", in("r"), whole("to", f32)).Node("Add", "y", in("x", "p")).Output("y"), `mixes at node "y" (Add): ` + position},
		{"the row's number is an output", numbered(numbers()).OutputOf(i64, "r"), `mixes at node "r" (Range): ` + position},
		{"a table by the row's number", numbered(numbers()).Floats("t", []int{9}).Node("Gather", "p", in("t", "r")).Node("Add", "y", in("x", "p")).Output("y"), `mixes at node "p" (Gather): ` + position},
		{"a table as long as rows", numbers().Node("Shape", "n", in("x")).Floats("t", []int{9}).Wholes("b", []int{1}, 0).Node("Slice", "p", in("t", "b", "n")).Node("Add", "y", in("x", "p")).Output("y"), `mixes at node "p" (Slice): ` + number},
		{"positions along a free axis", matrices().Node("Shape", "s", in("x")).Wholes("zero", nil, 0).Wholes("one", nil, 1).Node("Gather", "n", in("s", "one")).Node("Range", "r", in("zero", "n", "one")).
			Floats("t", []int{9, 4}).Node("Gather", "p", in("t", "r")).Node("Add", "y", in("x", "p")).Output("y"), "proven"},
		{"each row at its own number", numbered(vectors()).Node("Gather", "y", in("x", "r")).Output("y"), "proven"},
		{"ones that are counted up", vectors().Node("Shape", "n", in("x"), whole("end", 1)).Node("ConstantOfShape", "o", in("n"), onnxgen.Constant("value", []int{1}, 1)).Wholes("zero", nil, 0).
			Node("CumSum", "p", in("o", "zero")).OutputOf(i64, "p"), `unknown at node "p" (CumSum)`},
		{"a shape that folds", matrices().Node("Shape", "s", in("x")).Wholes("m", []int{3}, -1, -1, -1).Node("Equal", "e", in("s", "m")).Wholes("one", []int{3}, 1, 1, 1).
			Node("Where", "w", in("e", "one", "s")).Floats("c", []int{1, 1, 4}).Node("Expand", "b", in("c", "w")).Node("Add", "y", in("b", "x")).Output("y"), "proven"},
	}
}

func choiceCases() []verdictCase {
	withIDs := func() *onnxgen.Graph { return vectors().Input("i", i64, "N") }
	pairs := func(first string) *onnxgen.Graph { // [N, 2]: first, and i
		return matrices().Input("i", i64, "N").Node("Shape", "sx", in("x")).Wholes("zero", nil, 0).Wholes("one", nil, 1).Node("Gather", "n", in("sx", "zero")).
			Node("Range", "r", in("zero", "n", "one")).Node("Mul", "z", in("i", "zero")).Wholes("a", []int{1}, 1).
			Node("Unsqueeze", "u", in(first, "a")).Node("Unsqueeze", "v", in("i", "a")).Node("Concat", "p", in("u", "v"), whole("axis", 1))
	}
	const byPosition = "takes rows by their position"
	return []verdictCase{
		{"an embedding", ids().Floats("t", []int{9, 4}).Node("Gather", "y", in("t", "x")).Output("y"), "proven"},
		{"an embedding of lists", onnxgen.New(17).Input("x", i64, "N", "L").Floats("t", []int{9, 4}).Node("Gather", "e", in("t", "x")).Node("ReduceMean", "y", in("e"), onnxgen.Wholes("axes", 1)).Output("y"), "proven"},
		{"an embedding along axis 1", ids().Floats("t", []int{4, 9}).Node("Gather", "e", in("t", "x"), whole("axis", 1)).Node("Transpose", "y", in("e")).Output("y"), "proven"},
		{"a column", vectors().Wholes("k", nil, 2).Node("Gather", "y", in("x", "k"), whole("axis", 1)).Output("y"), "proven"},
		{"the first row", vectors().Wholes("k", nil, 0).Node("Gather", "q", in("x", "k")).Node("Sub", "y", in("x", "q")).Output("y"), `mixes at node "q" (Gather): ` + byPosition},
		{"the row that a row names", withIDs().Node("Gather", "y", in("x", "i")).Output("y"), `mixes at node "y" (Gather): ` + byPosition},
		{"columns that all rows name", withIDs().Node("Gather", "y", in("x", "i"), whole("axis", 1)).Output("y"), `mixes at node "y" (Gather): takes elements of each row`},
		{"an element that each row names", vectors().Input("i", i64, "N", 1).Node("GatherElements", "y", in("x", "i"), whole("axis", 1)).Output("y"), "proven"},
		{"elements of rows that a row names", vectors().Input("i", i64, "N", 4).Node("GatherElements", "y", in("x", "i"), whole("axis", 0)).Output("y"), `mixes at node "y" (GatherElements): ` + byPosition},
		{"a step that each row names", pairs("r").Node("GatherND", "y", in("x", "p")).Output("y"), "proven"},
		{"a step of another row", pairs("z").Node("GatherND", "y", in("x", "p")).Output("y"), `mixes at node "y" (GatherND): ` + byPosition},
		{"a step by batch dimensions", matrices().Input("i", i64, "N", 1).Node("GatherND", "y", in("x", "i"), whole("batch_dims", 1)).Output("y"), "proven"},
		{"a step in a flat list", matrices().Input("i", i64, "N").Node("Shape", "sx", in("x")).Wholes("zero", nil, 0).Wholes("one", nil, 1).Node("Gather", "n", in("sx", "zero")).Node("Gather", "t", in("sx", "one")).
			Node("Range", "r", in("zero", "n", "one")).Node("Mul", "o", in("r", "t")).Node("Add", "k", in("o", "i")).Wholes("s", []int{2}, -1, 4).Node("Reshape", "f", in("x", "s")).Node("Gather", "y", in("f", "k")).Output("y"), `unknown at node "y" (Gather): chooses by a row's position`},
		{"a step of each row is written", pairs("r").Floats("c", []int{4}).Node("GatherND", "g", in("x", "p")).Node("Neg", "w", in("g")).Node("ScatterND", "y", in("x", "p", "w")).Output("y"), "proven"},
		{"a step of another row is written", pairs("z").Node("GatherND", "g", in("x", "p")).Node("ScatterND", "y", in("x", "p", "g")).Output("y"), "mixes"},
		{"elements of each row are written", vectors().Input("i", i64, "N", 2).Input("u", f32, "N", 2).Node("ScatterElements", "y", in("x", "i", "u"), whole("axis", 1)).Output("y"), "proven"},
		{"rows are written", vectors().Input("i", i64, "N", 4).Input("u", f32, "N", 4).Node("ScatterElements", "y", in("x", "i", "u"), whole("axis", 0)).Output("y"), `unknown at node "y" (ScatterElements)`},
		{"one hot", ids().Wholes("d", nil, 9).Floats("v", []int{2}, 0, 1).Node("OneHot", "y", in("x", "d", "v")).Output("y"), "proven"},
		{"one hot in front", ids().Wholes("d", nil, 9).Floats("v", []int{2}, 0, 1).Node("OneHot", "y", in("x", "d", "v"), whole("axis", 0)).Output("y"), `unknown: axis 0 of output "y"`},
		{"rows that pass a test", vectors().Floats("z", nil).Node("ReduceSum", "s", in("x", "a"), whole("keepdims", 0)).Wholes("a", []int{1}, 1).Node("Greater", "b", in("s", "z")).Node("Compress", "y", in("x", "b"), whole("axis", 0)).Output("y"), `mixes at node "y" (Compress): drops rows by their values`},
		{"what is not zero", numbers().Node("NonZero", "y", in("x")).OutputOf(i64, "y"), `mixes at node "y" (NonZero)`},
		{"as many as not zero", numbers().Node("NonZero", "z", in("x")).Node("Shape", "n", in("z"), whole("start", 1)).Node("Cast", "f", in("n"), whole("to", f32)).Node("Mul", "y", in("x", "f")).Output("y"), `mixes at node "z" (NonZero)`},
	}
}
