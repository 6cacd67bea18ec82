package onnx

import (
	"slices"

	"sluice/internal/onnxgen"
)

// Nodes of layers, of lengths that are computed, and of parts that are written.

// floats draws a tensor of floats that passes a test.
func (g *randomGraph) floats(good func(node) bool) (node, bool) {
	return g.pick(func(n node) bool { return n.kind == onnxgen.Float32 && good(n) })
}

// batched is a normalisation or a pooling, whose batch is axis 0.
func (g *randomGraph) batched() bool {
	n, ok := g.floats(func(n node) bool {
		return n.rank() >= 3 && n.dims[1].n == 0 && (n.dims[0].n > 0 || g.rng.IntN(100) < g.wild)
	})
	if !ok {
		return false
	}
	c := n.dims[1].c
	switch g.rng.IntN(4) {
	case 0:
		return g.add("BatchNormalization", g.name(), n.dims, n.kind, []string{n.name, g.weights(c), g.weights(c), g.weights(c), g.positive(c)})
	case 1:
		return g.add("InstanceNormalization", g.name(), n.dims, n.kind, []string{n.name, g.weights(c), g.weights(c)})
	case 2:
		dims := slices.Clone(n.dims)
		for i := 2; i < len(dims); i++ {
			dims[i] = length{1, 0}
		}
		return g.add("GlobalAveragePool", g.name(), dims, n.kind, []string{n.name})
	default:
		return g.add("MeanVarianceNormalization", g.name(), n.dims, n.kind, []string{n.name}, onnxgen.Wholes("axes", int64(g.rng.IntN(2)), int64(n.rank()-1)))
	}
}

// positive is the name of constants above 0.
func (g *randomGraph) positive(n int) string {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(1+g.rng.IntN(8)) / 4
	}
	name := g.name()
	g.Floats(name, []int{n}, values...)
	return name
}

// masked counts along an axis, compares with the integers of the rows, and gives zeros and
// ones [N, length].
func (g *randomGraph) masked() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 2 && n.dims[0] == length{1, 1} })
	if !ok {
		return false
	}
	k := 1 + g.rng.IntN(n.rank()-1)
	if n.dims[k].n > 0 {
		return false
	}
	count, places, column, less := g.name(), g.name(), g.name(), g.name()
	inputs, attrs := g.axes(13, []string{g.lengthOf(n, k)}, 0)
	g.Node("Squeeze", count, inputs, attrs...)
	g.Node("Range", places, []string{g.whole(0), count, g.whole(1)})
	at := int64(1)
	if g.rng.IntN(100) < g.wild {
		at = 0
	}
	inputs, attrs = g.axes(13, []string{"i"}, at)
	g.Node("Unsqueeze", column, inputs, attrs...)
	g.Node("Less", less, []string{places, column})
	return g.add("Cast", g.name(), []length{{1, 1}, n.dims[k]}, n.kind, []string{less}, onnxgen.Whole("to", onnxgen.Float32))
}

// viewed reshapes by lengths that are multiplied and divided.
func (g *randomGraph) viewed() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() == 3 && n.rowAxis() >= 0 && n.dims[2].n == 0 && n.dims[2].c%2 == 0 })
	if !ok {
		return false
	}
	a, b := g.lengthOf(n, 0), g.lengthOf(n, 1)
	half, both, shape := g.name(), g.name(), g.name()
	g.Node("Div", half, []string{g.lengthOf(n, 2), g.wholes(2)})
	g.Node("Mul", both, []string{a, b})
	rows := length{n.dims[0].c * n.dims[1].c, n.dims[0].n + n.dims[1].n}
	dims := []length{rows, {2, 0}, {n.dims[2].c / 2, 0}}
	parts := []string{both, g.wholes(2), half}
	if g.rng.IntN(3) == 0 {
		parts[g.rng.IntN(2)] = g.wholes(-1)
	}
	g.Node("Concat", shape, parts, onnxgen.Whole("axis", 0))
	flat := g.name()
	if !g.add("Reshape", flat, dims, n.kind, []string{n.name, shape}) || g.rng.IntN(2) == 0 {
		return true
	}
	back := g.name()
	lengths := []string{a, b}
	g.Node("Concat", back, append(lengths, g.wholes(-1)), onnxgen.Whole("axis", 0))
	return g.add("Reshape", g.name(), n.dims, n.kind, []string{flat, back})
}

