package dataflow

import "slices"

// Layers whose operators have the batch on axis 0 by their definition.

// leading is the rule of such an operator: its first `data` inputs have their rows on
// axis 0, the others are the same for all rows, and so is the shape of its first output.
// shape gives the lengths behind axis 0; nil leaves them free.
func leading(data int, reason string, shape func(c *call, v *value) []expr) func(*call) []*value {
	return func(c *call) []*value {
		lead, bad := c.onAxis0(data, reason)
		if bad != nil {
			return c.every(bad)
		}
		if lead == nil {
			return nil
		}
		inner := shape(c, c.arg(0))
		if inner == nil {
			return []*value{{class: rows, pre: lead.pre, post: lead.post}}
		}
		return []*value{c.along(0, lead.pre, lead.post, append([]expr{c.length(lead.pre, lead.post)}, inner...)...)}
	}
}

// onAxis0 says what is wrong with inputs that must have their rows on axis 0, and gives
// the rows that the others lie beside; both nil if there are none.
func (c *call) onAxis0(data int, reason string) (lead, bad *value) {
	for i, v := range c.in {
		switch {
		case v == nil || v.class != rows:
			continue
		case i >= data:
			return nil, c.unknown("takes rows where constants are analysed")
		case v.axis != 0 && c.joinsAxis(v):
			return nil, c.joined(v, reason)
		case v.axis != 0:
			return nil, c.unknown("rows lie on another axis than the batch")
		case lead == nil:
			lead = v
		case v.pre != lead.pre || v.post != lead.post:
			return nil, c.unknown("pairs rows that lie differently")
		}
	}
	if lead == nil {
		return nil, nil
	}
	for i, v := range c.in {
		if v != nil && v.class != rows && i < data {
			return nil, c.unknown("takes constants where rows are analysed")
		}
	}
	return lead, nil
}

// joinsAxis says that the operator works elements along the axis of rows into one another
// that lie behind axis 0: over channels, or over pixels.
func (c *call) joinsAxis(v *value) bool {
	wide := func(kernel []int64) bool {
		return len(kernel) == v.rank()-2 && v.axis >= 2 && kernel[v.axis-2] > 1
	}
	switch c.node.Op {
	case "Conv", "ConvTranspose":
		if v.axis == 1 {
			return c.intAttr("group", 1) == 1
		}
		w := c.arg(1)
		return w != nil && w.ranked && w.rank() > 2 && wide(c.kernelOf(w.dims[2:]))
	case "MaxPool", "AveragePool", "LpPool":
		kernel, _, _ := c.intsAttr("kernel_shape")
		return wide(kernel)
	case "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "InstanceNormalization":
		return v.axis >= 2
	}
	return false
}

// sameShape are the lengths of v behind axis 0.
func sameShape(c *call, v *value) []expr {
	if v == nil || !v.ranked || v.rank() == 0 {
		return nil
	}
	return slices.Clone(v.dims[1:])
}

// freeShape keeps the rank and nothing else.
func freeShape(c *call, v *value) []expr {
	if v == nil || !v.ranked || v.rank() == 0 {
		return nil
	}
	return c.freeLengths(v.rank() - 1)
}

// channelShape keeps axis 1 and the rank.
func channelShape(c *call, v *value) []expr {
	dims := freeShape(c, v)
	if len(dims) > 0 {
		dims[0] = v.dims[1]
	}
	return dims
}

// pooledShape has the length 1 behind axis 1.
func pooledShape(c *call, v *value) []expr {
	dims := channelShape(c, v)
	for i := 1; i < len(dims); i++ {
		dims[i] = c.constant(1)
	}
	return dims
}

// convShape has as many channels as the weights have on an axis, and lengths that follow
// from those of v where both are numbers.
func convShape(weights, axis int) func(c *call, v *value) []expr {
	return func(c *call, v *value) []expr {
		dims := freeShape(c, v)
		w := c.arg(weights)
		if len(dims) == 0 || w == nil || !w.ranked || w.rank() <= axis {
			return dims
		}
		dims[0] = w.dims[axis]
		if axis == 1 { // a transposed convolution: channels of a group
			dims[0] = c.mul(w.dims[1], c.constant(c.intAttr("group", 1)))
		}
		return dims
	}
}

// windowed computes the lengths of a convolution or pooling where they are numbers.
func (c *call) windowed(v *value, dims []expr, kernel []int64) {
	strides, _, ok1 := c.intsAttr("strides")
	dilations, _, ok2 := c.intsAttr("dilations")
	pads, _, ok3 := c.intsAttr("pads")
	if !ok1 || !ok2 || !ok3 || c.textAttr("auto_pad", "NOTSET") != "NOTSET" || c.intAttr("ceil_mode", 0) != 0 {
		return
	}
	at := func(list []int64, i int, otherwise int64) int64 {
		if i < len(list) {
			return list[i]
		}
		return otherwise
	}
	spatial := len(kernel)
	for i := range kernel {
		if i+2 >= v.rank() || i+1 >= len(dims) {
			return
		}
		size, known := c.value(v.dims[i+2])
		stride := at(strides, i, 1)
		reach := at(dilations, i, 1)*(kernel[i]-1) + 1
		total := size + at(pads, i, 0) + at(pads, i+spatial, 0) - reach
		if known && stride > 0 && total >= 0 && total < 1<<31 {
			dims[i+1] = c.constant(total/stride + 1)
		} else if !known && stride == 1 && at(pads, i, 0)+at(pads, i+spatial, 0) == reach-1 {
			dims[i+1] = v.dims[i+2]
		}
	}
}

func conv(c *call) []*value {
	shape := convShape(1, 0)
	return leading(1, "convolves over the rows", func(c *call, v *value) []expr {
		dims := shape(c, v)
		if w := c.arg(1); dims != nil && w != nil && w.ranked && w.rank() > 2 {
			c.windowed(v, dims, c.kernelOf(w.dims[2:]))
		}
		return dims
	})(c)
}

func (c *call) kernelOf(dims []expr) []int64 {
	var kernel []int64
	for _, d := range dims {
		n, known := c.value(d)
		if !known || n > 1<<20 {
			return nil
		}
		kernel = append(kernel, n)
	}
	return kernel
}

func pool(c *call) []*value {
	return leading(1, "pools over the rows", func(c *call, v *value) []expr {
		dims := channelShape(c, v)
		if kernel, given, ok := c.intsAttr("kernel_shape"); dims != nil && given && ok {
			c.windowed(v, dims, kernel)
		}
		return dims
	})(c)
}

// depthToSpace and its inverse move elements between channels and pixels.
func blocks(c *call) []*value {
	return leading(1, "moves elements between rows", func(c *call, v *value) []expr {
		dims := freeShape(c, v)
		size := c.constant(c.intAttr("blocksize", 1))
		if len(dims) != 3 || c.is(size, 0) {
			return dims
		}
		if c.node.Op == "DepthToSpace" {
			if d, ok := c.divide(v.dims[1], c.mul(size, size)); ok {
				dims[0] = d
			}
			dims[1], dims[2] = c.mul(v.dims[2], size), c.mul(v.dims[3], size)
			return dims
		}
		dims[0] = c.mul(v.dims[1], c.mul(size, size))
		for i := 1; i < 3; i++ {
			if d, ok := c.divide(v.dims[i+1], size); ok {
				dims[i] = d
			}
		}
		return dims
	})(c)
}
