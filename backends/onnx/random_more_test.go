package onnx

import (
	"slices"

	"sluice/internal/onnxgen"
)

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

// counted works the number of rows, or a length, into the values.
func (g *randomGraph) counted() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k := g.rng.IntN(n.rank())
	if n.dims[k].n > 0 && g.rng.IntN(100) > 2*g.wild {
		return false
	}
	size, number := g.lengthOf(n, k), g.name()
	g.Node("Cast", number, []string{size}, onnxgen.Whole("to", onnxgen.Float32))
	return g.add([]string{"Div", "Mul", "Sub"}[g.rng.IntN(3)], g.name(), n.dims, n.kind, []string{n.name, number})
}

// rowNumbers is the name of 0, 1, … up to the number of rows.
func (g *randomGraph) rowNumbers(n node) string {
	size, one, name := g.lengthOf(n, 0), g.name(), g.name()
	inputs, attrs := g.axes(13, []string{size}, 0)
	g.Node("Squeeze", one, inputs, attrs...)
	g.Node("Range", name, []string{g.whole(0), one, g.whole(1)})
	return name
}

// positioned adds each row's number to it.
func (g *randomGraph) positioned() bool {
	n, ok := g.pick(func(n node) bool { return n.kind == onnxgen.Float32 && n.rank() == 1 && n.dims[0] == length{1, 1} })
	if !ok || g.rng.IntN(100) > 2*g.wild {
		return false
	}
	number := g.name()
	g.Node("Cast", number, []string{g.rowNumbers(n)}, onnxgen.Whole("to", onnxgen.Float32))
	return g.add("Add", g.name(), n.dims, n.kind, []string{n.name, number})
}

// ownRow reads each row at its own number and at an integer of its own.
func (g *randomGraph) ownRow() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && n.rank() >= 2 && n.dims[0] == length{1, 1} && n.dims[1].n == 0 && n.dims[1].c >= 1
	})
	if !ok {
		return false
	}
	column := func(name string) string {
		out := g.name()
		inputs, attrs := g.axes(13, []string{name}, 1)
		g.Node("Unsqueeze", out, inputs, attrs...)
		return out
	}
	within, pairs := g.name(), g.name()
	g.Node("Mod", within, []string{"i", g.whole(int64(n.dims[1].c))})
	first, second := column(g.rowNumbers(n)), column(within)
	if g.rng.IntN(100) < g.wild {
		first = column(g.otherRows())
	}
	g.Node("Concat", pairs, []string{first, second}, onnxgen.Whole("axis", 1))
	return g.add("GatherND", g.name(), append([]length{{1, 1}}, n.dims[2:]...), n.kind, []string{n.name, pairs})
}

// otherRows are row numbers that lead elsewhere: all to the first.
func (g *randomGraph) otherRows() string {
	name := g.name()
	g.Node("Mul", name, []string{"i", g.whole(0)})
	return name
}

func (g *randomGraph) elementsChosen() bool {
	n, ok := g.pick(func(n node) bool {
		return n.kind == onnxgen.Float32 && n.rank() == 2 && n.dims[0] == length{1, 1} && n.dims[1].n == 0 && n.dims[1].c > 0
	})
	if !ok {
		return false
	}
	within, index := g.name(), g.name()
	g.Node("Mod", within, []string{"i", g.whole(int64(n.dims[1].c))})
	inputs, attrs := g.axes(13, []string{within}, 1)
	g.Node("Unsqueeze", index, inputs, attrs...)
	axis := int64(1)
	if g.rng.IntN(100) < g.wild {
		axis = 0
		g.Node("Mul", index+"z", []string{index, g.whole(0)})
		index += "z"
	}
	return g.add("GatherElements", g.name(), []length{{1, 1}, {1, 0}}, n.kind, []string{n.name, index}, onnxgen.Whole("axis", axis))
}

func (g *randomGraph) oneHotted() bool {
	n, ok := g.pick(func(n node) bool { return n.kind == onnxgen.Int64 })
	if !ok {
		return false
	}
	at := g.rng.IntN(n.rank() + 1)
	dims := slices.Insert(slices.Clone(n.dims), at, length{tableSize, 0})
	return g.add("OneHot", g.name(), dims, onnxgen.Float32, []string{n.name, g.whole(tableSize), g.weights(2)}, onnxgen.Whole("axis", int64(at)))
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

// looped adds a tensor to itself three times.
func (g *randomGraph) looped() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	v := g.name()
	body := &onnxgen.Graph{}
	body.Scalar(v+"i", onnxgen.Int64).Scalar(v+"c", onnxgen.Bool).Input(v+"s", onnxgen.Float32)
	body.Node("Identity", v+"d", []string{v + "c"}).Node("Tanh", v+"u", []string{v + "s"}).Node("Add", v+"t", []string{v + "u", n.name})
	body.OutputOf(onnxgen.Bool, v+"d").OutputOf(onnxgen.Float32, v+"t").OutputOf(onnxgen.Float32, v+"u")
	stacked := g.name()
	g.Nodes("Loop", []string{v, stacked}, []string{g.whole(3), "", n.name}, onnxgen.Body("body", body))
	g.live = append(g.live, node{v, n.dims, n.kind}, node{stacked, slices.Insert(slices.Clone(n.dims), 0, length{3, 0}), n.kind})
	return n.rank() < 5
}

// scanned runs over an axis, with a state or without.
func (g *randomGraph) scanned() bool {
	n, ok := g.pick(func(n node) bool { return n.kind == onnxgen.Float32 && n.rank() == 2 && n.dims[1].n == 0 })
	if !ok || n.dims[0].n > 0 && g.rng.IntN(100) > 4*g.wild {
		return false
	}
	v := g.name()
	carries := g.rng.IntN(2) == 0
	body := &onnxgen.Graph{}
	body.Input(v+"s", onnxgen.Float32).Input(v+"x", onnxgen.Float32)
	if carries {
		body.Node("Add", v+"t", []string{v + "s", v + "x"})
	} else {
		body.Node("Identity", v+"t", []string{v + "s"})
	}
	body.Node("Mul", v+"y", []string{v + "s", v + "x"})
	body.OutputOf(onnxgen.Float32, v+"t").OutputOf(onnxgen.Float32, v+"y")
	g.Nodes("Scan", []string{v + "last", v}, []string{g.weights(n.dims[1].c), n.name}, onnxgen.Body("body", body), onnxgen.Whole("num_scan_inputs", 1))
	g.live = append(g.live, node{v, n.dims, n.kind})
	return true
}

// branched chooses by the length of an axis.
func (g *randomGraph) branched() bool {
	n, ok := g.float(1)
	if !ok {
		return false
	}
	k := g.rng.IntN(n.rank())
	if n.dims[k].n > 0 && g.rng.IntN(100) > g.wild {
		return false
	}
	v := g.name()
	g.Node("Greater", v+"c", []string{g.lengthOf(n, k), g.wholes(1)})
	then, other := &onnxgen.Graph{}, &onnxgen.Graph{}
	then.Node("Tanh", v+"a", []string{n.name}).OutputOf(onnxgen.Float32, v+"a")
	other.Node("Neg", v+"b", []string{n.name}).OutputOf(onnxgen.Float32, v+"b")
	return g.add("If", v, n.dims, n.kind, []string{v + "c"}, onnxgen.Body("then_branch", then), onnxgen.Body("else_branch", other))
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
