package onnx

import (
	"slices"

	"sluice/internal/onnxgen"
)

// drawings add a node, or a few as exporters write them; they say whether they did.
var drawings = []func(*randomGraph) bool{
	(*randomGraph).unary, (*randomGraph).binary, (*randomGraph).binary, (*randomGraph).withConstant, (*randomGraph).withConstant,
	(*randomGraph).dense, (*randomGraph).dense, (*randomGraph).gemm, (*randomGraph).attend, (*randomGraph).transposed,
	(*randomGraph).merged, (*randomGraph).divided, (*randomGraph).flattened, (*randomGraph).restored, (*randomGraph).unsqueezed,
	(*randomGraph).squeezed, (*randomGraph).reduced, (*randomGraph).softmaxed, (*randomGraph).looked, (*randomGraph).chosen,
	(*randomGraph).concatenated, (*randomGraph).sliced, (*randomGraph).expanded, (*randomGraph).where, (*randomGraph).summed,
	(*randomGraph).topped, (*randomGraph).argmaxed, (*randomGraph).normed, (*randomGraph).tiled, (*randomGraph).parted,
	(*randomGraph).padded, (*randomGraph).convolved, (*randomGraph).recurrent, (*randomGraph).counted, (*randomGraph).positioned,
	(*randomGraph).ownRow, (*randomGraph).oneHotted, (*randomGraph).einsummed, (*randomGraph).looped, (*randomGraph).scanned,
	(*randomGraph).branched, (*randomGraph).shapedByOther, (*randomGraph).elementsChosen, (*randomGraph).quantised,
}

func (g *randomGraph) unary() bool {
	n, ok := g.float(0)
	ops := []string{"Tanh", "Sigmoid", "Neg", "Relu", "Abs", "Erf", "Identity", "Softplus"}
	return ok && g.add(ops[g.rng.IntN(len(ops))], g.name(), n.dims, n.kind, []string{n.name})
}

func (g *randomGraph) binary() bool {
	a, ok := g.float(0)
	if !ok {
		return false
	}
	var dims []length
	b, ok := g.pick(func(n node) bool {
		var fits bool
		dims, fits = broadcastOf(a, n)
		return fits && n.kind == a.kind
	})
	ops := []string{"Add", "Sub", "Mul", "Max", "Min"}
	return ok && g.add(ops[g.rng.IntN(len(ops))], g.name(), dims, a.kind, []string{a.name, b.name})
}

// withConstant broadcasts a constant; now and then one as long as a batch might be.
func (g *randomGraph) withConstant() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	last := n.dims[n.rank()-1]
	if last.n > 0 {
		last = length{1, 0}
	}
	shape := []int{last.c}
	if g.rng.IntN(4) == 0 {
		shape = []int{1, last.c}
	}
	if g.rng.IntN(100) < g.wild && n.rank() == 2 {
		shape = []int{[]int{1, 2, 3}[g.rng.IntN(3)], last.c}
	}
	op := []string{"Add", "Mul", "Sub"}[g.rng.IntN(3)]
	return g.add(op, g.name(), n.dims, n.kind, []string{n.name, g.weights(shape...)})
}

func (g *randomGraph) dense() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && n.rank() >= 2 && n.dims[n.rank()-1].n == 0
	})
	if !ok {
		return false
	}
	out := 1 + g.rng.IntN(5)
	dims := append(slices.Clone(n.dims[:n.rank()-1]), length{out, 0})
	name := g.name()
	return g.add("MatMul", name, dims, n.kind, []string{n.name, g.weights(n.dims[n.rank()-1].c, out)}) &&
		g.add("Tanh", g.name(), dims, n.kind, []string{name})
}

func (g *randomGraph) gemm() bool {
	n, ok := g.pick(func(n node) bool { return n.kind == onnxgen.Float32 && n.rank() == 2 })
	if !ok {
		return false
	}
	turned := int64(g.rng.IntN(2))
	rows, columns := n.dims[0], n.dims[1]
	if turned == 1 {
		rows, columns = columns, rows
	}
	if columns.n > 0 {
		return false
	}
	out := 1 + g.rng.IntN(4)
	return g.add("Gemm", g.name(), []length{rows, {out, 0}}, n.kind,
		[]string{n.name, g.weights(out, columns.c), g.weights(out)}, onnxgen.Whole("transA", turned), onnxgen.Whole("transB", 1))
}

// attend multiplies a tensor with itself, over the axis before the last.
func (g *randomGraph) attend() bool {
	n, ok := g.float(2)
	if !ok {
		return false
	}
	r := n.rank()
	if n.dims[r-2].n > 0 && g.rng.IntN(100) > 3*g.wild {
		return false
	}
	perm := make([]int64, r)
	for i := range perm {
		perm[i] = int64(i)
	}
	perm[r-1], perm[r-2] = perm[r-2], perm[r-1]
	turned := slices.Clone(n.dims)
	turned[r-1], turned[r-2] = turned[r-2], turned[r-1]
	scores := slices.Clone(n.dims)
	scores[r-1] = n.dims[r-2]
	t, s, a := g.name(), g.name(), g.name()
	return g.add("Transpose", t, turned, n.kind, []string{n.name}, onnxgen.Wholes("perm", perm...)) &&
		g.add("MatMul", s, scores, n.kind, []string{n.name, t}) &&
		g.add("Softmax", a, scores, n.kind, []string{s}, onnxgen.Whole("axis", int64(r-1))) &&
		g.add("MatMul", g.name(), n.dims, n.kind, []string{a, n.name})
}

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

func (g *randomGraph) reduced() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok {
		return false
	}
	op, from := "ReduceSum", 13
	if g.rng.IntN(2) == 0 {
		op, from = []string{"ReduceMean", "ReduceMax", "ReduceL2"}[g.rng.IntN(3)], 18
	}
	dims := slices.Clone(n.dims)
	keep := int64(g.rng.IntN(2))
	if dims[k] = (length{1, 0}); keep == 0 {
		dims = slices.Delete(dims, k, k+1)
	}
	inputs, attrs := g.axes(from, []string{n.name}, int64(k))
	return g.add(op, g.name(), dims, n.kind, inputs, append(attrs, onnxgen.Whole("keepdims", keep))...)
}

func (g *randomGraph) softmaxed() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	op := []string{"Softmax", "LogSoftmax"}[g.rng.IntN(2)]
	return ok && g.add(op, g.name(), n.dims, n.kind, []string{n.name}, onnxgen.Whole("axis", int64(k)))
}

// looked reads a table at integers.
func (g *randomGraph) looked() bool {
	n, ok := g.pick(func(n node) bool { return n.kind == onnxgen.Int64 })
	if !ok {
		return false
	}
	return g.add("Gather", g.name(), append(slices.Clone(n.dims), length{4, 0}), onnxgen.Float32, []string{"table", n.name})
}

// chosen takes fixed places of an axis.
func (g *randomGraph) chosen() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok {
		return false
	}
	dims := slices.Clone(n.dims)
	if g.rng.IntN(2) == 0 {
		return g.add("Gather", g.name(), slices.Delete(dims, k, k+1), n.kind, []string{n.name, g.whole(0)}, onnxgen.Whole("axis", int64(k)))
	}
	dims[k] = length{2, 0}
	return g.add("Gather", g.name(), dims, n.kind, []string{n.name, g.wholes(0, -1)}, onnxgen.Whole("axis", int64(k)))
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
