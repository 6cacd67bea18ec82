package dataflow

import (
	"fmt"

	"sluice/internal/onnxfile"
)

// scope holds the values of a graph by name. A body sees those around it, a function does
// not.
type scope struct {
	values     map[string]*value
	outer      *scope
	opsets     map[string]int64
	attributes map[string]onnxfile.Attribute // what the caller of a function gives
	depth      int
	single     bool // the body of a loop over the rows: what it is given is one row's
}

const maxDepth = 64 // of bodies and functions in one another

// find is the value of a name. An input that the caller of a function leaves out is known
// and nil.
func (a *analysis) find(s *scope, name string) (v *value, ok bool) {
	single := false
	for ; s != nil; s = s.outer {
		if v, ok = s.values[name]; ok {
			if single && v != nil && v.class == rows {
				v = a.unknown("reads all rows where one is worked on")
			}
			return v, true
		}
		single = single || s.single
	}
	return nil, false
}

// inside is the scope of a body.
func (s *scope) inside() *scope {
	return &scope{values: map[string]*value{}, outer: s, opsets: s.opsets, attributes: s.attributes, depth: s.depth + 1}
}

// spend counts work, and says whether there may be more.
func (a *analysis) spend(n int) bool {
	a.steps -= n
	if a.steps < 0 || a.full {
		a.over = true
	}
	return !a.over
}

// bytesPerStep is how many bytes may be looked at for a step.
const bytesPerStep = 16

// lengths is the work that some names are.
func lengths(names []string) int {
	n := len(names)
	for _, name := range names {
		n += len(name) / bytesPerStep
	}
	return n
}

// contentSize is how many bytes of a tensor are looked at: few where it has many elements.
func contentSize(t onnxfile.Tensor) int {
	if n := t.Elements(); n < 0 || n > maxContents {
		return 0
	}
	return t.Size()
}

// graph computes all values of a graph.
func (a *analysis) graph(g *onnxfile.Graph, s *scope) {
	if s.depth > maxDepth {
		a.over = true
	}
	for _, w := range g.Weights {
		if !a.spend(1 + contentSize(w)/bytesPerStep) {
			return
		}
		a.define(s, w.Name, a.weight(w))
	}
	for _, i := range a.ordered(g) {
		n := &g.Nodes[i]
		if !a.spend(1 + lengths(n.Inputs) + lengths(n.Outputs)) {
			return
		}
		if len(n.Outputs) == 0 {
			continue
		}
		a.node = n
		results := a.apply(n, s)
		a.node = n
		for k, name := range n.Outputs {
			if name == "" {
				continue
			}
			if k < len(results) && results[k] != nil {
				v := a.checked(results[k])
				if v.born == nil {
					v.born = n
				}
				a.define(s, name, v)
			} else {
				a.define(s, name, a.unknown("this output is not analysed"))
			}
		}
	}
}

// define gives a name its value. A name of two values is unknown: readers differ in which
// of them they take.
func (a *analysis) define(s *scope, name string, v *value) {
	if _, twice := s.values[name]; twice {
		v = a.unknown(fmt.Sprintf("the name %q has two values", clip(name)))
	}
	s.values[name] = v
}

// checked holds a value to what the other rules rely on.
func (a *analysis) checked(v *value) *value {
	if v.class > rows || !v.ranked {
		return v
	}
	if v.rank() > maxFollowedRank {
		return a.unknown("a tensor has more axes than are followed")
	}
	for k, d := range v.dims {
		if a.counted(d) && !(v.class == rows && k == v.axis) {
			if a.table.surely(d) {
				return a.mixed("the shape depends on the number of rows")
			}
			if v.padded == nil {
				return a.unknown("the shape may depend on the rows of the batch")
			}
		}
	}
	return v
}

// weight is a constant of the file.
func (a *analysis) weight(t onnxfile.Tensor) *value {
	v := &value{class: uniform, ranked: len(t.Dims) <= maxFollowedRank, element: t.Element}
	if v.ranked {
		for _, d := range t.Dims {
			v.dims = append(v.dims, a.constant(max(d, 0)))
		}
	}
	if list, ok := t.Ints(maxContents); ok && v.ranked {
		v.content = make([]expr, 0, len(list))
		for _, n := range list {
			v.content = append(v.content, a.constant(n))
		}
		v.content = a.exactly(v.content, t.Element)
	}
	v.numbers, _ = t.Floats(maxContents)
	return v
}

func (a *analysis) mixed(reason string) *value {
	return &value{class: mixed, cause: &cause{node: a.node, reason: reason}}
}

func (a *analysis) unknown(reason string) *value {
	return &value{class: unknown, cause: &cause{node: a.node, reason: reason}}
}
