package onnx

import (
	"slices"

	"sluice/internal/onnxgen"
)

// Nodes that give elements on in another shape.

func (g *randomGraph) transposed() bool {
	n, ok := g.float(2)
	if !ok {
		return false
	}
	perm, dims := make([]int64, n.rank()), make([]length, n.rank())
	for i, k := range g.rng.Perm(n.rank()) {
		perm[i], dims[i] = int64(k), n.dims[k]
	}
	return g.add("Transpose", g.name(), dims, n.kind, []string{n.name}, onnxgen.Wholes("perm", perm...))
}

// merged lays two axes into one, by 0 and -1.
func (g *randomGraph) merged() bool {
	n, ok := g.float(2)
	if !ok {
		return false
	}
	k := g.rng.IntN(n.rank() - 1)
	if k > 0 && slices.ContainsFunc(n.dims[k+2:], func(d length) bool { return true }) && g.rng.IntN(2) == 0 {
		return false
	}
	var shape []int64
	var dims []length
	for i, d := range n.dims {
		switch {
		case i == k:
			shape = append(shape, -1)
			dims = append(dims, length{d.c * n.dims[i+1].c, d.n + n.dims[i+1].n})
		case i == k+1:
		case i < k:
			shape, dims = append(shape, 0), append(dims, d)
		case d.n > 0:
			return false
		default:
			shape, dims = append(shape, int64(d.c)), append(dims, d)
		}
	}
	return g.add("Reshape", g.name(), dims, n.kind, []string{n.name, g.wholes(shape...)})
}

// divided makes two axes of one, whose outer length is drawn.
func (g *randomGraph) divided() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok || n.dims[k].c%2 != 0 {
		return false
	}
	parts := [2]length{{2, 0}, {n.dims[k].c / 2, n.dims[k].n}}
	if g.rng.IntN(2) == 0 {
		parts[0], parts[1] = parts[1], parts[0]
	}
	dims := slices.Concat(n.dims[:k], parts[:], n.dims[k+1:])
	var shape []int64
	rest := false
	for i, d := range dims {
		switch {
		case i < k && d == n.dims[i]:
			shape = append(shape, 0)
		case d.n > 0 && !rest:
			shape, rest = append(shape, -1), true
		case d.n > 0:
			return false
		default:
			shape = append(shape, int64(d.c))
		}
	}
	return g.add("Reshape", g.name(), dims, n.kind, []string{n.name, g.wholes(shape...)})
}

func (g *randomGraph) flattened() bool {
	n, ok := g.float(2)
	if !ok {
		return false
	}
	k := g.rng.IntN(n.rank() + 1)
	dims := []length{{1, 0}, {1, 0}}
	for i, d := range n.dims {
		side := &dims[0]
		if i >= k {
			side = &dims[1]
		}
		side.c, side.n = side.c*d.c, side.n+d.n
	}
	return g.add("Flatten", g.name(), dims, n.kind, []string{n.name}, onnxgen.Whole("axis", int64(k)))
}

// restored flattens all axes but the last, works on the matrix, and restores the shape from
// the lengths of the axes.
func (g *randomGraph) restored() bool {
	n, ok := g.pick(func(n node) bool { return n.kind == onnxgen.Float32 && n.rank() >= 3 && n.dims[n.rank()-1].n == 0 })
	if !ok {
		return false
	}
	last := n.dims[n.rank()-1]
	outer := length{1, 0}
	var parts []string
	for i, d := range n.dims[:n.rank()-1] {
		outer.c, outer.n = outer.c*d.c, outer.n+d.n
		parts = append(parts, g.lengthOf(n, i))
	}
	flat, worked, shape := g.name(), g.name(), g.name()
	if !g.add("Reshape", flat, []length{outer, last}, n.kind, []string{n.name, g.wholes(-1, int64(last.c))}) ||
		!g.add("MatMul", worked, []length{outer, last}, n.kind, []string{flat, g.weights(last.c, last.c)}) {
		return false
	}
	if g.rng.IntN(100) < g.wild {
		g.rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		n.dims = nil // whatever it is now
	}
	g.Node("Concat", shape, append(parts, g.wholes(int64(last.c))), onnxgen.Whole("axis", 0))
	if n.dims == nil {
		name := g.name()
		g.Node("Reshape", name, []string{worked, shape})
		return g.add("ReduceSum", g.name(), nil, onnxgen.Float32, []string{name}, onnxgen.Whole("keepdims", 0))
	}
	return g.add("Reshape", g.name(), n.dims, n.kind, []string{worked, shape})
}

func (g *randomGraph) unsqueezed() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k := g.rng.IntN(n.rank() + 1)
	inputs, attrs := g.axes(13, []string{n.name}, int64(k))
	return g.add("Unsqueeze", g.name(), slices.Insert(slices.Clone(n.dims), k, length{1, 0}), n.kind, inputs, attrs...)
}

