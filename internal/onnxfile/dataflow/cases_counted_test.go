package dataflow_test

import "sluice/internal/onnxgen"

// numberOf makes n, the number of rows, as a vector of one element, and f, the same as a
// float.
func numberOf(g *onnxgen.Graph) *onnxgen.Graph {
	return g.Node("Shape", "n", in("x"), whole("end", 1)).Node("Cast", "f", in("n"), whole("to", f32))
}

// countedCases give operators the number of rows beside their data.
func countedCases() []verdictCase {
	const may = "the result may depend on the number of rows"
	norm := func(opset int, outputs ...string) *onnxgen.Graph {
		g := onnxgen.New(opset).Input("x", f32, "N", 3).Floats("s", []int{3}).Floats("b", []int{3}).Floats("m", []int{3}).Floats("v", []int{3})
		return g.Nodes("BatchNormalization", append(in("y"), outputs...), in("x", "s", "b", "m", "v")).Output("y")
	}
	dropped := func(ratio float32, attrs ...string) *onnxgen.Graph { // a constant, whose largest element is added
		return vectors().Floats("c", []int{8}, 1).Floats("p", []int{}, ratio).Raw("on", onnxgen.Bool, nil, []byte{1}).
			Node("Dropout", "d", in("c", "p", "on")).Node("ReduceMax", "k", in("d")).Node("Add", "y", in("x", "k")).Output("y")
	}
	resized := func(g *onnxgen.Graph) *onnxgen.Graph { // as many columns as before, times the number of rows
		return numberOf(g).Wholes("o", []int{1}, 1).Node("Concat", "c", in("o", "o", "o", "n"), whole("axis", 0)).Node("Cast", "s", in("c"), whole("to", f32)).Node("Resize", "y", in("x", "", "s")).Output("y")
	}
	return []verdictCase{
		{"padded with the number of rows", numberOf(vectors()).Wholes("p", []int{4}, 0, 1, 0, 0).Wholes("z", []int{1}, 0).Node("Squeeze", "v", in("f", "z")).
			Node("Pad", "y", in("x", "p", "v")).Output("y"), `unknown at node "y" (Pad): ` + may},
		{"padded with a constant", vectors().Wholes("p", []int{4}, 0, 1, 0, 0).Floats("v", nil).Node("Pad", "y", in("x", "p", "v")).Output("y"), "proven"},
		{"clipped to the number of rows", numberOf(vectors()).Wholes("z", []int{1}, 0).Node("Squeeze", "v", in("f", "z")).Node("Clip", "y", in("x", "", "v")).Output("y"), "mixes"},
		{"resized by the number of rows", resized(images()), `unknown at node "y" (Resize): the shape may depend`},
		{"resized in a region by the number of rows", numberOf(images()).Floats("o", []int{7}, 0).Floats("s", []int{4}, 1, 1, 2, 2).Node("Concat", "r", in("o", "f"), whole("axis", 0)).
			Node("Resize", "y", in("x", "r", "s"), onnxgen.Text("coordinate_transformation_mode", "tf_crop_and_resize")).Output("y"), `unknown at node "y" (Resize)`},
		{"a constant resized in such a region", numberOf(vectors()).Floats("c", []int{4}).Floats("o", []int{1}, 0).Floats("s", []int{1}, 1).Node("Concat", "r", in("o", "f"), whole("axis", 0)).
			Node("Resize", "k", in("c", "r", "s"), onnxgen.Text("coordinate_transformation_mode", "tf_crop_and_resize")).Node("Add", "y", in("x", "k")).Output("y"), `unknown at node "k" (Resize)`},
		{"the largest as many as rows", numberOf(vectors()).Nodes("TopK", in("y", "i"), in("x", "n"), whole("axis", 1)).Output("y"), `unknown at node "y" (TopK)`},
		{"sorted rows, which may be put back", numberOf(vectors()).Nodes("TopK", in("y", "i"), in("x", "n"), whole("axis", 0)).Output("y"), `unknown at node "y" (TopK): sorts the rows`},
		{"values of all rows, once each", vectors().Nodes("Unique", in("u", "a", "b"), in("x")).Node("Gather", "y", in("u", "b")).Output("y"), `unknown at node "u" (Unique)`},
		{"rows that are found and written back", vectors().Input("m", onnxgen.Bool, "N").Node("NonZero", "z", in("m")).Node("Transpose", "t", in("z")).Node("GatherND", "g", in("x", "t")).
			Node("Neg", "w", in("g")).Node("ScatterND", "y", in("x", "t", "w")).Output("y"), "unknown at node"},
		{"two halves of a double batch", vectors().Node("Concat", "c", in("x", "x"), whole("axis", 0)).Nodes("Split", in("a", "b"), in("c"), whole("axis", 0)).Node("Add", "y", in("a", "b")).Output("y"), `unknown at node "a" (Split)`},
		{"old batch norm", norm(11), "proven"},
		{"old batch norm that trains", norm(11, "m2", "v2", "sm", "sv"), `mixes at node "y" (BatchNormalization): normalises over the rows`},
		{"old batch norm with outputs that nobody reads", norm(11, "", "", "", ""), `unknown at node "y" (BatchNormalization)`},
		{"constants that are dropped", dropped(0.5), `mixes at node "d" (Dropout): draws random numbers`},
		{"constants that may be dropped", dropped(0), `unknown at node "d" (Dropout): may draw random numbers`},
	}
}

