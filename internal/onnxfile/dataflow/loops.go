package dataflow

import (
	"slices"

	"sluice/internal/onnxfile"
)

// maxRounds bounds how often a body is looked at until what it carries is stable.
const maxRounds = 5

// loop is Loop: a body that carries values from round to round, and stacks others.
func loop(c *call) []*value {
	at, ok := c.attribute("body")
	if !ok || at.Graph == nil || len(c.in) < 2 {
		return nil
	}
	for _, v := range c.in[:2] {
		if v != nil && v.class != uniform {
			return c.every(c.endsBy(v))
		}
	}
	l := &rounds{call: c, graph: at.Graph, carried: slices.Clone(c.in[2:]), skip: 1, wide: map[expr]bool{}}
	out, bad := l.settle(func(s *scope) {
		for i, v := range at.Graph.Inputs {
			switch {
			case i < 2:
				c.define(s, v.Name, same())
			case i-2 < len(l.carried):
				c.define(s, v.Name, l.carried[i-2])
			}
		}
	})
	if bad != nil {
		return c.every(bad)
	}
	if condition := out[0]; condition.class != uniform {
		return c.every(c.endsBy(condition))
	}
	results := l.results()
	for _, v := range out[1+len(l.carried):] {
		results = append(results, l.stacked(v, 0, c.free()))
	}
	return results
}

// endsBy is what a loop gives whose number of rounds follows from v.
func (c *call) endsBy(v *value) *value {
	switch {
	case v.class == mixed && v.cause.asIndex:
		return c.unknown("the number of rounds may depend on the number of rows")
	case v.class >= unknown:
		return &value{class: v.class, cause: v.cause}
	case v.class == counted && len(c.node.Outputs) > len(c.in)-2:
		return c.unknown("runs a round for each row") // it may give each row its own
	case v.class == counted:
		return c.countUsed(v)
	}
	return c.unknown("values of rows end a loop")
}

// rounds is a body whose carried values are being settled.
type rounds struct {
	*call
	graph   *onnxfile.Graph
	carried []*value
	skip    int // outputs before the carried ones
	wide    map[expr]bool
}

// settle looks at the body until the carried values hold before and after a round, and
// gives the outputs of the last look.
func (l *rounds) settle(bind func(*scope)) (out []*value, bad *value) {
	for i, v := range l.carried {
		if v == nil {
			return nil, l.unknown("a carried value is left out")
		}
		// What is known of the elements holds in the first round alone.
		w := *v
		w.content, w.numbers, w.source = nil, nil, source{}
		l.carried[i] = &w
	}
	for range maxRounds {
		s := l.scope.inside()
		bind(s)
		out = l.body(l.graph, s)
		if len(out) < l.skip+len(l.carried) {
			return nil, l.unknown("the body has too few outputs")
		}
		stable := true
		for i, v := range l.carried {
			next := l.joined2(v, out[l.skip+i])
			stable = stable && alike(v, next)
			l.carried[i] = next
		}
		if stable {
			return out, nil
		}
	}
	return nil, l.unknown("what the body carries on is not analysed")
}

// joined2 is what holds before and after a round. A length that changes becomes one that
// nothing is known of, and stays it.
func (l *rounds) joined2(v, next *value) *value {
	if v.ranked && next.ranked && v.rank() == next.rank() && v.class == next.class && v.class <= rows {
		w := *next
		w.dims = slices.Clone(next.dims)
		w.content, w.numbers = nil, nil
		for i, d := range v.dims {
			if l.wide[d] && !l.counted(next.dims[i]) {
				w.dims[i] = d
			}
		}
		next = &w
	}
	if v.class == counted && next.class == counted {
		return l.unknown("the result may depend on the number of rows")
	}
	joined := l.joinValues(v, next)
	if joined.ranked && v.ranked {
		for i, d := range joined.dims {
			if i < len(v.dims) && d != v.dims[i] {
				l.wide[d] = true
			}
		}
	}
	return joined
}

// alike says that two values are known to the same degree.
func alike(v, w *value) bool {
	return v.class == w.class && v.ranked == w.ranked && slices.Equal(v.dims, w.dims) &&
		(v.class != rows || v.axis == w.axis && v.pre == w.pre && v.post == w.post && v.even == w.even)
}

// results are the carried values as they are after the last round: lengths that changed
// are new ones.
func (l *rounds) results() []*value {
	var out []*value
	for _, v := range l.carried {
		out = append(out, l.renewed(v, func(d expr) bool { return l.wide[d] }))
	}
	return out
}

func (l *rounds) renewed(v *value, old func(expr) bool) *value {
	if !v.ranked || v.class > rows {
		return v
	}
	w := *v
	w.dims, w.content = slices.Clone(v.dims), nil
	for i, d := range w.dims {
		if old(d) && !(v.class == rows && i == v.axis) {
			w.dims[i] = l.free()
		}
	}
	return &w
}

// stacked is what a value of each round gives when all are laid along a new axis.
func (l *rounds) stacked(v *value, at int, length expr) *value {
	switch {
	case v.class >= unknown:
		return v
	case v.class == counted:
		return l.countUsed(v)
	case v.class == rows && !v.plain():
		return l.placeUsed(v)
	case !v.ranked && v.class == uniform:
		return unranked()
	case !v.ranked:
		return l.unknown("the shape of an input is not known")
	}
	if at < 0 {
		at += v.rank() + 1
	}
	if at < 0 || at > v.rank() {
		return l.unknown("an axis is out of range")
	}
	w := l.renewed(v, func(d expr) bool { _, known := l.value(d); return !known })
	axis := w.axis
	if at <= axis {
		axis++
	}
	return w.computed().shaped(axis, slices.Insert(w.dims, at, length)...)
}
