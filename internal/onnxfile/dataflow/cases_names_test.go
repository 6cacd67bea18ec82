package dataflow_test

import "sluice/internal/onnxgen"

// nameCases give names, functions and attributes two meanings.
func nameCases() []verdictCase {
	mean := func(to string) *onnxgen.Graph {
		return onnxgen.New(17).Node("ReduceMean", to, in("a"), onnxgen.Wholes("axes", 0))
	}
	call := func(g *onnxgen.Graph, op string) *onnxgen.Graph { return g.Node(op, "y", in("x")).Output("y") }
	turned := func(opset, inner int) *onnxgen.Graph { // a softmax over the rows, or over all axes from 0 on
		f := onnxgen.New(inner).Node("Transpose", "t", in("a")).Node("Softmax", "s", in("t"), whole("axis", 0)).Node("Transpose", "b", in("s"))
		return call(onnxgen.New(opset).Input("x", f32, "N", 4).Domain("own", 1).Function("own", "f", in("a"), in("b"), f), "own.f")
	}
	branch := func(g *onnxgen.Graph) *onnxgen.Graph {
		return g.Node("If", "y", in("c"), onnxgen.Body("then_branch", onnxgen.New(17).Node("Neg", "u", in("x")).Output("u")),
			onnxgen.Body("else_branch", onnxgen.New(17).Node("ReduceMean", "v", in("x"), onnxgen.Wholes("axes", 0)).Output("v"))).Output("y")
	}
	yes, no := []byte{1}, []byte{0}
	const odd = "unknown: the file is written in an unusual way: "
	return []verdictCase{
		{"a name of two initialisers", branch(vectors().Raw("c", onnxgen.Bool, nil, no).Raw("c", onnxgen.Bool, nil, yes)), `unknown`},
		{"an initialiser and a node of one name", branch(vectors().Raw("c", onnxgen.Bool, nil, no).Wholes("one", nil, 1).Node("Cast", "c", in("one"), whole("to", onnxgen.Bool))), `unknown`},
		{"two nodes of one name", vectors().Node("ReduceMean", "y", in("x"), onnxgen.Wholes("axes", 0)).Node("Neg", "y", in("x")).Output("y"), `unknown at node "y" (Neg): the name "y" has two values`},
		{"an input of a body that is its initialiser too", vectors().Wholes("three", nil, 3).Nodes("Loop", in("y"), in("three", "", "x"), onnxgen.Body("body", onnxgen.New(17).Scalar("i", i64).Scalar("c", onnxgen.Bool).Input("s", f32).
			Floats("s", []int{1, 4}).Node("Identity", "d", in("c")).Node("Neg", "t", in("s")).OutputOf(onnxgen.Bool, "d").Output("t"))).Output("y"), `unknown at node`},
		{"a function of the file's versions", turned(13, 13), "proven"},
		{"a function of newer operators", turned(11, 13), `unknown at node "y" (own.f): a function is written for another version`},
		{"a function of older operators", turned(13, 11), `unknown at node "y" (own.f): a function is written for another version`},
		{"domain and name with a dot", call(vectors().Domain("a", 1).Domain("a.b", 1).Function("a.b", "c", in("a"), in("b"), onnxgen.New(17).Node("Neg", "b", in("a"))).
			Function("a", "b.c", in("a"), in("b"), mean("b")), "a.b.c"), "proven"},
		{"two functions of one name", call(vectors().Domain("own", 1).Function("own", "f", in("a"), in("b"), mean("b")).
			Function("own", "f", in("a"), in("b"), onnxgen.New(17).Node("Neg", "b", in("a"))), "own.f"), odd + `it defines the function "f" twice`},
		{"an attribute that is handed on under another name", vectors().Domain("own", 1).
			Function("own", "g", in("a"), in("b"), onnxgen.New(17).Node("own.f", "b", in("a"), onnxgen.Caller("over", 2, "across"))).
			Function("own", "f", in("a"), in("b"), onnxgen.New(17).Node("Softmax", "b", in("a"), onnxgen.Caller("axis", 2, "over"))).
			Node("own.g", "y", in("x"), whole("across", 0)).Output("y"), `mixes at node "b" (Softmax)`},
		{"a reference without a caller", vectors().Node("Softmax", "y", in("x"), onnxgen.Caller("axis", 2, "over")).Output("y"), `unknown at node "y" (Softmax): an attribute refers to a caller`},
		{"an attribute that is given twice", vectors().Node("Softmax", "y", in("x"), whole("axis", 0), whole("axis", 1)).Output("y"), odd + `the attribute "axis" is given twice`},
		{"no axes to squeeze", onnxgen.New(17).Input("x", f32, "N", 1, 4).Wholes("e", []int{0}).Node("Transpose", "t", in("x"), onnxgen.Wholes("perm", 1, 0, 2)).Node("Squeeze", "y", in("t", "e")).Output("y"), `unknown at node "y" (Squeeze)`},
		{"no axes to reduce", vectors().Wholes("e", []int{0}).Node("ReduceSum", "y", in("x", "e")).Output("y"), `mixes at node "y" (ReduceSum)`},
		{"no axes to normalise", images().Node("MeanVarianceNormalization", "y", in("x"), onnxgen.Wholes("axes")).Output("y"), `unknown at node "y" (MeanVarianceNormalization)`},
	}
}

