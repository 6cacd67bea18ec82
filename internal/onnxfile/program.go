package onnxfile

import (
	"errors"
	"fmt"
)

// ErrTooLarge is the reason for which ReadProgram ends early.
var ErrTooLarge = errors.New("too large to read")

// Program is what a file computes: its graph and the functions that it defines itself.
type Program struct {
	Graph     *Graph
	Functions map[FunctionKey]*Function
	// Opsets are the versions of the operator sets by domain; the standard one is "".
	Opsets map[string]int64
	// Odd says what about the file readers may take in different ways, "" if nothing: a field
	// of an unexpected type or twice, a name of two meanings.
	Odd string
}

// FunctionKey is how a node finds its function. The standard domain is "".
type FunctionKey struct{ Domain, Name, Overload string }

// Graph is a list of nodes in the order of their work.
type Graph struct {
	Nodes   []Node
	Weights []Tensor
	// Inputs are all that the file lists, initialisers too.
	Inputs, Outputs []Value
}

// Node is one operation on named tensors. An empty name is an input that is left out, or
// an output that nobody reads.
type Node struct {
	Name, Op        string // Op is "domain.Op", or "Op" for the standard domain
	Domain          string // the standard one is ""
	Overload        string
	Inputs, Outputs []string
	Attributes      []Attribute
}

// Key is that of the function that the node calls, if the file has one.
func (n *Node) Key() FunctionKey {
	name := n.Op
	if n.Domain != "" {
		name = name[len(n.Domain)+1:]
	}
	return FunctionKey{n.Domain, name, n.Overload}
}

// Function is an operator that the file composes of others.
type Function struct {
	Inputs, Outputs []string
	Defaults        []Attribute
	Graph           *Graph
	Opsets          map[string]int64
}

// maxNodes bounds what ReadProgram keeps of a file.
const maxNodes = 1 << 20

// maxListed bounds the names that a node, and all weights of a graph, may list.
const maxListed = 1 << 16

type programReader struct {
	program *Program
	nodes   int
	names   map[string]string // operators, each kept once
	weights int
}

// ReadProgram reads the nodes of a serialised ModelProto. It refers to weights and
// attributes where they lie in data, which must not change, and copies names alone.
func ReadProgram(data []byte) (*Program, error) {
	p := &Program{Functions: map[FunctionKey]*Function{}, Opsets: map[string]int64{}}
	r := &programReader{program: p, names: map[string]string{}}
	err := walk(data, func(f field) (err error) {
		switch f.id {
		case 7:
			if p.Graph != nil {
				return fmt.Errorf("it holds two graphs")
			}
			if err := f.expect("the graph"); err != nil {
				return err
			}
			p.Graph, err = r.graph(f.data, 0)
		case 8:
			err = r.opset(f.data, p.Opsets)
		case 25:
			err = r.function(f.data)
		}
		return err
	})
	if err == nil && p.Graph == nil {
		err = fmt.Errorf("it holds no graph")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the nodes of an ONNX file: %w", err)
	}
	if p.Odd == "" {
		p.Odd = oddIn(data, file, 0)
	}
	return p, nil
}

// odd notes the first thing that readers may take in different ways.
func (r *programReader) odd(format string, args ...any) {
	if r.program.Odd == "" {
		r.program.Odd = fmt.Sprintf(format, args...)
	}
}

func (r *programReader) opset(message []byte, into map[string]int64) error {
	domain, version, err := opset(message)
	domain = standard(domain)
	if other, twice := into[domain]; twice && other != version {
		r.odd("it names two versions of the operators of one domain")
	}
	into[domain] = version
	return err
}

func (r *programReader) graph(message []byte, depth int) (*Graph, error) {
	if depth > maxGraphDepth {
		return nil, fmt.Errorf("graphs are nested deeper than %d", maxGraphDepth)
	}
	g := &Graph{}
	err := walk(message, func(f field) error {
		switch f.id {
		case 1:
			return r.node(g, f.data, depth)
		case 5:
			return r.weight(g, f.data)
		case 15: // a sparse tensor: its name is that of the values, its shape is field 3
			return r.sparse(g, f.data)
		case 11, 12:
			v, err := value(f.data)
			list := &g.Inputs
			if f.id == 12 {
				list = &g.Outputs
			}
			if len(*list) >= maxListed {
				return fmt.Errorf("%w: more than %d inputs or outputs", ErrTooLarge, maxListed)
			}
			*list = append(*list, v)
			return err
		}
		return nil
	})
	return g, err
}

