package dataflow

import "slices"

// Operators of ONNX Runtime's own domain, and those with 8-bit numbers.

// biased broadcasts the first inputs, and asks for constants of one axis in the others.
func biased(data int) func(*call) []*value {
	return func(c *call) []*value {
		for i, v := range c.in {
			if i >= data && v != nil && v.class != uniform {
				return c.every(c.unknown("takes rows where constants are analysed"))
			}
		}
		return []*value{c.broadcast(c.in[:min(data, len(c.in))]...)}
	}
}

// skipNorm adds two inputs and normalises the last axis of the sum.
func skipNorm(c *call) []*value {
	if len(c.in) < 3 || c.in[0] == nil || c.in[1] == nil {
		return nil
	}
	sum := c.broadcast(c.in[0], c.in[1])
	if sum.class > rows {
		return c.every(sum)
	}
	for _, v := range c.in[2:] {
		if v != nil && (v.class != uniform || !v.ranked || v.rank() > 1) {
			return c.every(c.unknown("takes rows where constants are analysed"))
		}
	}
	if sum.class == rows && sum.fromEnd() == 1 {
		return c.every(c.joined(sum, "normalises over the rows"))
	}
	added := *sum
	return []*value{sum, nil, nil, &added}
}

// perRow is the rule of fused operators that are defined on a batch on axis 0 of each
// input but the constants, which are numbered; `cached` are those with the batch on axis 1.
// The first output is [batch, length, width], with the first two of the first input; others
// keep the batch where the inputs have it.
func perRow(width func(*call) expr, constants []int, cached ...int) func(*call) []*value {
	return func(c *call) []*value {
		var lead *value
		for i, v := range c.in {
			if v == nil {
				continue
			}
			axis := 0
			if slices.Contains(cached, i) {
				axis = 1
			}
			switch fixed := slices.Contains(constants, i); {
			case v.class == rows && fixed:
				return c.every(c.unknown("takes rows where constants are analysed"))
			case v.class == rows && (v.axis != axis || !c.lone(v)):
				return c.every(c.unknown("rows lie on another axis than the batch"))
			case v.class == rows && lead == nil:
				lead = v
			case v.class != rows && !fixed && !(v.ranked && v.rank() > axis && c.is(v.dims[axis], 1)) && !c.scalar(v):
				return c.every(c.unknown("takes constants where rows are analysed"))
			}
		}
		first := c.arg(0)
		if lead == nil || first == nil || first.class != rows || !first.ranked || first.rank() < 2 {
			return c.every(c.unknown("takes constants where rows are analysed"))
		}
		out := []*value{c.along(0, first.pre, first.post, first.dims[0], first.dims[1], width(c))}
		axis := 0
		if len(cached) > 0 {
			axis = 1
		}
		for len(out) < len(c.node.Outputs) {
			v := &value{class: rows, pre: lead.pre, post: lead.post}
			if axis > 0 { // [2, batch, heads, length, size]
				one := c.constant(1)
				v = c.along(1, one, one, c.constant(2), c.count(), c.free(), c.free(), c.free())
			}
			out = append(out, v)
		}
		return out
	}
}

// dimOf is the length of an axis of an input, if the input has so many.
func dimOf(input, axis, rank int) func(*call) expr {
	return func(c *call) expr {
		if v := c.arg(input); v != nil && v.ranked && v.rank() == rank {
			return v.dims[axis]
		}
		return c.free()
	}
}

func freeWidth(c *call) expr { return c.free() }

// thirdOf is a third of the columns of the weights, which make queries, keys and values.
func thirdOf(c *call) expr {
	if _, given := c.attribute("qkv_hidden_sizes"); !given {
		if e, ok := c.divide(dimOf(1, 1, 2)(c), c.constant(3)); ok {
			return e
		}
	}
	return c.free()
}

// standardAttention is ONNX's own: rows on axis 0 of queries, keys, values and caches; a
// mask may be broadcast.
func standardAttention(c *call) []*value {
	q := c.arg(0)
	for i, v := range c.in {
		switch {
		case v == nil:
		case v.class == rows && v.ranked && v.axis == 0 && c.lone(v) && (i != 3 || v.rank() == 4):
		case i == 3 && v.class == uniform && v.ranked && (v.rank() < 4 || c.is(v.dims[0], 1)):
		case q.class == uniform && v.class == uniform:
		default:
			return c.every(c.unknown("queries, keys and masks do not lie alike"))
		}
	}
	if q.class != rows {
		return nil
	}
	out := []*value{}
	for range c.node.Outputs {
		out = append(out, &value{class: rows, pre: q.pre, post: q.post})
	}
	if k, v := c.arg(1), c.arg(2); q.rank() == 4 && v != nil && v.rank() == 4 && k != nil {
		out[0] = c.along(0, q.pre, q.post, q.dims[0], q.dims[1], q.dims[2], v.dims[3])
	} else if q.rank() == 3 {
		out[0] = c.along(0, q.pre, q.post, q.dims[0], q.dims[1], c.free())
	}
	return out
}

