package onnx

import (
	"slices"

	"sluice/internal/onnxgen"
)

// Motifs: a few nodes in a row whose mistakes would show in an output.

// centred takes off each element what an axis has in common: its mean, its largest or its
// first.
func (g *randomGraph) centred() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok {
		return false
	}
	one := slices.Clone(n.dims)
	one[k] = length{1, 0}
	common := g.name()
	switch g.rng.IntN(5) {
	case 0:
		inputs, attrs := g.axes(18, []string{n.name}, int64(k))
		ok = g.add("ReduceMean", common, one, n.kind, inputs, attrs...)
	case 1:
		inputs, attrs := g.axes(13, []string{n.name}, int64(k))
		ok = g.add("ReduceSum", common, one, n.kind, inputs, attrs...)
	case 2:
		ok = g.add("Gather", common, one, n.kind, []string{n.name, g.wholes(0)}, onnxgen.Whole("axis", int64(k)))
	case 3:
		ok = g.add("Slice", common, one, n.kind, []string{n.name, g.wholes(0), g.wholes(1), g.wholes(int64(k))})
	default:
		values, places := common, g.name()
		g.Nodes("TopK", []string{values, places}, []string{n.name, g.wholes(1)}, onnxgen.Whole("axis", int64(k)))
	}
	return ok && g.add("Sub", g.name(), n.dims, n.kind, []string{n.name, common})
}

// twice lays every row down twice, behind one another or beside one another, adds both, and
// takes the pairs apart again.
func (g *randomGraph) twice() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() == 2 && n.dims[0].n == 1 && n.dims[0].c == 1 && n.dims[1].n == 0 })
	if !ok {
		return false
	}
	width := n.dims[1]
	double := []length{{2, 1}, width}
	behind := func() string {
		name := g.name()
		g.Node("Tile", name, []string{n.name, g.wholes(2, 1)})
		return name
	}
	beside := func() string {
		wide, name := g.name(), g.name()
		g.Node("Concat", wide, []string{n.name, n.name}, onnxgen.Whole("axis", 1))
		g.Node("Reshape", name, []string{wide, g.wholes(-1, int64(width.c))})
		return name
	}
	ways := []func() string{behind, beside}
	first := g.rng.IntN(2)
	second := first
	if g.rng.IntN(100) < g.wild {
		second = 1 - first
	}
	sum := g.name()
	if !g.add("Add", sum, double, n.kind, []string{ways[first](), ways[second]()}) {
		return false
	}
	shape, axis := []int64{2, -1, int64(width.c)}, int64(0)
	if first == 1 {
		shape, axis = []int64{-1, 2, int64(width.c)}, 1
	}
	apart := g.name()
	g.Node("Reshape", apart, []string{sum, g.wholes(shape...)})
	return g.add("Gather", g.name(), n.dims, n.kind, []string{apart, g.whole(int64(g.rng.IntN(2)))}, onnxgen.Whole("axis", axis))
}

// correlated multiplies a tensor by the products of its columns: those of each row where
// there is an axis before the last, else those over the rows.
func (g *randomGraph) correlated() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 2 && n.dims[n.rank()-1].n == 0 })
	if !ok || n.dims[n.rank()-2].n > 0 && g.rng.IntN(100) > 2*g.wild {
		return false
	}
	r := n.rank()
	perm := make([]int64, r)
	for i := range perm {
		perm[i] = int64(i)
	}
	perm[r-1], perm[r-2] = perm[r-2], perm[r-1]
	turned, square := slices.Clone(n.dims), slices.Clone(n.dims)
	turned[r-1], turned[r-2] = n.dims[r-2], n.dims[r-1]
	square[r-2] = n.dims[r-1]
	t, s := g.name(), g.name()
	return g.add("Transpose", t, turned, n.kind, []string{n.name}, onnxgen.Wholes("perm", perm...)) &&
		g.add("MatMul", s, square, n.kind, []string{t, n.name}) &&
		g.add("MatMul", g.name(), n.dims, n.kind, []string{n.name, s})
}

// ranOver runs a recurrent cell over an axis of a tensor, and adds what it gives to it.
func (g *randomGraph) ranOver() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() == 3 && n.dims[2].n == 0 })
	if !ok {
		return false
	}
	k := g.rng.IntN(2)
	if n.dims[k].n > 0 && g.rng.IntN(100) > 2*g.wild {
		k = 1 - k
	}
	c := n.dims[2].c
	perm := []int64{0, 1, 2}
	if k == 1 {
		perm = []int64{1, 0, 2}
	}
	front, all, flat, back := g.name(), g.name(), g.name(), g.name()
	g.Node("Transpose", front, []string{n.name}, onnxgen.Wholes("perm", perm...))
	g.Nodes("GRU", []string{all}, []string{front, g.weights(1, 3*c, c), g.weights(1, 3*c, c)}, onnxgen.Whole("hidden_size", int64(c)))
	inputs, attrs := g.axes(13, []string{all}, 1)
	g.Node("Squeeze", flat, inputs, attrs...)
	g.Node("Transpose", back, []string{flat}, onnxgen.Wholes("perm", perm...))
	return g.add("Add", g.name(), n.dims, n.kind, []string{n.name, back})
}