func (g *randomGraph) squeezed() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && slices.Contains(n.dims, length{1, 0})
	})
	if !ok {
		return false
	}
	k := slices.Index(n.dims, length{1, 0})
	inputs, attrs := g.axes(13, []string{n.name}, int64(k))
	return g.add("Squeeze", g.name(), slices.Delete(slices.Clone(n.dims), k, k+1), n.kind, inputs, attrs...)
}

func (g *randomGraph) concatenated() bool {
	a, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(a)
	if !ok {
		return false
	}
	b, ok := g.pick(func(n node) bool {
		if n.kind != a.kind || n.rank() != a.rank() {
			return false
		}
		for i := range n.dims {
			if i != k && n.dims[i] != a.dims[i] || i == k && n.dims[i].n != a.dims[i].n {
				return false
			}
		}
		return true
	})
	if !ok {
		return false
	}
	dims := slices.Clone(a.dims)
	dims[k].c += b.dims[k].c
	return g.add("Concat", g.name(), dims, a.kind, []string{a.name, b.name}, onnxgen.Whole("axis", int64(k)))
}

func (g *randomGraph) sliced() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok {
		return false
	}
	dims := slices.Clone(n.dims)
	start, end, step := int64(0), int64(1<<62), int64(1)
	switch g.rng.IntN(4) {
	case 0: // whole
	case 1:
		if dims[k].n > 0 || dims[k].c < 2 {
			return false
		}
		end, dims[k].c = -1, dims[k].c-1
	case 2:
		start, end, step = -1, -1<<62, -1
	default:
		end, dims[k] = 1, length{1, 0}
	}
	return g.add("Slice", g.name(), dims, n.kind, []string{n.name, g.wholes(start), g.wholes(end), g.wholes(int64(k)), g.wholes(step)})
}

// expanded repeats a row of constants as often as there are rows.
func (g *randomGraph) expanded() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && n.rank() >= 1 && n.rowAxis() == 0 && n.dims[0] == length{1, 1}
	})
	if !ok {
		return false
	}
	c := 1 + g.rng.IntN(4)
	shape := g.name()
	g.Node("Concat", shape, []string{g.lengthOf(n, 0), g.wholes(int64(c))}, onnxgen.Whole("axis", 0))
	if g.rng.IntN(2) == 0 {
		return g.add("ConstantOfShape", g.name(), []length{{1, 1}, {c, 0}}, onnxgen.Float32, []string{shape})
	}
	return g.add("Expand", g.name(), []length{{1, 1}, {c, 0}}, onnxgen.Float32, []string{g.weights(1, c), shape})
}

// shapedByOther expands a tensor to the shape of another.
func (g *randomGraph) shapedByOther() bool {
	a, ok := g.float(1)
	if !ok {
		return false
	}
	var dims []length
	b, ok := g.pick(func(n node) bool {
		var fits bool
		dims, fits = broadcastOf(a, n)
		return fits && slices.Equal(dims, n.dims) && n.rank() > 0
	})
	if !ok {
		return false
	}
	shape := g.name()
	g.Node("Shape", shape, []string{b.name})
	return g.add("Expand", g.name(), dims, a.kind, []string{a.name, shape})
}

func (g *randomGraph) tiled() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	repeats := make([]int64, n.rank())
	dims := slices.Clone(n.dims)
	for i := range repeats {
		repeats[i] = 1
	}
	k := g.rng.IntN(n.rank())
	repeats[k] = 2
	dims[k].c *= 2
	return g.add("Tile", g.name(), dims, n.kind, []string{n.name, g.wholes(repeats...)})
}

func (g *randomGraph) parted() bool {
	n, ok := g.float(1)
	if !ok || g.Opset >= 18 {
		return false
	}
	k, ok := g.axis(n)
	if !ok || n.dims[k].c%2 != 0 {
		return false
	}
	dims := slices.Clone(n.dims)
	dims[k].c /= 2
	a, b := g.name(), g.name()
	g.Nodes("Split", []string{a, b}, []string{n.name}, onnxgen.Whole("axis", int64(k)))
	g.live = append(g.live, node{a, dims, n.kind}, node{b, dims, n.kind})
	return true
}

func (g *randomGraph) padded() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok || n.dims[k].n > 0 {
		return false
	}
	pads := make([]int64, 2*n.rank())
	pads[k], pads[k+n.rank()] = 1, 1
	dims := slices.Clone(n.dims)
	dims[k].c += 2
	return g.add("Pad", g.name(), dims, n.kind, []string{n.name, g.wholes(pads...)})
}