// rotary turns the last axis by angles that a table gives for each position.
func rotary(c *call) []*value {
	v, cos, sin, places := c.arg(0), c.arg(1), c.arg(2), c.arg(3)
	if c.node.Op != "RotaryEmbedding" { // ONNX Runtime's has the positions second
		cos, sin, places = c.arg(2), c.arg(3), c.arg(1)
	}
	if v == nil || cos == nil || sin == nil {
		return nil
	}
	atFront := func(x *value) bool { return x.class == rows && x.ranked && x.axis == 0 && c.lone(x) }
	table := cos.class == uniform && sin.class == uniform && cos.ranked && sin.ranked && cos.rank() == 2 && sin.rank() == 2
	switch {
	case v.class == rows && !atFront(v):
		return []*value{c.unknown("rows lie on another axis than the batch")}
	case v.class != rows:
		return []*value{c.unknown("takes constants where rows are analysed")}
	case places != nil && table && (atFront(places) || c.scalar(places) || places.class == uniform && places.rank() == 2 && c.is(places.dims[0], 1)):
	case places == nil && atFront(cos) && atFront(sin):
	default:
		return []*value{c.unknown("turns rows by what does not follow them")}
	}
	w := v.computed()
	w.even = false
	return []*value{w}
}

// requantized changes numbers to 8 bits or back, with scales that are constants.
func requantized(c *call) []*value {
	v := c.arg(0)
	for _, x := range c.in[1:] {
		if x == nil {
			continue
		}
		if x.class != uniform || !x.ranked {
			return []*value{c.unknown("takes scales that are not constant")}
		}
		if v.class != rows || c.scalar(x) {
			continue
		}
		axis, ok := axisOf(c.intAttr("axis", 1), v.rank())
		if !v.ranked || !ok || axis == v.axis || x.rank() != 1 || c.intAttr("block_size", 0) != 0 {
			return []*value{c.unknown("scales rows by their position")}
		}
	}
	return []*value{v.computed()}
}

const wholeScale = "takes a scale from the whole batch"

// dynamicScale takes one scale from all elements.
func dynamicScale(c *call) []*value {
	v := c.arg(0)
	switch {
	case v == nil || !v.ranked && v.class == uniform || c.node.Op != "DynamicQuantizeLinear" && v.class == uniform:
		return nil
	case v.class == uniform:
		return []*value{same(v.dims...), same(), same()}
	}
	return c.every(c.joined(v, wholeScale))
}

// quantized is the rule of operators that have scales and zero points beside each operand.
// The operands are numbered, and the rule needs so many of them; what else there is must be
// constant, and a single number where it could differ by row.
func quantized(rule func(*call) []*value, needs int, single []int, operands ...int) func(*call) []*value {
	return func(c *call) []*value {
		kept := *c
		kept.in = nil
		for i, v := range c.in {
			switch {
			case slices.Contains(operands, i):
				kept.in = append(kept.in, v)
			case v != nil && v.class != uniform:
				return c.every(c.unknown("takes scales that are not constant"))
			case v != nil && slices.Contains(single, i) && !c.scalar(v):
				return c.every(c.unknown("scales rows by their position"))
			}
		}
		if kept.lacks(needs) {
			return nil
		}
		return rule(&kept)
	}
}

// blockProduct multiplies rows with packed weights of N columns.
func blockProduct(c *call) []*value {
	v := c.arg(0)
	if v == nil || !v.ranked || v.rank() == 0 {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	for _, x := range c.in[1:] {
		if x != nil && x.class != uniform {
			return []*value{c.unknown("takes rows where constants are analysed")}
		}
	}
	if v.class == rows && v.fromEnd() == 1 {
		return []*value{c.joined(v, "sums over the rows")}
	}
	w := v.computed()
	w.dims = slices.Clone(v.dims)
	w.dims[v.rank()-1] = c.constant(c.intAttr("N", 0))
	return []*value{w}
}

// quantizedConcat joins triples of values, scales and zero points.
func quantizedConcat(c *call) []*value {
	kept := *c
	kept.in = nil
	for i, v := range c.in {
		switch {
		case i >= 2 && (i-2)%3 == 0:
			kept.in = append(kept.in, v)
		case v == nil || v.class != uniform:
			return c.every(c.unknown("takes scales that are not constant"))
		}
	}
	if kept.lacks(1) {
		return nil
	}
	return concat(&kept)
}

// quantizedPool pools the pixels of 8-bit images.
func quantizedPool(c *call) []*value {
	if c.intAttr("channels_last", 0) == 0 {
		return leading(1, "pools over the rows", pooledShape)(c)
	}
	return leading(1, "pools over the rows", freeShape)(c)
}

// quantizedSoftmax joins the axes that the version of the operator set says.
func quantizedSoftmax(c *call) []*value {
	kept := *c
	kept.version = c.intAttr("opset", 0)
	return softmax(&kept)
}
