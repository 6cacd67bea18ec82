package dataflow

import (
	"fmt"
	"slices"

	"sluice/internal/onnxfile"
)

// operator is what is known of an operator.
type operator struct {
	rule   func(*call) []*value
	needs  int   // the rule takes so many inputs for granted
	since  int64 // the first version of the operator set that the rule holds for
	counts bool  // the rule takes counted values
	places bool  // the rule takes rows that are places, or padded
	nested bool  // what it gives follows from more than its inputs: it has bodies, draws or trains
	any    bool  // the rule takes mixed and unknown values
	each   bool  // it works element by element, so that the shape of what it gives is known
}

// call is a node with the values that it reads.
type call struct {
	*analysis
	scope   *scope
	in      []*value // nil: left out
	version int64
}

func (a *analysis) apply(n *onnxfile.Node, s *scope) []*value {
	c := &call{analysis: a, scope: s}
	for _, name := range n.Inputs {
		if name == "" {
			c.in = append(c.in, nil)
			continue
		}
		v, ok := a.find(s, name)
		if !ok {
			return c.every(a.unknown(fmt.Sprintf("reads %q, which no node before it computes", clip(name))))
		}
		c.in = append(c.in, v)
	}
	if s.attributes == nil && slices.ContainsFunc(n.Attributes, func(at onnxfile.Attribute) bool { return at.Ref != "" }) {
		return c.every(a.unknown("an attribute refers to a caller, but no function is around it"))
	}
	op, known := operators[n.Op]
	if f := a.program.Functions[n.Key()]; f != nil {
		if known {
			return c.every(c.worst(a.unknown("the file defines a known operator anew")))
		}
		return a.function(c, f)
	}
	c.version = s.opsets[n.Domain]
	switch {
	case !known:
		return c.every(c.worst(a.unknown("this operator is not analysed")))
	case c.version < op.since, n.Domain == "" && c.version > newestOpset:
		return c.every(c.worst(a.unknown(fmt.Sprintf("version %d of this operator is not analysed", c.version))))
	}
	if !op.any {
		if bad := c.unfit(op); bad != nil {
			if op.each {
				bad = c.withShape(bad)
			}
			return c.every(bad)
		}
	}
	var out []*value
	if !c.lacks(op.needs) {
		out = op.rule(c)
	}
	if !op.nested && c.allUniform() {
		return c.deterministic(out)
	}
	return out
}

// lacks says that one of the first inputs is left out.
func (c *call) lacks(needs int) bool {
	return len(c.in) < needs || slices.Contains(c.in[:needs], nil)
}

// newestOpset is the newest version of the standard operators that the rules were held
// against.
const newestOpset = 28

// unfit is the result where an input is of a class that the rule does not take.
func (c *call) unfit(op operator) *value {
	if bad := c.worst(nil); bad != nil {
		return bad
	}
	for _, v := range c.in {
		switch {
		case v == nil:
		case v.class == counted && !op.counts:
			return c.unknown("the result may depend on the number of rows")
		case v.class == rows && !op.places && !v.plain():
			return c.placeUsed(v)
		}
	}
	return nil
}

// countUsed is what becomes of rows where a value that depends on N is worked into them.
func (a *analysis) countUsed(v *value) *value {
	if a.surely(v) {
		m := a.mixed("the result depends on the number of rows")
		m.cause.asIndex = true
		return m
	}
	return a.unknown("the result may depend on the number of rows")
}

func (a *analysis) placeUsed(v *value) *value {
	if v.padded != nil { // what is made of the padding may be dropped again
		return a.unknown("pads to the longest row of the batch")
	}
	m := a.mixed("the result depends on a row's position")
	m.cause.asIndex = true
	return m
}

// worst is the worst input if it is mixed or unknown, else what is given.
func (c *call) worst(otherwise *value) *value {
	for _, v := range c.in {
		if v != nil && v.class >= unknown && (otherwise == nil || otherwise.class < v.class) {
			otherwise = v
		}
	}
	if otherwise == nil || otherwise.class < unknown {
		return otherwise
	}
	return &value{class: otherwise.class, cause: otherwise.cause, source: c.only().source}
}

// only is the first input where there is no other but single constants, else nothing.
func (c *call) only() value {
	for i, v := range c.in {
		if i > 0 && v != nil && (v.class != uniform || len(v.content) > 1) {
			return value{}
		}
	}
	if len(c.in) == 0 || c.in[0] == nil {
		return value{}
	}
	return *c.in[0]
}

// withShape gives a mixed or unknown value the shape that its inputs have together.
func (c *call) withShape(v *value) *value {
	w, rank := *v, 0
	for _, x := range c.in {
		if x == nil || !x.ranked {
			return v
		}
		rank = max(rank, x.rank())
	}
	w.ranked, w.dims = true, make([]expr, rank)
	for i := range w.dims {
		w.dims[i] = c.broadcastDim(i-rank, c.in)
	}
	return &w
}

func (c *call) allUniform() bool {
	return !slices.ContainsFunc(c.in, func(v *value) bool { return v != nil && v.class != uniform })
}

// deterministic replaces what a rule could not tell of uniform inputs: they give uniform
// outputs.
func (c *call) deterministic(out []*value) []*value {
	for len(out) < len(c.node.Outputs) {
		out = append(out, nil)
	}
	for i, v := range out {
		if v == nil || v.class != uniform && v.class != mixed { // random draws stay what they are
			out[i] = unranked()
		}
	}
	return out
}

// free is a fresh length that is the same for every row. It may follow from the number of
// rows where an input does.
func (c *call) free() expr {
	follows := slices.ContainsFunc(c.in, func(v *value) bool { return v != nil && v.class == counted })
	return c.fresh(symbol{dimension: true, axis: -1, counted: follows})
}

// freeLengths are so many fresh ones.
func (c *call) freeLengths(n int) []expr {
	list := make([]expr, n)
	for i := range list {
		list[i] = c.free()
	}
	return list
}

// every gives all outputs of the node one value.
func (c *call) every(v *value) []*value {
	return slices.Repeat([]*value{v}, len(c.node.Outputs))
}

// arg is an input, nil if it is left out.
func (c *call) arg(i int) *value {
	if i < len(c.in) {
		return c.in[i]
	}
	return nil
}

// attribute is that of a name, last in the node. Reading it costs work.
func (c *call) attribute(name string) (onnxfile.Attribute, bool) {
	for i := len(c.node.Attributes) - 1; i >= 0; i-- {
		at := c.node.Attributes[i]
		if at.Name != name {
			continue
		}
		ok := true
		if at.Ref != "" {
			at, ok = c.scope.attributes[at.Ref]
		}
		return at, ok && c.spend(at.Size()/bytesPerStep)
	}
	return onnxfile.Attribute{}, false
}

func (c *call) intAttr(name string, otherwise int64) int64 {
	if at, ok := c.attribute(name); ok {
		return at.Int()
	}
	return otherwise
}

// intsAttr is a list of integers; nil and ok without the attribute, not ok if it is long.
func (c *call) intsAttr(name string) (list []int64, given, ok bool) {
	at, given := c.attribute(name)
	if !given {
		return nil, false, true
	}
	list, ok = at.Ints(maxContents)
	return list, true, ok
}

func (c *call) textAttr(name, otherwise string) string {
	if at, ok := c.attribute(name); ok {
		return at.Text()
	}
	return otherwise
}

// axis is an axis attribute or value, counted from the front; not ok beyond the rank.
func axisOf(n int64, rank int) (int, bool) {
	if n < 0 {
		n += int64(rank)
	}
	return int(n), n >= 0 && n < int64(rank)
}
