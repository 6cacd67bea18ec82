package dataflow

import "sluice/internal/onnxfile"

// Bodies of branches and loops, and functions that the file defines.

// function computes a call of a local function.
func (a *analysis) function(c *call, f *onnxfile.Function) []*value {
	n := c.node
	if !a.spend(len(f.Inputs) + len(f.Outputs) + len(f.Defaults) + len(f.Opsets) + len(n.Attributes)) {
		return nil
	}
	for domain, version := range f.Opsets {
		if c.scope.opsets[domain] != version {
			return c.every(c.worst(a.unknown("a function is written for another version of the operators than the file")))
		}
	}
	inner := &scope{
		values: map[string]*value{}, opsets: c.scope.opsets, depth: c.scope.depth + 1,
		attributes: map[string]onnxfile.Attribute{},
	}
	for _, at := range f.Defaults {
		inner.attributes[at.Name] = at
	}
	for _, at := range n.Attributes {
		if at.Graph != nil { // it would be read among the names of the function
			return c.every(a.unknown("a function is given a body"))
		}
		name := at.Name
		if at.Ref != "" { // of this node's own caller, where it may have another name
			given, ok := c.scope.attributes[at.Ref]
			if !ok {
				continue
			}
			at = given
		}
		inner.attributes[name] = at
	}
	for k, name := range f.Inputs {
		inner.values[name] = c.arg(k)
	}
	a.graph(f.Graph, inner)
	a.node = n
	var out []*value
	for _, name := range f.Outputs {
		out = append(out, inner.values[name])
	}
	return out
}

// branch is If. A condition that is known chooses; one that is the same for all rows
// gives what holds of both.
func branch(c *call) []*value {
	condition := c.arg(0)
	then, ok1 := c.attribute("then_branch")
	other, ok2 := c.attribute("else_branch")
	if condition == nil || !ok1 || !ok2 || then.Graph == nil || other.Graph == nil {
		return nil
	}
	switch {
	case condition.class >= unknown:
		return c.every(c.worst(nil))
	case condition.class == rows:
		return c.every(c.unknown("values of rows choose a branch"))
	}
	if n, known := c.value(condition.scalarContent()); known {
		if n == 0 {
			then = other
		}
		return c.body(then.Graph, c.scope.inside())
	}
	if condition.class == counted {
		return c.every(c.countUsed(condition))
	}
	if condition.class != uniform {
		return c.every(c.unknown("chooses a branch by what is not followed"))
	}
	n := c.node
	first := c.body(then.Graph, c.scope.inside())
	second := c.body(other.Graph, c.scope.inside())
	c.analysis.node = n
	if len(first) != len(second) {
		return c.every(c.unknown("the branches have different outputs"))
	}
	for i, v := range first {
		w := second[i]
		first[i] = c.joinValues(v, w)
		if condition.content == nil && (v.class == mixed) != (w.class == mixed) {
			// It may be a constant that is not followed.
			first[i] = &value{class: unknown, cause: &cause{node: n, reason: "one of its branches works rows into one another"}}
		}
	}
	return first
}

// body computes a graph and gives its outputs.
func (c *call) body(g *onnxfile.Graph, s *scope) []*value {
	n := c.analysis.node
	c.graph(g, s)
	c.analysis.node = n
	out := make([]*value, 0, len(g.Outputs))
	for _, v := range g.Outputs {
		got, _ := c.find(s, v.Name)
		if got == nil {
			got = c.unknown("no node computes an output of a body")
		}
		out = append(out, got)
	}
	return out
}

// joinValues is what holds of both values.
func (a *analysis) joinValues(v, w *value) *value {
	switch {
	case v == w:
		return v
	case v.class >= unknown || w.class >= unknown:
		if w.class > v.class {
			v = w
		}
		return v
	case v.of != nil || w.of != nil:
		return a.unknown("the shape of an input is not known")
	case v.class == counted || w.class == counted:
		return a.unknown("the result may depend on the number of rows")
	case !v.plain() || !w.plain():
		return a.unknown("the result may depend on a row's position")
	case v.class != w.class:
		return a.unknown("one branch gives rows, the other does not")
	}
	out := &value{class: v.class, axis: v.axis, pre: v.pre, post: v.post, even: v.even && w.even}
	if v.element == w.element {
		out.element = v.element
	}
	if v.class == rows && (v.pre != w.pre || v.post != w.post || v.axis != w.axis) {
		return a.unknown("the rows lie on different axes")
	}
	if !v.ranked || !w.ranked || v.rank() != w.rank() {
		if v.class == rows && v.axis != 0 {
			return a.unknown("the shape of an input is not known")
		}
		return out
	}
	out.ranked = true
	for i := range v.dims {
		out.dims = append(out.dims, a.join(v.dims[i], w.dims[i]))
	}
	return out
}
