package dataflow

import "slices"

// Scan, over an axis of each row or over the rows themselves.

// scan is Scan: a body that is given slices of some inputs, one after another.
func scan(c *call) []*value {
	at, ok := c.attribute("body")
	count := int(c.intAttr("num_scan_inputs", 0))
	states := len(c.in) - count
	if !ok || at.Graph == nil || count < 1 || states < 0 || len(at.Graph.Inputs) < len(c.in) || slices.Contains(c.in, nil) {
		return nil
	}
	if bad := c.worst(nil); bad != nil {
		return c.every(bad)
	}
	axes, _, ok := c.intsAttr("scan_input_axes")
	if !ok {
		return nil
	}
	slicesOf := make([]*value, count)
	over, length := 0, absent
	for i, v := range c.in[states:] {
		n := int64(0)
		if i < len(axes) {
			n = axes[i]
		}
		axis, ok := axisOf(n, v.rank())
		if !v.ranked || !ok || v.class == counted || !v.plain() {
			return c.every(c.unknown("the shape of an input is not known"))
		}
		length = v.dims[axis]
		if v.class == rows && v.axis == axis {
			over++
			if !c.lone(v) {
				return c.every(c.joined(v, "runs over the rows as over time"))
			}
			w := same(slices.Delete(slices.Clone(v.dims), axis, axis+1)...)
			slicesOf[i] = w
			continue
		}
		slicesOf[i] = c.withoutAxis(v, axis).computed()
	}
	l := &rounds{call: c, graph: at.Graph, carried: slices.Clone(c.in[:states]), wide: map[expr]bool{}}
	bind := func(s *scope) {
		s.single = over > 0
		for i, v := range l.carried {
			c.define(s, at.Graph.Inputs[i].Name, v)
		}
		for i, v := range slicesOf {
			c.define(s, at.Graph.Inputs[states+i].Name, v)
		}
	}
	if over > 0 {
		return l.eachRow(bind, over, count)
	}
	out, bad := l.settle(bind)
	if bad != nil {
		return c.every(bad)
	}
	return append(l.results(), l.scanned(out[states:], length)...)
}

// scanned are the outputs that a scan stacks.
func (l *rounds) scanned(out []*value, length expr) []*value {
	axes, _, _ := l.intsAttr("scan_output_axes")
	var results []*value
	for i, v := range out {
		at := 0
		if i < len(axes) {
			at = int(axes[i])
		}
		results = append(results, l.stacked(v, at, length))
	}
	return results
}

// eachRow is a scan over the rows themselves: in its body all values are one row's. It
// keeps rows apart if it carries nothing from row to row.
func (l *rounds) eachRow(bind func(*scope), over, count int) []*value {
	for _, v := range l.carried {
		if v.class != uniform {
			return l.every(l.unknown("carries rows from row to row"))
		}
	}
	if over != count {
		return l.every(l.unknown("runs over rows and over what is the same for all"))
	}
	for _, name := range [...]string{"scan_input_directions", "scan_output_directions"} {
		if list, _, ok := l.intsAttr(name); !ok || slices.Contains(list, 1) {
			return l.every(l.unknown("runs over the rows backwards"))
		}
	}
	s := l.scope.inside()
	bind(s)
	out := l.body(l.graph, s)
	if len(out) < len(l.carried) {
		return nil
	}
	for i, v := range l.carried {
		if out[i] != v {
			return l.every(l.mixed("carries a state from row to row"))
		}
	}
	results := slices.Clone(l.carried)
	for i, v := range l.scanned(out[len(l.carried):], l.count()) {
		if v.class == uniform && v.ranked {
			axes, _, _ := l.intsAttr("scan_output_axes")
			at := 0
			if i < len(axes) {
				at, _ = axisOf(axes[i], v.rank())
			}
			v = l.along(at, l.constant(1), l.constant(1), v.dims...)
		} else if v.class <= rows {
			v = l.unknown("the shape of an input is not known")
		}
		results = append(results, v)
	}
	return results
}
