package dataflow_test

import "sluice/internal/onnxgen"

func axisCases() []verdictCase {
	along := func(op string, axis int64) *onnxgen.Graph {
		return vectors().Node(op, "y", in("x"), whole("axis", axis)).Output("y")
	}
	reduce := func(g *onnxgen.Graph, axes ...int64) *onnxgen.Graph {
		return g.Wholes("a", []int{len(axes)}, axes...).Node("ReduceSum", "y", in("x", "a"), whole("keepdims", 0)).Output("y")
	}
	old := func(op string) *onnxgen.Graph {
		return onnxgen.New(11).Input("x", f32, "N", 4).Node(op, "y", in("x")).Output("y")
	}
	sum := func(axis int64) *onnxgen.Graph {
		return vectors().Wholes("a", nil, axis).Node("CumSum", "y", in("x", "a")).Output("y")
	}
	top := func(axis int64) *onnxgen.Graph {
		return vectors().Wholes("k", []int{1}, 2).Nodes("TopK", in("y", "i"), in("x", "k"), whole("axis", axis)).Output("y")
	}
	return []verdictCase{
		{"sum of a row", reduce(vectors(), 1), "proven"},
		{"sum of a row, from the end", reduce(vectors(), -1), "proven"},
		{"sum over rows", reduce(vectors(), 0), `mixes at node "y" (ReduceSum): reduces over the rows`},
		{"sum over both", reduce(vectors(), 1, 0), `mixes at node "y" (ReduceSum)`},
		{"sum over all", vectors().Node("ReduceSum", "y", in("x")).Output("y"), `mixes at node "y" (ReduceSum)`},
		{"sum over nothing", vectors().Node("ReduceSum", "y", in("x"), whole("noop_with_empty_axes", 1)).Output("y"), "proven"},
		{"axes by an attribute", vectors().Node("ReduceMean", "y", in("x"), onnxgen.Wholes("axes", -2)).Output("y"), `mixes at node "y" (ReduceMean)`},
		{"axes that an input gives", vectors().Input("a", i64, "N").Node("ReduceSum", "y", in("x", "a")).Output("y"), `unknown at node "y" (ReduceSum)`},
		{"softmax of a row", along("Softmax", 1), "proven"},
		{"softmax over rows", along("Softmax", 0), `mixes at node "y" (Softmax): takes a softmax over the rows`},
		{"old softmax", old("Softmax"), "proven"},
		{"old softmax from axis 0", onnxgen.New(11).Input("x", f32, "N", 4).Node("Softmax", "y", in("x"), whole("axis", 0)).Output("y"), `mixes at node "y" (Softmax)`},
		{"old softmax of numbers", onnxgen.New(11).Input("x", f32, "N").Node("Softmax", "y", in("x")).Output("y"), "proven"},
		{"hardmax over rows", along("Hardmax", -2), `mixes at node "y" (Hardmax)`},
		{"the largest of a row", vectors().Node("ArgMax", "y", in("x"), whole("axis", 1), whole("keepdims", 0)).OutputOf(i64, "y"), "proven"},
		{"the largest of all rows", vectors().Node("ArgMax", "y", in("x"), whole("keepdims", 0)).OutputOf(i64, "y"), `mixes at node "y" (ArgMax)`},
		{"running sum of a row", sum(1), "proven"},
		{"running sum over rows", sum(0), `mixes at node "y" (CumSum): adds up over the rows`},
		{"the largest two of a row", top(1), "proven"},
		{"the largest two rows", top(0), `mixes at node "y" (TopK): sorts the rows`},
		{"layer norm", vectors().Floats("s", []int{4}).Node("LayerNormalization", "y", in("x", "s")).Output("y"), "proven"},
		{"layer norm over rows", vectors().Floats("s", []int{4}).Node("LayerNormalization", "y", in("x", "s"), whole("axis", 0)).Output("y"), `mixes at node "y" (LayerNormalization): normalises over the rows`},
		{"norm over rows", along("LpNormalization", 0), `mixes at node "y" (LpNormalization)`},
		{"mean and variance by default", images().Node("MeanVarianceNormalization", "y", in("x")).Output("y"), `mixes at node "y" (MeanVarianceNormalization)`},
		{"mean and variance of an image", images().Node("MeanVarianceNormalization", "y", in("x"), onnxgen.Wholes("axes", 2, 3)).Output("y"), "proven"},
		{"sequences turned around", matrices().Input("n", i64, "N").Node("ReverseSequence", "y", in("x", "n"), whole("batch_axis", 0), whole("time_axis", 1)).Output("y"), "proven"},
		{"sequences of no known shape turned around", ofEither(matrices().Input("n", i64, "N")).Node("ReverseSequence", "y", in("e", "n"), whole("batch_axis", 0), whole("time_axis", 1)).Output("y"), `unknown at node "y" (ReverseSequence)`},
		{"rows turned around, which may be turned back", matrices().Input("n", i64, "N").Node("ReverseSequence", "y", in("x", "n"), whole("batch_axis", 1), whole("time_axis", 0)).Output("y"), `unknown at node "y" (ReverseSequence)`},
	}
}

