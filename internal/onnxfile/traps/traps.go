// Package traps finds operators of an ONNX graph that can end the process that runs them, for some
// values of what they are given: the processor has no quotient of the least integer and -1, and ONNX
// Runtime does not look before it divides. A signal in C ends a whole program, so such a model belongs
// into a process of its own.
//
// It follows types and where values come from, as far as that is plain, from the graph's inputs on.
// Lengths of tensors cannot be what traps. Where a type is not known an operator that may trap is taken
// to do so. Find is a pure function and safe for concurrent use.
package traps

import (
	"fmt"
	"slices"

	"sluice/internal/onnxfile"
)

const (
	maxFound = 8  // that are told
	maxDepth = 32 // of bodies and functions in one another
	maxConst = 64 // elements of a constant that are looked at

	int32Type, int64Type, boolType = 6, 7, 9
)

// value is what is known of a tensor.
type value struct {
	element int64   // ONNX's number of its type; 0 if it is not known
	given   bool    // it depends on the values of an input
	ints    []int64 // of a small constant of integers; nil if they are not known
}

type scope struct {
	values map[string]value
	outer  *scope
	depth  int
}

func (s *scope) find(name string) value {
	for ; s != nil; s = s.outer {
		if v, ok := s.values[name]; ok {
			return v
		}
	}
	return value{given: true}
}

type finder struct {
	program *onnxfile.Program
	steps   int
	found   []string
}

// Find lists nodes that may trap, some of them where there are many, each as `Op (node "name")`. data is the
// serialised ModelProto that m was parsed from.
func Find(data []byte, m *onnxfile.Model) ([]string, error) {
	program, err := onnxfile.ReadProgram(data)
	if err != nil {
		return nil, fmt.Errorf("cannot look for operators that trap: %w", err)
	}
	f := &finder{program: program, steps: 1 << 22}
	top := &scope{values: map[string]value{}}
	for _, in := range m.Inputs {
		top.values[in.Name] = value{element: in.Type.Element, given: true}
	}
	f.graph(program.Graph, top)
	if f.steps < 0 {
		f.found = append(f.found, "a graph too large to look through")
	}
	return f.found, nil
}

// graph walks over nodes in the order in which they are listed.
func (f *finder) graph(g *onnxfile.Graph, s *scope) {
	if s.depth > maxDepth {
		f.steps = -1
		return
	}
	for _, w := range g.Weights {
		s.values[w.Name] = constant(w)
	}
	for i := range g.Nodes {
		if f.steps--; f.steps < 0 {
			return
		}
		n := &g.Nodes[i]
		in := make([]value, len(n.Inputs))
		for k, name := range n.Inputs {
			if name != "" {
				in[k] = s.find(name)
			}
		}
		if f.mayTrap(n, in) {
			f.note(n)
		}
		out := f.outputs(n, in, s)
		for k, name := range n.Outputs {
			if k < len(out) {
				s.values[name] = out[k]
			} else {
				s.values[name] = value{given: true}
			}
		}
	}
}

func constant(t onnxfile.Tensor) value {
	v := value{element: t.Element}
	if list, ok := t.Ints(maxConst); ok {
		v.ints = list
	}
	return v
}

func (f *finder) note(n *onnxfile.Node) {
	name := n.Name
	if name == "" && len(n.Outputs) > 0 {
		name = n.Outputs[0]
	}
	text := fmt.Sprintf("%s (node %.64q)", n.Op, name)
	if len(f.found) < maxFound && !slices.Contains(f.found, text) {
		f.found = append(f.found, text)
	}
}

// mayTrap reports whether a node may divide the least integer by -1, or by a length of 0.
func (f *finder) mayTrap(n *onnxfile.Node, in []value) bool {
	if f.program.Functions[n.Key()] != nil {
		return false // its nodes are looked at
	}
	switch n.Op {
	case "Div", "Mod":
		if len(in) != 2 || attribute(n, "fmod").Int() != 0 {
			return false
		}
		element := in[0].element
		if element == 0 {
			element = in[1].element
		}
		whole := element == int32Type || element == int64Type || element == 0
		harmless := in[1].ints != nil && !slices.Contains(in[1].ints, -1)
		return whole && in[0].given && !harmless
	case "STFT":
		return len(in) > 3 && in[3].given
	}
	return false
}

func attribute(n *onnxfile.Node, name string) onnxfile.Attribute {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a
		}
	}
	return onnxfile.Attribute{}
}

