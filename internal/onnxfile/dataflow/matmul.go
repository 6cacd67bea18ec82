package dataflow

import (
	"slices"
	"strings"
)

// Products: the rows may lie on an axis that both operands carry along, or on one that
// one operand alone has; the axis that is summed over must not be theirs.

const overProduct = "multiplies rows with one another"

func matMul(c *call) []*value {
	return []*value{c.product(c.arg(0), c.arg(1))}
}

// product is the matrix product of ONNX's MatMul, which is numpy's.
func (c *call) product(a, b *value) *value {
	if !a.ranked || !b.ranked || a.rank() == 0 || b.rank() == 0 {
		return c.unknown("the shape of an input is not known")
	}
	wide, tall := a, b // of rank 2 and more
	if a.rank() == 1 {
		wide = c.withAxis(a, 0)
	}
	if b.rank() == 1 {
		tall = c.withAxis(b, 1)
	}
	out := c.matrices(wide, tall)
	if out.class > rows {
		return out
	}
	if b.rank() == 1 {
		out = c.withoutAxis(out, out.rank()-1)
	}
	if a.rank() == 1 && out.class <= rows {
		at := out.rank() - 1
		if b.rank() > 1 {
			at--
		}
		out = c.withoutAxis(out, at)
	}
	return out
}

func (c *call) withAxis(v *value, at int) *value {
	dims := slices.Insert(slices.Clone(v.dims), at, c.constant(1))
	axis := v.axis
	if at <= axis {
		axis++
	}
	return v.shaped(axis, dims...)
}

func (c *call) withoutAxis(v *value, at int) *value {
	if v.class == rows && v.axis == at {
		return c.unknown("removes the axis of the rows")
	}
	axis := v.axis
	if at < axis {
		axis--
	}
	return v.shaped(axis, slices.Delete(slices.Clone(v.dims), at, at+1)...)
}

// matrices multiplies stacks of matrices: the last two axes are theirs, those before are
// broadcast.
func (c *call) matrices(a, b *value) *value {
	switch {
	case a.class == rows && a.fromEnd() == 1, b.class == rows && b.fromEnd() == 2:
		v := a
		if a.class != rows || a.fromEnd() != 1 {
			v = b
		}
		return c.joined(v, "sums over the rows")
	case a.class == rows && b.class == rows && a.fromEnd() == 2 && b.fromEnd() == 1 && !a.even && !b.even:
		return c.mixed(overProduct)
	}
	// The stacks are broadcast as they are with single elements for the matrices.
	stackA, stackB := c.stack(a, a.fromEnd() == 2), c.stack(b, b.fromEnd() == 1)
	both := c.broadcast(stackA, stackB)
	if both.class > rows {
		return both
	}
	dims := append(slices.Clone(both.dims[:both.rank()-2]), a.dims[a.rank()-2], b.dims[b.rank()-1])
	switch {
	case a.class == rows && a.fromEnd() == 2 && b.class == rows, b.class == rows && b.fromEnd() == 1 && a.class == rows:
		return c.unknown("the rows lie on different axes")
	case a.class == rows && a.fromEnd() == 2:
		return c.evenly(a.even, c.along(len(dims)-2, a.pre, a.post, dims...))
	case b.class == rows && b.fromEnd() == 1:
		return c.evenly(b.even, c.along(len(dims)-1, b.pre, b.post, dims...))
	case both.class == rows:
		return c.evenly(both.even, c.along(both.axis, both.pre, both.post, dims...))
	}
	return same(dims...)
}

// evenly notes whether all rows are equal.
func (c *call) evenly(even bool, v *value) *value {
	v.even = even && v.class == rows
	return v
}

// stack is the shape of the matrices' stack, with 1 for both axes of the matrices. Rows
// that lie inside of the matrices do not show.
func (c *call) stack(v *value, inside bool) *value {
	dims := append(slices.Clone(v.dims[:v.rank()-2]), c.constant(1), c.constant(1))
	if v.class == rows && !inside {
		w := c.along(v.axis, v.pre, v.post, dims...)
		w.even = v.even
		return w
	}
	return same(dims...)
}