// sequenceCases take a length of one tensor of a sequence for that of another.
func sequenceCases() []verdictCase {
	// Flattens b [N, ?] by the length of a's row, sums, and keeps N of the sums.
	mistaken := func(g *onnxgen.Graph) *onnxgen.Graph {
		return g.Wholes("i", nil, 0).Wholes("j", nil, 1).Node("SequenceAt", "a", in("q", "i")).Node("SequenceAt", "b", in("q", "j")).
			Node("Shape", "s", in("a"), whole("start", 1)).Wholes("m", []int{1}, -1).Node("Concat", "t", in("m", "s"), whole("axis", 0)).Node("Reshape", "r", in("b", "t")).
			Wholes("one", []int{1}, 1).Node("ReduceSum", "u", in("r", "one"), whole("keepdims", 0)).Wholes("z", []int{1}, 0).Node("Shape", "n", in("x"), whole("end", 1)).
			Node("Slice", "y", in("u", "z", "n")).Output("y")
	}
	parts := func(g *onnxgen.Graph, sizes ...int64) *onnxgen.Graph {
		return g.Wholes("p", []int{len(sizes)}, sizes...).Node("SplitToSequence", "q", in("x", "p"), whole("axis", 1))
	}
	built := func() *onnxgen.Graph {
		return vectors().Wholes("p", []int{2}, 1, 3).Nodes("Split", in("f", "g"), in("x", "p"), whole("axis", 1)).Node("SequenceConstruct", "q", in("f", "g"))
	}
	grown := func() *onnxgen.Graph {
		return vectors().Wholes("p", []int{2}, 1, 3).Nodes("Split", in("f", "g"), in("x", "p"), whole("axis", 1)).Node("SequenceConstruct", "k", in("f")).Node("SequenceInsert", "q", in("k", "g"))
	}
	return []verdictCase{
		{"parts of different lengths", mistaken(parts(vectors(), 1, 3)), `unknown at node "r" (Reshape)`},
		{"tensors of different lengths", mistaken(built()), `unknown at node "r" (Reshape)`},
		{"a tensor that is added to a sequence", mistaken(grown()), `unknown at node "r" (Reshape)`},
		{"parts by their own lengths", parts(vectors(), 1, 3).Wholes("i", nil, 1).Node("SequenceAt", "a", in("q", "i")).Node("Neg", "y", in("a")).Output("y"), "proven"},
	}
}
