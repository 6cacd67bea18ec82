package onnx

import (
	"slices"

	"sluice/internal/onnxgen"
)

// Nodes that choose by values, count rows, and have bodies.

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