// gemm is A·B + C with matrices that may be given transposed.
func gemm(c *call) []*value {
	a, b := c.arg(0), c.arg(1)
	if !a.ranked || !b.ranked || a.rank() != 2 || b.rank() != 2 {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	out := c.matrices(c.turned(a, "transA"), c.turned(b, "transB"))
	if bias := c.arg(2); bias != nil && out.class <= rows {
		sum := c.broadcast(out, bias)
		switch {
		case sum.class == rows && out.class == rows && sum.rank() == 2:
			sum.dims = out.dims
		case sum.class == uniform:
			sum = out
		case sum.class <= rows:
			sum = c.unknown("adds rows to what has none")
		}
		out = sum
	}
	return []*value{out}
}

func (c *call) turned(v *value, attr string) *value {
	if c.intAttr(attr, 0) == 0 {
		return v
	}
	n := v.rank()
	axis := v.axis
	if axis >= n-2 {
		axis = 2*n - 3 - axis
	}
	dims := slices.Clone(v.dims)
	dims[n-1], dims[n-2] = dims[n-2], dims[n-1]
	return v.shaped(axis, dims...)
}

// fusedMatMul is a product of operands that may be given transposed.
func fusedMatMul(c *call) []*value {
	a, b := c.arg(0), c.arg(1)
	if !a.ranked || !b.ranked || a.rank() < 2 || b.rank() < 2 || c.intAttr("transBatchA", 0) != 0 || c.intAttr("transBatchB", 0) != 0 {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	return []*value{c.product(c.turned(a, "transA"), c.turned(b, "transB"))}
}

// einsum: the letter of the rows must be in the output, and stand for the rows in each
// operand that has it.
func einsum(c *call) []*value {
	equation := strings.ReplaceAll(c.textAttr("equation", ""), " ", "")
	if strings.Contains(equation, ".") || len(equation) > 256 {
		return []*value{c.unknown("an ellipsis is not analysed")}
	}
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.in) {
		return []*value{c.unknown("the equation does not fit the inputs")}
	}
	if !explicit {
		right = implicitOutput(left)
	}
	lengths := map[byte]expr{}
	letter, lead := byte(0), (*value)(nil)
	for i, v := range c.in {
		if v == nil || !v.ranked || v.rank() != len(terms[i]) {
			return []*value{c.unknown("the shape of an input is not known")}
		}
		for k := range v.dims {
			d, seen := lengths[terms[i][k]]
			if seen {
				d = c.widest(d, v.dims[k])
			} else {
				d = v.dims[k]
			}
			lengths[terms[i][k]] = d
		}
		if v.class != rows {
			continue
		}
		if here := terms[i][v.axis]; lead == nil {
			letter, lead = here, v
		} else if here != letter {
			if lead.even || v.even {
				return []*value{c.unknown("the rows lie on different axes")}
			}
			return []*value{c.mixed(overProduct)}
		} else if lead.pre != v.pre || lead.post != v.post {
			return []*value{c.unknown("pairs rows that lie differently")}
		}
	}
	return []*value{c.einsumOf(terms, right, letter, lead, lengths)}
}

func (c *call) einsumOf(terms []string, right string, letter byte, lead *value, lengths map[byte]expr) *value {
	dims := make([]expr, 0, len(right))
	for i := range len(right) {
		d, ok := lengths[right[i]]
		if !ok || strings.Count(right, right[i:i+1]) > 1 {
			return c.unknown("the equation does not fit the inputs")
		}
		dims = append(dims, d)
	}
	if lead == nil {
		return same(dims...)
	}
	for i, v := range c.in {
		at := strings.IndexByte(terms[i], letter)
		switch {
		case strings.Count(terms[i], string(letter)) > 1:
			return c.unknown("the rows lie on two axes")
		case v.class != rows && at >= 0 && !c.is(v.dims[at], 1):
			return c.fixedBeside(lead, v.dims[at])
		}
	}
	at := strings.IndexByte(right, letter)
	if at < 0 {
		return c.joined(lead, "sums over the rows")
	}
	dims[at] = c.length(lead.pre, lead.post)
	return c.along(at, lead.pre, lead.post, dims...)
}

// implicitOutput are the letters that occur once, in alphabetical order.
func implicitOutput(left string) string {
	var out []byte
	for letter := byte('A'); letter <= 'z'; letter++ {
		if strings.Count(left, string(letter)) == 1 {
			out = append(out, letter)
		}
	}
	return string(out)
}