func productCases() []verdictCase {
	einsum := func(g *onnxgen.Graph, equation string, inputs ...string) *onnxgen.Graph {
		return g.Node("Einsum", "y", inputs, onnxgen.Text("equation", equation)).Output("y")
	}
	return []verdictCase{
		{"dense", vectors().Floats("w", []int{4, 2}).Node("MatMul", "y", in("x", "w")).Output("y"), "proven"},
		{"dense on matrices", matrices().Floats("w", []int{4, 2}).Node("MatMul", "y", in("x", "w")).Output("y"), "proven"},
		{"dense with a vector", vectors().Floats("w", []int{4}).Node("MatMul", "y", in("x", "w")).Output("y"), "proven"},
		{"a matrix for each row", matrices().Input("z", f32, "N", 4, "T").Node("MatMul", "y", in("x", "z")).Output("y"), "proven"},
		{"a matrix from the left", matrices().Floats("w", []int{2, 3}).Input("z", f32, "N", 3, 5).Node("MatMul", "y", in("w", "z")).Output("y"), "proven"},
		{"a stack of constants", vectors().Floats("w", []int{3, 4, 2}).Node("MatMul", "y", in("x", "w")).Output("y"), `unknown: axis 0 of output "y"`},
		{"rows times rows", vectors().Node("Transpose", "t", in("x")).Node("MatMul", "y", in("x", "t")).Output("y"), `mixes at node "y" (MatMul): multiplies rows with one another`},
		{"summed over rows", vectors().Node("Transpose", "t", in("x")).Node("MatMul", "y", in("t", "x")).Output("y"), `mixes at node "y" (MatMul): sums over the rows`},
		{"numbers times a matrix", numbers().Floats("w", []int{3, 2}).Node("MatMul", "y", in("x", "w")).Output("y"), `mixes at node "y" (MatMul): sums over the rows`},
		{"stacks on other axes", onnxgen.New(17).Input("x", f32, "N", 3, 4).Input("z", f32, "N", 2, 4, 5).Node("MatMul", "y", in("x", "z")).Output("y"), `mixes at node "y" (MatMul): pairs each row with all rows`},
		{"gemm", vectors().Floats("w", []int{2, 4}).Floats("b", []int{2}).Node("Gemm", "y", in("x", "w", "b"), whole("transB", 1)).Output("y"), "proven"},
		{"gemm turned", vectors().Floats("w", []int{3, 4}).Node("Gemm", "y", in("x", "w"), whole("transA", 1), whole("transB", 1)).Output("y"), `mixes at node "y" (Gemm): sums over the rows`},
		{"gemm with rows added", vectors().Floats("w", []int{4, 2}).Input("b", f32, "N", 2).Node("Gemm", "y", in("x", "w", "b")).Output("y"), "proven"},
		{"gemm with a vector of rows added", vectors().Floats("w", []int{4, 2}).Input("b", f32, "N").Node("Gemm", "y", in("x", "w", "b")).Output("y"), `mixes at node "y" (Gemm)`},
		{"einsum in a row", einsum(matrices(), "nte,nse->nts", "x", "x"), "proven"},
		{"einsum without an arrow", einsum(matrices().Floats("w", []int{4, 2}), "abc,cd", "x", "w"), "proven"},
		{"einsum over rows", einsum(matrices(), "nte,nse->ts", "x", "x"), `mixes at node "y" (Einsum): sums over the rows`},
		{"einsum of rows and rows", einsum(vectors(), "ne,me->nm", "x", "x"), `mixes at node "y" (Einsum): multiplies rows with one another`},
		{"einsum with an ellipsis", einsum(matrices(), "...e->...", "x"), `unknown at node "y" (Einsum)`},
		{"einsum with a constant as long", einsum(vectors().Floats("w", []int{3}), "ne,n->ne", "x", "w"), `mixes at node "y" (Einsum)`},
	}
}