// evenCases lay values that are equal for all rows beside rows in another way: both have
// 2·N elements, the even ones as [2, N], those of x as [N, 2].
func evenCases() []verdictCase {
	even := func() *onnxgen.Graph { // z is [2·N, 1], d is [N·2, 1]
		return onnxgen.New(17).Input("x", f32, "N", 2).Node("Shape", "n", in("x"), whole("end", 1)).Node("ConstantOfShape", "o", in("n")).
			Wholes("two", []int{1}, 2).Node("Tile", "t", in("o", "two")).Wholes("one", []int{1}, 1).Node("Unsqueeze", "z", in("t", "one")).
			Wholes("f", []int{2}, -1, 1).Node("Reshape", "d", in("x", "f"))
	}
	whole64 := func(g *onnxgen.Graph, from, to string) *onnxgen.Graph {
		return g.Node("Cast", to, in(from), whole("to", i64))
	}
	apart := func(g *onnxgen.Graph, to ...int64) *onnxgen.Graph { // as the even ones would lie, or as x does
		g.Wholes("r", []int{2}, to...).Node("Reshape", "q", in("g", "r"))
		if to[0] == 2 {
			return g.Node("Transpose", "y", in("q")).Output("y")
		}
		return g.Node("Identity", "y", in("q")).Output("y")
	}
	gathered := func() *onnxgen.Graph {
		return whole64(even(), "z", "i").Node("GatherElements", "g", in("d", "i"), whole("axis", 1))
	}
	scattered := func() *onnxgen.Graph {
		return whole64(even(), "z", "i").Node("ScatterElements", "g", in("z", "i", "d"), whole("axis", 1))
	}
	ramp := func() *onnxgen.Graph { // u is [2·N, 3], the same in each row
		return even().Floats("c", []int{1, 3}).Node("Add", "u", in("z", "c"))
	}
	turned := func() *onnxgen.Graph {
		return whole64(ramp(), "d", "l").Wholes("a", []int{1}, -1).Node("Reshape", "k", in("l", "a")).
			Node("ReverseSequence", "w", in("u", "k"), whole("batch_axis", 0), whole("time_axis", 1)).
			Wholes("b", []int{1}, 0).Node("Slice", "g", in("w", "b", "one", "one"))
	}
	chosen := func() *onnxgen.Graph {
		return whole64(ramp(), "d", "l").Node("GatherND", "g", in("u", "l"), whole("batch_dims", 1))
	}
	const mixes = `mixes at node "q" (Reshape)`
	return []verdictCase{
		{"gathered at even indices", apart(gathered(), -1, 2), "proven"},
		{"gathered at even indices, the other way", apart(gathered(), 2, -1), mixes},
		{"written into even data", apart(scattered(), -1, 2), "proven"},
		{"written into even data, the other way", apart(scattered(), 2, -1), mixes},
		{"even sequences turned around", apart(turned(), -1, 2), "proven"},
		{"even sequences turned around, the other way", apart(turned(), 2, -1), mixes},
		{"chosen from even data", apart(chosen(), -1, 2), "proven"},
		{"chosen from even data, the other way", apart(chosen(), 2, -1), mixes},
		{"even data alone, either way", apart(even().Node("Identity", "g", in("z")), 2, -1), "proven"},
	}
}
