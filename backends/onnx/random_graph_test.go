package onnx

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"sluice/internal/onnxgen"
)

// length is the length of an axis of a random graph: c·N^n for N rows.
type length struct{ c, n int }

// node is a tensor of a random graph.
type node struct {
	name string
	dims []length
	kind int // onnxgen's number of the element type
}

func (n node) rank() int { return len(n.dims) }

// rowAxis is the first axis whose length has N; -1 if there is none.
func (n node) rowAxis() int { return slices.IndexFunc(n.dims, func(d length) bool { return d.n > 0 }) }

// randomGraph draws a graph node by node. It knows shapes well enough that most graphs run,
// and takes care of nothing else: rows are mixed as often as the dice say.
type randomGraph struct {
	*onnxgen.Graph
	rng   *rand.Rand
	live  []node
	count int
	// wild is how often, of 100, an axis is drawn without regard to the rows.
	wild int
	free int // the length of the free axis of the input "z"
}

const tableSize = 7 // integers are below it

func newRandomGraph(seed uint64) *randomGraph {
	rng := rand.New(rand.NewPCG(seed, 0x726f7773))
	g := &randomGraph{Graph: &onnxgen.Graph{Opset: []int{11, 17, 18}[rng.IntN(3)]}, rng: rng, wild: []int{1, 8, 30}[rng.IntN(3)], free: 3}
	g.Input("x", onnxgen.Float32, "N", 4)
	g.Input("z", onnxgen.Float32, "N", "T", 4)
	g.Input("i", onnxgen.Int64, "N")
	g.live = []node{
		{"x", []length{{1, 1}, {4, 0}}, onnxgen.Float32},
		{"z", []length{{1, 1}, {3, 0}, {4, 0}}, onnxgen.Float32},
		{"i", []length{{1, 1}}, onnxgen.Int64},
	}
	g.Floats("table", []int{tableSize, 4}, 0.5, -1, 0.25, 0.75, -0.5, 1.25, -0.75)
	steps := 3 + rng.IntN(12)
	for made := 0; made < steps; {
		if drawings[rng.IntN(len(drawings))](g) {
			made++
		}
	}
	given := 0
	for k := len(g.live) - 1; k > 2 && given < 2; k-- {
		if g.live[k].rowAxis() >= 0 || k < 4 {
			given++
			g.give(g.live[k])
		}
	}
	return g
}

// give makes a tensor an output, with the axis of its rows in front.
func (g *randomGraph) give(n node) {
	if k := n.rowAxis(); k > 0 {
		perm := []int64{int64(k)}
		for i := range n.dims {
			if i != k {
				perm = append(perm, int64(i))
			}
		}
		name := g.name()
		g.Node("Transpose", name, []string{n.name}, onnxgen.Wholes("perm", perm...))
		n.name = name
	}
	g.OutputOf(n.kind, n.name)
}

func (g *randomGraph) name() string {
	g.count++
	return fmt.Sprint("t", g.count)
}

// pick draws a tensor, late ones rather than early ones.
func (g *randomGraph) pick(good func(node) bool) (node, bool) {
	for range 20 {
		k := len(g.live) - 1 - g.rng.IntN(len(g.live))
		if g.rng.IntN(3) > 0 {
			k = len(g.live) - 1 - g.rng.IntN(min(4, len(g.live)))
		}
		if n := g.live[k]; good(n) {
			return n, true
		}
	}
	return node{}, false
}

func (g *randomGraph) float(minRank int) (node, bool) {
	return g.pick(func(n node) bool { return n.kind == onnxgen.Float32 && n.rank() >= minRank })
}

// axis draws an axis, seldom that of the rows.
func (g *randomGraph) axis(n node) (int, bool) {
	for range 10 {
		k := g.rng.IntN(n.rank())
		if n.dims[k].n == 0 || g.rng.IntN(100) < g.wild {
			return k, true
		}
	}
	return 0, false
}

// add notes a tensor that is not too large to go on with.
func (g *randomGraph) add(op, name string, dims []length, kind int, inputs []string, attrs ...onnxgen.Attr) bool {
	size, rows := 1, 0
	for _, d := range dims {
		size *= d.c
		rows += d.n
	}
	if size > 600 || rows > 2 || len(dims) > 5 {
		return false
	}
	g.Node(op, name, inputs, attrs...)
	g.live = append(g.live, node{name, dims, kind})
	return true
}

// wholes is the name of a constant of integers.
func (g *randomGraph) wholes(values ...int64) string {
	name := g.name()
	g.Wholes(name, []int{len(values)}, values...)
	return name
}

func (g *randomGraph) whole(v int64) string {
	name := g.name()
	g.Wholes(name, nil, v)
	return name
}

// weights is the name of a constant of floats between -1 and 1.
func (g *randomGraph) weights(dims ...int) string {
	size := 1
	for _, d := range dims {
		size *= d
	}
	values := make([]float32, size)
	for i := range values {
		values[i] = float32(g.rng.IntN(17)-8) / 8
	}
	name := g.name()
	g.Floats(name, dims, values...)
	return name
}

// lengthOf is the name of a vector of one element: the length of an axis, as exporters ask.
func (g *randomGraph) lengthOf(n node, axis int) string {
	shape, length := g.name(), g.name()
	g.Node("Shape", shape, []string{n.name})
	g.Node("Gather", length, []string{shape, g.wholes(int64(axis))}, onnxgen.Whole("axis", 0))
	return length
}

// broadcastOf is the shape of two tensors together, where it is one for every N.
func broadcastOf(a, b node) ([]length, bool) {
	rank := max(a.rank(), b.rank())
	dims := make([]length, rank)
	for k := 1; k <= rank; k++ {
		d, e := length{1, 0}, length{1, 0}
		if k <= a.rank() {
			d = a.dims[a.rank()-k]
		}
		if k <= b.rank() {
			e = b.dims[b.rank()-k]
		}
		switch {
		case d == e || e == length{1, 0}:
			dims[rank-k] = d
		case d == length{1, 0}:
			dims[rank-k] = e
		default:
			return nil, false
		}
	}
	return dims, true
}

// axes gives an operator its axes, as an input or an attribute by the version.
func (g *randomGraph) axes(from int, inputs []string, axes ...int64) ([]string, []onnxgen.Attr) {
	if g.Opset >= from {
		return append(inputs, g.wholes(axes...)), nil
	}
	return inputs, []onnxgen.Attr{onnxgen.Wholes("axes", axes...)}
}
