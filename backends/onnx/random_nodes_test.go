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
	(*randomGraph).batched, (*randomGraph).masked, (*randomGraph).viewed, (*randomGraph).written, (*randomGraph).ownStep,
	(*randomGraph).centred, (*randomGraph).centred, (*randomGraph).twice, (*randomGraph).twice, (*randomGraph).correlated, (*randomGraph).ranOver,
	(*randomGraph).filled, (*randomGraph).stretched, (*randomGraph).trained, (*randomGraph).cutShort, (*randomGraph).sortedBack,
	(*randomGraph).evenly, (*randomGraph).evenly, (*randomGraph).inSequence,
	(*randomGraph).triangular, (*randomGraph).stated, (*randomGraph).cutByLength, (*randomGraph).classic,
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

func (g *randomGraph) where() bool {
	a, ok := g.float(1)
	if !ok {
		return false
	}
	test, other := g.name(), g.name()
	g.Node("Greater", test, []string{a.name, g.weights(1)})
	g.Node("Neg", other, []string{a.name})
	return g.add("Where", g.name(), a.dims, a.kind, []string{test, a.name, other})
}

func (g *randomGraph) summed() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	return ok && g.add("CumSum", g.name(), n.dims, n.kind, []string{n.name, g.whole(int64(k))})
}

func (g *randomGraph) topped() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok {
		return false
	}
	dims := slices.Clone(n.dims)
	dims[k] = length{1, 0}
	values, places := g.name(), g.name()
	g.Nodes("TopK", []string{values, places}, []string{n.name, g.wholes(1)}, onnxgen.Whole("axis", int64(k)))
	g.live = append(g.live, node{values, dims, n.kind})
	return true
}

// argmaxed gives integers that are below the table's size.
func (g *randomGraph) argmaxed() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok || n.dims[k].c > tableSize || n.dims[k].n > 0 && n.dims[k].c > 1 {
		return false
	}
	dims := slices.Delete(slices.Clone(n.dims), k, k+1)
	return g.add("ArgMax", g.name(), dims, onnxgen.Int64, []string{n.name}, onnxgen.Whole("axis", int64(k)), onnxgen.Whole("keepdims", 0))
}

func (g *randomGraph) normed() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && n.rank() >= 2 && n.dims[n.rank()-1].n == 0
	})
	if !ok || g.Opset < 17 {
		return false
	}
	c := n.dims[n.rank()-1].c
	return g.add("LayerNormalization", g.name(), n.dims, n.kind, []string{n.name, g.weights(c), g.weights(c)}, onnxgen.Whole("axis", -1))
}

func (g *randomGraph) convolved() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && n.rank() == 3 && n.dims[1].n == 0 && n.dims[2].n == 0 && n.dims[2].c >= 2
	})
	if !ok {
		return false
	}
	dims := []length{n.dims[0], {2, 0}, n.dims[2]}
	return g.add("Conv", g.name(), dims, n.kind, []string{n.name, g.weights(2, n.dims[1].c, 3)}, onnxgen.Wholes("pads", 1, 1))
}

// recurrent runs over axis 0, whatever it is.
func (g *randomGraph) recurrent() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && n.rank() == 3 && n.dims[2].n == 0 && (n.dims[0].n == 0 || g.rng.IntN(100) < g.wild)
	})
	if !ok {
		return false
	}
	const size = 2
	all, last := g.name(), g.name()
	g.Nodes("GRU", []string{all, last}, []string{n.name, g.weights(1, 3*size, n.dims[2].c), g.weights(1, 3*size, size)}, onnxgen.Whole("hidden_size", size))
	g.live = append(g.live, node{all, []length{n.dims[0], {1, 0}, n.dims[1], {size, 0}}, n.kind}, node{last, []length{{1, 0}, n.dims[1], {size, 0}}, n.kind})
	return true
}

func (g *randomGraph) einsummed() bool {
	n, ok := g.pick(func(n node) bool { return n.kind == onnxgen.Float32 && n.rank() == 3 })
	if !ok || g.Opset < 12 {
		return false
	}
	all := map[byte]length{'a': n.dims[0], 'b': n.dims[1], 'c': n.dims[2]}
	equation := []string{"abc,abc->ab", "abc,abc->a", "abc->acb", "abc->ac", "abc,abc->bc"}[g.rng.IntN(5)]
	out := equation[slices.Index([]byte(equation), '>')+1:]
	if equation == "abc,abc->bc" && g.rng.IntN(100) > 3*g.wild {
		return false
	}
	var dims []length
	for i := range len(out) {
		dims = append(dims, all[out[i]])
	}
	inputs := []string{n.name}
	if equation[3] == ',' {
		inputs = append(inputs, n.name)
	}
	return g.add("Einsum", g.name(), dims, n.kind, inputs, onnxgen.Text("equation", equation))
}

// quantised takes a scale from the tensor, or a constant one.
func (g *randomGraph) quantised() bool {
	n, ok := g.float(1)
	if !ok || g.rng.IntN(100) > 4*g.wild {
		return false
	}
	v := g.name()
	g.Nodes("DynamicQuantizeLinear", []string{v + "q", v + "s", v + "z"}, []string{n.name})
	return g.add("DequantizeLinear", v, n.dims, n.kind, []string{v + "q", v + "s", v + "z"})
}