// written writes what each row says to where it says.
func (g *randomGraph) written() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() == 2 && n.dims[0] == length{1, 1} && n.dims[1].n == 0 })
	if !ok || g.Opset < 13 {
		return false
	}
	within, index, update := g.name(), g.name(), g.name()
	g.Node("Mod", within, []string{"i", g.whole(int64(n.dims[1].c))})
	g.Node("Unsqueeze", index, []string{within, g.wholes(1)})
	g.Node("Gather", update, []string{n.name, g.wholes(0)}, onnxgen.Whole("axis", 1))
	axis := int64(1)
	if g.rng.IntN(100) < g.wild {
		axis = 0
		g.Node("Mul", index+"z", []string{index, g.whole(0)})
		index += "z"
	}
	return g.add("ScatterElements", g.name(), n.dims, n.kind, []string{n.name, index, update}, onnxgen.Whole("axis", axis))
}

// ownStep reads a step of each row by batch dimensions.
func (g *randomGraph) ownStep() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 2 && n.dims[0] == length{1, 1} && n.dims[1].n == 0 })
	if !ok || g.Opset < 13 {
		return false
	}
	within, index := g.name(), g.name()
	g.Node("Mod", within, []string{"i", g.whole(int64(n.dims[1].c))})
	g.Node("Unsqueeze", index, []string{within, g.wholes(1)})
	return g.add("GatherND", g.name(), append([]length{{1, 1}}, n.dims[2:]...), n.kind, []string{n.name, index}, onnxgen.Whole("batch_dims", 1))
}

// triangular cuts the last two axes.
func (g *randomGraph) triangular() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 2 })
	if !ok || g.Opset < 14 || n.dims[n.rank()-2].n > 0 && g.rng.IntN(100) > g.wild {
		return false
	}
	return g.add("Trilu", g.name(), n.dims, n.kind, []string{n.name})
}

// stated is an LSTM over axis 0 with states that are as many as its batch, and lengths.
func (g *randomGraph) stated() bool {
	n, ok := g.floats(func(n node) bool {
		return n.rank() == 3 && n.dims[0].n == 0 && n.dims[1] == length{1, 1} && n.dims[2].n == 0
	})
	if !ok {
		return false
	}
	const size = 2
	shape, state, steps := g.name(), g.name(), g.name()
	g.Node("Concat", shape, []string{g.wholes(1), g.lengthOf(n, 1), g.wholes(size)}, onnxgen.Whole("axis", 0))
	g.Node("ConstantOfShape", state, []string{shape})
	g.Node("Mod", steps+"m", []string{"i", g.whole(int64(n.dims[0].c))})
	g.Node("Add", steps+"p", []string{steps + "m", g.whole(1)})
	g.Node("Cast", steps, []string{steps + "p"}, onnxgen.Whole("to", onnxgen.Int32))
	all, last := g.name(), g.name()
	g.Nodes("LSTM", []string{all, last}, []string{n.name, g.weights(1, 4*size, n.dims[2].c), g.weights(1, 4*size, size), "", steps, state, state}, onnxgen.Whole("hidden_size", size))
	g.live = append(g.live, node{all, []length{n.dims[0], {1, 0}, {1, 1}, {size, 0}}, n.kind}, node{last, []length{{1, 0}, {1, 1}, {size, 0}}, n.kind})
	return true
}

// cutByLength slices an axis by the length of another, or by one less than its own.
func (g *randomGraph) cutByLength() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() >= 2 })
	if !ok {
		return false
	}
	k, ok := g.axis(n)
	if !ok || n.dims[k].c < 2 {
		return false
	}
	end := g.name()
	g.Node("Sub", end, []string{g.lengthOf(n, k), g.wholes(1)})
	dims := slices.Clone(n.dims)
	if dims[k].c--; n.dims[k].n > 0 {
		return false
	}
	return g.add("Slice", g.name(), dims, n.kind, []string{n.name, g.wholes(0), end, g.wholes(int64(k))})
}

// classic is what classic models do with a matrix.
func (g *randomGraph) classic() bool {
	n, ok := g.floats(func(n node) bool { return n.rank() == 2 && n.dims[1].n == 0 })
	if !ok {
		return false
	}
	g.Domain("ai.onnx.ml", 3)
	c := n.dims[1].c
	switch g.rng.IntN(3) {
	case 0:
		return g.add("ai.onnx.ml.Normalizer", g.name(), n.dims, n.kind, []string{n.name}, onnxgen.Text("norm", "L2"))
	case 1:
		return g.add("ai.onnx.ml.Scaler", g.name(), n.dims, n.kind, []string{n.name}, onnxgen.Numbers("offset", make([]float32, c)...), onnxgen.Numbers("scale", slices.Repeat([]float32{0.5}, c)...))
	default:
		return g.add("ai.onnx.ml.LinearRegressor", g.name(), []length{n.dims[0], {1, 0}}, n.kind, []string{n.name},
			onnxgen.Numbers("coefficients", slices.Repeat([]float32{0.25}, c)...), onnxgen.Numbers("intercepts", 0), onnxgen.Whole("targets", 1))
	}
}