// elements are the types of the first outputs of operators that do not have the type of their first input.
var elements = map[string]int64{
	"Shape": int64Type, "Size": int64Type, "NonZero": int64Type, "ArgMax": int64Type, "ArgMin": int64Type,
	"Equal": boolType, "Less": boolType, "LessOrEqual": boolType, "Greater": boolType, "GreaterOrEqual": boolType, "And": boolType,
	"Or": boolType, "Xor": boolType, "Not": boolType, "IsNaN": boolType, "IsInf": boolType,
	"DequantizeLinear": floatType, "RandomNormal": floatType, "RandomUniform": floatType, "TfIdfVectorizer": floatType,
	"ai.onnx.ml.Normalizer": floatType, "ai.onnx.ml.Scaler": floatType, "ai.onnx.ml.LinearRegressor": floatType,
	"ai.onnx.ml.SVMRegressor": floatType, "ai.onnx.ml.TreeEnsembleRegressor": floatType, "ai.onnx.ml.OneHotEncoder": floatType,
}

const floatType = 1

// outputs is what is known of what a node gives.
func (f *finder) outputs(n *onnxfile.Node, in []value, s *scope) []value {
	if fn := f.program.Functions[n.Key()]; fn != nil {
		return f.function(fn, in, s)
	}
	if out := f.bodies(n, in, s); out != nil {
		return out
	}
	v := value{}
	for _, i := range in {
		v.given = v.given || i.given
	}
	switch element, known := elements[n.Op]; {
	case known:
		v.element = element
	case n.Op == "Cast":
		v.element = attribute(n, "to").Int()
	case n.Op == "Constant":
		if t, ok := attribute(n, "value").Tensor(); ok {
			v = constant(t)
		} else {
			v = literal(n)
		}
	case n.Op == "ConstantOfShape":
		v = value{element: floatType}
		if t, ok := attribute(n, "value").Tensor(); ok {
			v = constant(t)
		}
	case (n.Op == "Where" || n.Op == "CastLike" || n.Op == "BitCast") && len(in) > 1:
		v.element = in[1].element
	case n.Op == "OneHot" && len(in) > 2:
		v.element = in[2].element
	case len(in) > 0:
		v.element = in[0].element
	}
	if n.Op == "Shape" || n.Op == "Size" {
		v.given = false // lengths are what they are
	}
	out := make([]value, max(len(n.Outputs), 1))
	out[0] = v
	for k := 1; k < len(out); k++ {
		out[k] = value{given: v.given} // such as the indices of TopK
		if n.Op == "TopK" || n.Op == "Unique" || n.Op == "MaxPool" {
			out[k].element = int64Type
		}
		if n.Op == "Split" {
			out[k].element = v.element
		}
	}
	return out
}

// literal is a Constant that is not written as a tensor.
func literal(n *onnxfile.Node) value {
	for _, a := range n.Attributes {
		switch a.Name {
		case "value_int":
			return value{element: int64Type, ints: []int64{a.Int()}}
		case "value_ints":
			list, _ := a.Ints(maxConst)
			return value{element: int64Type, ints: list}
		case "value_float", "value_floats":
			return value{element: floatType}
		}
	}
	return value{}
}

// function walks over a function that the file defines, for one call of it.
func (f *finder) function(fn *onnxfile.Function, in []value, s *scope) (out []value) {
	inner := &scope{values: map[string]value{}, depth: s.depth + 1}
	for k, name := range fn.Inputs {
		if k < len(in) {
			inner.values[name] = in[k]
		}
	}
	f.graph(fn.Graph, inner)
	for _, name := range fn.Outputs {
		out = append(out, inner.find(name))
	}
	return out
}

// bodies walks over the branches or the body of a node; nil if it has none. What comes out is what the
// last body gives, and a loop's own inputs are taken to be of the types that go in.
func (f *finder) bodies(n *onnxfile.Node, in []value, s *scope) (out []value) {
	for _, a := range n.Attributes {
		if a.Graph == nil {
			continue
		}
		inner := &scope{values: map[string]value{}, outer: s, depth: s.depth + 1}
		for k, i := range a.Graph.Inputs {
			v := value{element: i.Type.Element, given: true}
			if v.element == 0 && k < len(in) {
				v.element = in[k].element // Loop and Scan give theirs in this order
			}
			inner.values[i.Name] = v
		}
		f.graph(a.Graph, inner)
		results := a.Graph.Outputs
		if n.Op == "Loop" && len(results) > 0 {
			results = results[1:] // but for the condition
		}
		if len(results) < len(out) {
			continue
		}
		out = out[:0]
		for _, o := range results {
			out = append(out, value{element: inner.find(o.Name).element, given: true})
		}
		if out == nil {
			out = []value{}
		}
	}
	return out
}
