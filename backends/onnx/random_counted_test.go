package onnx

import (
	"slices"

	"sluice/internal/onnxgen"
)

// Nodes that are given a length beside their data, values that are equal for all rows, and
// numbers that leave their type.

// scalarOf is the name of a single float: the length of an axis, seldom of the rows'.
func (g *randomGraph) scalarOf(n node) (string, bool) {
	k, ok := g.axis(n)
	if !ok {
		return "", false
	}
	number, single := g.name(), g.name()
	inputs, attrs := g.axes(13, []string{g.lengthOf(n, k)}, 0)
	g.Node("Squeeze", single, inputs, attrs...)
	g.Node("Cast", number, []string{single}, onnxgen.Whole("to", onnxgen.Float32))
	return number, true
}

// filled pads the last axis with a length.
func (g *randomGraph) filled() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 1 && n.dims[n.rank()-1].n == 0 })
	if !ok {
		return false
	}
	value, ok := g.scalarOf(n)
	if !ok {
		return false
	}
	pads := make([]int64, 2*n.rank())
	pads[len(pads)-1] = int64(g.rng.IntN(3))
	dims := slices.Clone(n.dims)
	dims[n.rank()-1].c += int(pads[len(pads)-1])
	return g.add("Pad", g.name(), dims, n.kind, []string{n.name, g.wholes(pads...), value})
}

// stretched resizes the last axis by a length, and cuts it to what it was.
func (g *randomGraph) stretched() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 2 && n.dims[n.rank()-1].n == 0 })
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok {
		return false
	}
	last := n.rank() - 1
	factors, scales, wide := g.name(), g.name(), g.name()
	g.Node("Concat", factors, []string{g.wholes(slices.Repeat([]int64{1}, last)...), g.lengthOf(n, k)}, onnxgen.Whole("axis", 0))
	g.Node("Cast", scales, []string{factors}, onnxgen.Whole("to", onnxgen.Float32))
	g.Node("Resize", wide, []string{n.name, "", scales}, onnxgen.Text("mode", "linear"))
	return g.add("Slice", g.name(), n.dims, n.kind, []string{wide, g.wholes(0), g.wholes(int64(n.dims[last].c)), g.wholes(int64(last))})
}

// trained is a normalisation of an old version, now and then with the outputs that make it
// train.
func (g *randomGraph) trained() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 2 && n.dims[1].n == 0 && n.dims[0].n > 0 })
	if !ok || g.Opset >= 14 {
		return false
	}
	c, name := n.dims[1].c, g.name()
	outputs := []string{name}
	if g.rng.IntN(100) < 2*g.wild {
		outputs = append(outputs, name+"m", name+"v", name+"n", name+"w")
	}
	g.Nodes("BatchNormalization", outputs, []string{n.name, g.weights(c), g.weights(c), g.weights(c), g.positive(c)})
	g.live = append(g.live, node{name, n.dims, n.kind})
	return true
}

// cutShort adds what a length loses in a type.
func (g *randomGraph) cutShort() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok {
		return false
	}
	large := []int64{1, 3, 100, 1 << 20, 1<<24 + 1, 1 << 31, 1<<53 + 1, 1 << 61}[g.rng.IntN(8)]
	kind := []int64{onnxgen.Float32, onnxgen.Uint8, 3, onnxgen.Int32, 11, 12, onnxgen.Bool}[g.rng.IntN(7)]
	long, there, back, lost, number := g.name(), g.name(), g.name(), g.name(), g.name()
	g.Node([]string{"Mul", "Add", "Sub"}[g.rng.IntN(3)], long, []string{g.lengthOf(n, k), g.wholes(large)})
	g.Node("Cast", there, []string{long}, onnxgen.Whole("to", kind))
	g.Node("Cast", back, []string{there}, onnxgen.Whole("to", onnxgen.Int64))
	g.Node("Sub", lost, []string{back, long})
	g.Node("Cast", number, []string{lost}, onnxgen.Whole("to", onnxgen.Float32))
	return g.add("Add", g.name(), n.dims, n.kind, []string{n.name, number})
}