func layerCases() []verdictCase {
	conv := func() *onnxgen.Graph { return images().Floats("w", []int{2, 3, 3, 3}) }
	norm := func(g *onnxgen.Graph, attrs ...onnxgen.Attr) *onnxgen.Graph {
		return g.Floats("s", []int{3}).Floats("b", []int{3}).Floats("m", []int{3}).Floats("v", []int{3}).Node("BatchNormalization", "y", in("x", "s", "b", "m", "v"), attrs...).Output("y")
	}
	return []verdictCase{
		{"convolution", conv().Node("Conv", "y", in("x", "w")).Output("y"), "proven"},
		{"convolution over rows", vectors().Wholes("a", []int{2}, 0, 1).Node("Unsqueeze", "u", in("x", "a")).Floats("w", []int{1, 1, 3, 3}).Node("Conv", "y", in("u", "w")).Output("y"), `mixes at node "y" (Conv): convolves over the rows`},
		{"weights for each row", images().Input("w", f32, "N", 3, 1, 1).Node("Conv", "y", in("x", "w")).Output("y"), `unknown at node "y" (Conv)`},
		{"transposed convolution", images().Floats("w", []int{3, 2, 3, 3}).Node("ConvTranspose", "y", in("x", "w")).Output("y"), "proven"},
		{"pooling", images().Node("MaxPool", "y", in("x"), onnxgen.Wholes("kernel_shape", 2, 2)).Output("y"), "proven"},
		{"places that pooling takes", images().Nodes("MaxPool", in("y", "i"), in("x"), onnxgen.Wholes("kernel_shape", 2, 2)).OutputOf(i64, "i"), `unknown at node "y" (MaxPool): this output is not analysed`},
		{"a network of images", conv().Node("Conv", "c", in("x", "w"), onnxgen.Wholes("pads", 1, 1, 1, 1)).Node("GlobalAveragePool", "p", in("c")).Node("Flatten", "f", in("p")).Floats("d", []int{2, 5}).Node("MatMul", "y", in("f", "d")).Output("y"), "proven"},
		{"lengths of a convolution fold", conv().Node("Conv", "c", in("x", "w"), onnxgen.Wholes("strides", 2, 2)).Wholes("s", []int{2}, -1, 18).Node("Reshape", "y", in("c", "s")).Output("y"), "proven"},
		{"batch norm", norm(images()), "proven"},
		{"batch norm that trains", norm(images(), whole("training_mode", 1)), `mixes at node "y" (BatchNormalization): normalises over the rows`},
		{"instance norm", images().Floats("s", []int{3}).Floats("b", []int{3}).Node("InstanceNormalization", "y", in("x", "s", "b")).Output("y"), "proven"},
		{"pixels from channels", onnxgen.New(17).Input("x", f32, "N", 8, 2, 2).Node("DepthToSpace", "d", in("x"), whole("blocksize", 2)).Wholes("s", []int{2}, 0, -1).Node("Reshape", "y", in("d", "s")).Output("y"), "proven"},
		{"resize", images().Floats("s", []int{4}, 1, 1, 2, 2).Node("Resize", "y", in("x", "", "s")).Output("y"), "proven"},
		{"resize rows", images().Floats("s", []int{4}, 2, 1, 1, 1).Node("Resize", "y", in("x", "", "s")).Output("y"), `unknown at node "y" (Resize)`},
		{"sampling by a grid", images().Input("g", f32, "N", 5, 5, 2).Node("GridSample", "y", in("x", "g")).Output("y"), "proven"},
		{"regions of images", images().Input("r", f32, "N", 4).Input("i", i64, "N").Node("RoiAlign", "y", in("x", "r", "i")).Output("y"), `unknown at node "y" (RoiAlign)`},
		{"attention of version 23", onnxgen.New(23).Input("x", f32, "N", 2, "T", 4).Node("Attention", "y", in("x", "x", "x")).Output("y"), "proven"},
		{"attention with a mask", onnxgen.New(23).Input("x", f32, "N", 2, 3, 4).Input("m", onnxgen.Bool, "N", 1, 3, 3).Node("Attention", "y", in("x", "x", "x", "m")).Output("y"), "proven"},
		{"attention with rows in the mask", onnxgen.New(23).Input("x", f32, "N", 2, 3, 4).Input("m", onnxgen.Bool, "N", 3).Node("Attention", "y", in("x", "x", "x", "m")).Output("y"), `unknown at node "y" (Attention)`},
	}
}