func (r *programReader) weight(g *Graph, message []byte) error {
	if r.weights++; r.weights > maxNodes {
		return fmt.Errorf("%w: more than %d initialisers", ErrTooLarge, maxNodes)
	}
	t, err := readTensor(message)
	g.Weights = append(g.Weights, t)
	return err
}

func (r *programReader) sparse(g *Graph, message []byte) error {
	if r.weights++; r.weights > maxNodes {
		return fmt.Errorf("%w: more than %d initialisers", ErrTooLarge, maxNodes)
	}
	t := Tensor{}
	err := walk(message, func(f field) (err error) {
		switch f.id {
		case 1:
			values, err := readTensor(f.data)
			t.Name, t.Element = values.Name, values.Element
			return err
		case 3:
			t.Dims, err = f.appendInts(t.Dims, maxRank)
		}
		return err
	})
	g.Weights = append(g.Weights, t)
	return err
}

func (r *programReader) node(g *Graph, message []byte, depth int) error {
	if r.nodes++; r.nodes > maxNodes {
		return fmt.Errorf("%w: more than %d nodes", ErrTooLarge, maxNodes)
	}
	n, op, domain := Node{}, []byte(nil), ""
	err := walk(message, func(f field) error {
		if len(n.Inputs)+len(n.Outputs)+len(n.Attributes) > maxListed {
			return fmt.Errorf("%w: a node lists more than %d names", ErrTooLarge, maxListed)
		}
		switch f.id {
		case 1:
			n.Inputs = append(n.Inputs, string(f.data))
		case 2:
			n.Outputs = append(n.Outputs, string(f.data))
		case 3:
			n.Name = string(f.data)
		case 4:
			op = f.data
		case 5:
			a, err := r.attribute(f.data, depth)
			n.Attributes = append(n.Attributes, a)
			return err
		case 7:
			domain = string(f.data)
		case 8:
			n.Overload = string(f.data)
		}
		return nil
	})
	n.Op, n.Domain = r.operator(domain, op), standard(domain)
	r.oddNames(&n)
	g.Nodes = append(g.Nodes, n)
	return err
}

func (r *programReader) operator(domain string, op []byte) string {
	if domain == "" || domain == "ai.onnx" {
		if kept, ok := r.names[string(op)]; ok {
			return kept
		}
	}
	q := qualified(domain, string(op))
	if kept, ok := r.names[q]; ok {
		return kept
	}
	r.names[q] = q
	return q
}

func (r *programReader) function(message []byte) error {
	fn := &Function{Graph: &Graph{}, Opsets: map[string]int64{}}
	name, domain, overload := "", "", ""
	err := walk(message, func(f field) error {
		if len(fn.Inputs)+len(fn.Outputs)+len(fn.Defaults) > maxListed {
			return fmt.Errorf("%w: a function lists more than %d names", ErrTooLarge, maxListed)
		}
		switch f.id {
		case 1:
			name = string(f.data)
		case 4:
			fn.Inputs = append(fn.Inputs, string(f.data))
		case 5:
			fn.Outputs = append(fn.Outputs, string(f.data))
		case 7:
			return r.node(fn.Graph, f.data, 1)
		case 9:
			return r.opset(f.data, fn.Opsets)
		case 10:
			domain = string(f.data)
		case 11:
			a, err := r.attribute(f.data, 1)
			fn.Defaults = append(fn.Defaults, a)
			return err
		case 13:
			overload = string(f.data)
		}
		return nil
	})
	if len(r.program.Functions) >= maxListed {
		return fmt.Errorf("%w: more than %d functions", ErrTooLarge, maxListed)
	}
	key := FunctionKey{standard(domain), name, overload}
	if r.program.Functions[key] != nil {
		r.odd("it defines the function %q twice", clip(name))
	}
	r.program.Functions[key] = fn
	return err
}

// standard is a domain, "" for the standard one.
func standard(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}