// sortedBack sorts the rows by an integer, works on them, and puts them back.
func (g *randomGraph) sortedBack() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 1 && n.dims[0] == length{1, 1} })
	if !ok {
		return false
	}
	order, places, sorted, worked := g.name(), g.name(), g.name(), g.name()
	g.Nodes("TopK", []string{order + "v", order}, []string{"i", g.lengthOf(n, 0)}, onnxgen.Whole("axis", 0))
	g.Nodes("TopK", []string{places + "v", places}, []string{order, g.lengthOf(n, 0)}, onnxgen.Whole("axis", 0), onnxgen.Whole("largest", 0))
	g.Node("Gather", sorted, []string{n.name, order})
	g.Node("Tanh", worked, []string{sorted})
	return g.add("Gather", g.name(), n.dims, n.kind, []string{worked, places})
}

// evenly writes the rows of a matrix of two columns, laid into one, beside zeros that are
// laid down the other way, and takes them apart again.
func (g *randomGraph) evenly() bool {
	n, ok := g.floats(func(n node) bool {
		return n.rank() == 2 && n.dims[0] == length{1, 1} && n.dims[1].n == 0 && n.dims[1].c > 1
	})
	if !ok {
		return false
	}
	c := int64(n.dims[1].c)
	flat, ones, zeros, column, index, chosen := g.name(), g.name(), g.name(), g.name(), g.name(), g.name()
	g.Node("Reshape", flat, []string{n.name, g.wholes(-1, 1)})
	g.Node("ConstantOfShape", ones, []string{g.lengthOf(n, 0)})
	g.Node("Tile", zeros, []string{ones, g.wholes(c)})
	inputs, attrs := g.axes(13, []string{zeros}, 1)
	g.Node("Unsqueeze", column, inputs, attrs...)
	g.Node("Cast", index, []string{column}, onnxgen.Whole("to", onnxgen.Int64))
	switch g.rng.IntN(3) {
	case 0:
		g.Node("GatherElements", chosen, []string{flat, index}, onnxgen.Whole("axis", 1))
	case 1:
		g.Node("ScatterElements", chosen, []string{column, index, flat}, onnxgen.Whole("axis", 1))
	default:
		g.Node("Add", chosen, []string{column, flat})
	}
	if g.rng.IntN(100) >= 2*g.wild {
		return g.add("Reshape", g.name(), n.dims, n.kind, []string{chosen, g.wholes(-1, c)})
	}
	apart := g.name()
	g.Node("Reshape", apart, []string{chosen, g.wholes(c, -1)})
	return g.add("Transpose", g.name(), n.dims, n.kind, []string{apart}, onnxgen.Wholes("perm", 1, 0))
}

// inSequence cuts an axis into a sequence of unequal parts, and reshapes one part by the
// length of one, now and then of another.
func (g *randomGraph) inSequence() bool {
	n, ok := g.floats(func(n node) bool {
		return n.rank() == 2 && n.dims[0] == length{1, 1} && n.dims[1].n == 0 && n.dims[1].c > 2
	})
	if !ok {
		return false
	}
	c := int64(n.dims[1].c)
	sequence, first, second, shape, flat, sum := g.name(), g.name(), g.name(), g.name(), g.name(), g.name()
	g.Node("SplitToSequence", sequence, []string{n.name, g.wholes(1, c-1)}, onnxgen.Whole("axis", 1))
	g.Node("SequenceAt", first, []string{sequence, g.whole(int64(g.rng.IntN(2)))})
	g.Node("SequenceAt", second, []string{sequence, g.whole(1)})
	g.Node("Concat", shape, []string{g.wholes(-1), g.lengthOf(node{name: first}, 1)}, onnxgen.Whole("axis", 0))
	g.Node("Reshape", flat, []string{second, shape})
	inputs, attrs := g.axes(13, []string{flat}, 1)
	g.Node("ReduceSum", sum, inputs, append(attrs, onnxgen.Whole("keepdims", 0))...)
	return g.add("Slice", g.name(), []length{{1, 1}}, n.kind, []string{sum, g.wholes(0), g.lengthOf(n, 0), g.wholes(0)})
}