func recurrentCases() []verdictCase {
	// Time, batch, size; or batch first.
	gru := func(g *onnxgen.Graph, from string, inputs []string, attrs ...onnxgen.Attr) *onnxgen.Graph {
		g.Floats("w", []int{1, 6, 4}).Floats("r", []int{1, 6, 2})
		return g.Nodes("GRU", in("h", "l"), append(in(from, "w", "r"), inputs...), append(attrs, whole("hidden_size", 2))...)
	}
	turned := func() *onnxgen.Graph {
		return matrices().Node("Transpose", "t", in("x"), onnxgen.Wholes("perm", 1, 0, 2))
	}
	last := func(g *onnxgen.Graph) *onnxgen.Graph {
		return g.Wholes("z", []int{1}, 0).Node("Squeeze", "y", in("l", "z")).Output("y")
	}
	state := func(g *onnxgen.Graph) *onnxgen.Graph { // zeros [1, N, 2]
		return g.Node("Shape", "n", in("x"), whole("end", 1)).Wholes("one", []int{1}, 1).Wholes("two", []int{1}, 2).Node("Concat", "s", in("one", "n", "two"), whole("axis", 0)).Node("ConstantOfShape", "h0", in("s"))
	}
	return []verdictCase{
		{"a recurrent cell over time", last(gru(turned(), "t", nil)), "proven"},
		{"all steps", gru(turned(), "t", nil).Node("Transpose", "y", in("h"), onnxgen.Wholes("perm", 2, 0, 1, 3)).Output("y"), "proven"},
		{"a recurrent cell over rows", last(gru(matrices(), "x", nil)), `mixes at node "h" (GRU): runs over the rows as over time`},
		{"batch first", gru(matrices(), "x", nil, whole("layout", 1)).Node("Flatten", "y", in("l")).Output("y"), "proven"},
		{"lengths of sequences", last(gru(turned().Input("n", onnxgen.Int32, "N"), "t", in("", "n"))), "proven"},
		{"first states", last(gru(state(turned()), "t", in("", "", "h0"))), "proven"},
		{"a first state that is one constant", last(gru(turned().Floats("h0", []int{1, 1, 2}), "t", in("", "", "h0"))), `unknown at node "h" (GRU)`},
		{"weights that rows give", onnxgen.New(17).Input("x", f32, "N", "T", 4).Input("w", f32, "N", 6, 4).Floats("r", []int{1, 6, 2}).Node("Transpose", "t", in("x"), onnxgen.Wholes("perm", 1, 0, 2)).Nodes("GRU", in("h", "l"), in("t", "w", "r"), whole("hidden_size", 2)).Output("l"), `unknown at node "h" (GRU)`},
	}
}

// ofEither gives, as e, rows whose number of axes is not known: one of two branches has an axis more.
func ofEither(g *onnxgen.Graph) *onnxgen.Graph {
	flat := onnxgen.New(17).Node("Neg", "u", in("x")).Output("u")
	deep := onnxgen.New(17).Wholes("one", []int{1}, 1).Node("Unsqueeze", "v", in("x", "one")).Output("v")
	return g.Floats("f", []int{1}, 1).Node("Cast", "c", in("f"), whole("to", 9)).
		Node("If", "e", in("c"), onnxgen.Body("then_branch", flat), onnxgen.Body("else_branch", deep))
}
