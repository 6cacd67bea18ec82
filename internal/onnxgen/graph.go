package onnxgen

import (
	"encoding/binary"
	"math"
)

// Numbers of element types, as TensorProto.DataType has them.
const (
	Float32 = 1
	Uint8   = 2
	Int32   = 6
	Int64   = 7
	String  = 8
	Bool    = 9
)

// Graph is an ONNX file that is written node by node, for tests of what reads graphs. It
// checks nothing: files that no exporter writes are wanted too.
type Graph struct {
	// Opset is the version of the standard operators; 0 means 17.
	Opset int
	// Domains are further operator sets, by name.
	Domains map[string]int

	body      message
	functions message
}

// New is an empty graph for a version of the standard operators.
func New(opset int) *Graph { return &Graph{Opset: opset} }

// Domain adds an operator set.
func (g *Graph) Domain(name string, version int) *Graph {
	if g.Domains == nil {
		g.Domains = map[string]int{}
	}
	g.Domains[name] = version
	return g
}

// Input adds an input. A dimension is an int (its length), a string (its name) or nil.
func (g *Graph) Input(name string, element int, dims ...any) *Graph {
	g.body.embed(11, typed(name, element, dims))
	return g
}

// Scalar adds an input of rank 0.
func (g *Graph) Scalar(name string, element int) *Graph {
	g.body.embed(11, typed(name, element, []any{}))
	return g
}

// Output adds an output, whose shape the file leaves open.
func (g *Graph) Output(names ...string) *Graph {
	for _, name := range names {
		g.body.embed(12, typed(name, Float32, nil))
	}
	return g
}

// OutputOf adds an output of another type than float.
func (g *Graph) OutputOf(element int, name string) *Graph {
	g.body.embed(12, typed(name, element, nil))
	return g
}

// Shaped adds an output of a declared shape; dimensions are as those of Input.
func (g *Graph) Shaped(name string, element int, dims ...any) *Graph {
	g.body.embed(12, typed(name, element, dims))
	return g
}

func typed(name string, element int, dims []any) message {
	var shape, tensorType, kind, v message
	for _, d := range dims {
		var one message
		switch d := d.(type) {
		case int:
			one.int(1, d)
		case string:
			one.string(2, d)
		}
		shape.embed(1, one)
	}
	tensorType.int(1, element)
	if dims != nil {
		tensorType.embed(2, shape)
	}
	kind.embed(1, tensorType)
	v.string(1, name)
	v.embed(2, kind)
	return v
}

// In lists the names of inputs or outputs.
func In(names ...string) []string { return names }

// Node adds a node with one output, and names it after that.
func (g *Graph) Node(op, output string, inputs []string, attrs ...Attr) *Graph {
	return g.Nodes(op, []string{output}, inputs, attrs...)
}

// Nodes adds a node with any number of outputs. The domain stands before the operator, with
// a dot between both.
func (g *Graph) Nodes(op string, outputs, inputs []string, attrs ...Attr) *Graph {
	domain := ""
	for i := range len(op) {
		if op[i] == '.' {
			domain = op[:i]
		}
	}
	var n message
	for _, in := range inputs {
		n.string(1, in)
	}
	for _, out := range outputs {
		n.string(2, out)
	}
	if domain != "" {
		op = op[len(domain)+1:]
		n.string(7, domain)
	}
	n.string(4, op)
	for _, a := range attrs {
		n.embed(5, message(a))
	}
	g.body.embed(1, n)
	return g
}

// Floats adds an initialiser of float32. Without values they count up from 0.1.
func (g *Graph) Floats(name string, dims []int, values ...float32) *Graph {
	next := 0
	g.body.embed(5, tensor(name, dims, func() float32 {
		next++
		if len(values) == 0 {
			return 0.1 * float32(next)
		}
		return values[(next-1)%len(values)]
	}))
	return g
}

// Wholes adds an initialiser of int64.
func (g *Graph) Wholes(name string, dims []int, values ...int64) *Graph {
	g.body.embed(5, wholes(name, dims, values))
	return g
}

func wholes(name string, dims []int, values []int64) message {
	var t, raw message
	for _, d := range dims {
		t.int(1, d)
	}
	t.int(2, Int64)
	if name != "" {
		t.string(8, name)
	}
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	t.embed(9, raw)
	return t
}

// Raw adds an initialiser of any type from its raw values.
func (g *Graph) Raw(name string, element int, dims []int, raw []byte) *Graph {
	var t message
	for _, d := range dims {
		t.int(1, d)
	}
	t.int(2, element)
	t.string(8, name)
	t.embed(9, raw)
	g.body.embed(5, t)
	return g
}

// External adds an initialiser whose values lie in a file beside the model.
func (g *Graph) External(name string, element int, dims []int, file string) *Graph {
	var t, location message
	for _, d := range dims {
		t.int(1, d)
	}
	t.int(2, element)
	t.string(8, name)
	location.string(1, "location")
	location.string(2, file)
	t.embed(13, location)
	t.int(14, 1)
	g.body.embed(5, t)
	return g
}

// Function adds a function of the file. Its inputs, outputs and nodes are those of a graph.
func (g *Graph) Function(domain, name string, inputs, outputs []string, f *Graph) *Graph {
	var fn message
	fn.string(1, name)
	for _, in := range inputs {
		fn.string(4, in)
	}
	for _, out := range outputs {
		fn.string(5, out)
	}
	for rest := f.body; len(rest) > 0; { // the nodes are field 1 of a graph, 7 of a function
		_, n := binary.Uvarint(rest)
		size, k := binary.Uvarint(rest[n:])
		if rest[0] == 1<<3|bytesField {
			fn.embed(7, rest[n+k:n+k+int(size)])
		}
		rest = rest[n+k+int(size):]
	}
	fn.embed(9, f.opset("", f.version()))
	fn.string(10, domain)
	g.functions.embed(25, fn)
	return g
}

func (g *Graph) version() int {
	if g.Opset == 0 {
		return 17
	}
	return g.Opset
}

func (g *Graph) opset(domain string, version int) message {
	var o message
	if domain != "" {
		o.string(1, domain)
	}
	o.int(2, version)
	return o
}

// File is the ONNX file.
func (g *Graph) File() []byte {
	var model message
	model.int(1, 9) // IR version
	model.string(2, "sluice-onnxgen")
	model.embed(7, append(append(message(nil), g.body...), named("drawn")...))
	model.embed(8, g.opset("", g.version()))
	for domain, version := range g.Domains {
		model.embed(8, g.opset(domain, version))
	}
	return append(model, g.functions...)
}

// named is the name of a graph.
func named(name string) (m message) {
	m.string(2, name)
	return m
}

func (m *message) float(field int, v float32) {
	const fixed4 = 5
	m.key(field, fixed4)
	*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
}
