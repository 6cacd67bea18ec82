package onnxfile

import (
	"fmt"
	"math/bits"
	"strings"
)

// Files that protobuf may read in another way than this package. Protobuf skips a field of
// an unexpected wire type, takes the last of repeated scalars, merges repeated messages,
// and cuts numbers to their types. No exporter relies on that, so that such files are told
// apart instead of being read in all these ways.

// schema is what a message may hold, by the field numbers of onnx.proto3.
type schema struct {
	name   string
	fields map[int]rule
	// choice are the fields of which a message has one at most, as bits.
	choice uint32
}

// rule is what a field is.
type rule struct {
	wire   int // of one value
	list   bool
	short  bool    // a whole number of 32 bits
	within *schema // of messages that are looked into
}

var (
	whole = rule{wire: wireVarint}
	short = rule{wire: wireVarint, short: true}
	bytes = rule{wire: wireBytes}

	wholes  = rule{wire: wireVarint, list: true}
	shorts  = rule{wire: wireVarint, list: true}
	floats  = rule{wire: wireFixed4, list: true}
	doubles = rule{wire: wireFixed8, list: true}
	many    = rule{wire: wireBytes, list: true}
)

func one(s *schema) rule    { return rule{wire: wireBytes, within: s} }
func manyOf(s *schema) rule { return rule{wire: wireBytes, within: s, list: true} }

// file is the schema of ModelProto.
var file = func() *schema {
	opset := &schema{name: "a version of operators", fields: map[int]rule{1: bytes, 2: whole}}
	entry := &schema{name: "an entry", fields: map[int]rule{1: bytes, 2: bytes}}
	tensor := &schema{name: "a tensor", fields: map[int]rule{
		1: wholes, 2: short, 3: bytes, 4: floats, 5: shorts, 6: many, 7: wholes, 8: bytes, 9: bytes, 10: doubles, 11: wholes,
		12: bytes, 13: manyOf(entry), 14: short, 16: many,
	}}
	sparse := &schema{name: "a sparse tensor", fields: map[int]rule{1: one(tensor), 2: one(tensor), 3: wholes}}
	dimension := &schema{name: "a dimension", fields: map[int]rule{1: whole, 2: bytes, 3: bytes}, choice: 1<<1 | 1<<2}
	shape := &schema{name: "a shape", fields: map[int]rule{1: manyOf(dimension)}}
	kind := &schema{name: "a type", choice: 1<<1 | 1<<4 | 1<<5 | 1<<7 | 1<<8 | 1<<9}
	ofTensor := &schema{name: "a type", fields: map[int]rule{1: short, 2: one(shape)}}
	ofOther := &schema{name: "a type", fields: map[int]rule{1: one(kind)}}
	ofMap := &schema{name: "a type", fields: map[int]rule{1: short, 2: one(kind)}}
	kind.fields = map[int]rule{1: one(ofTensor), 4: one(ofOther), 5: one(ofMap), 6: bytes, 7: bytes, 8: one(ofTensor), 9: one(ofOther)}
	value := &schema{name: "an input or output", fields: map[int]rule{1: bytes, 2: one(kind), 3: bytes, 4: many}}
	graph, node, attribute := &schema{name: "a graph"}, &schema{name: "a node"}, &schema{name: "an attribute", choice: valueFields}
	attribute.fields = map[int]rule{
		1: bytes, 2: {wire: wireFixed4}, 3: whole, 4: bytes, 5: one(tensor), 6: one(graph), 7: floats, 8: wholes, 9: many,
		10: many, 11: many, 13: bytes, 14: bytes, 15: many, 20: short, 21: bytes, 22: bytes, 23: many,
	}
	node.fields = map[int]rule{1: many, 2: many, 3: bytes, 4: bytes, 5: manyOf(attribute), 6: bytes, 7: bytes, 8: bytes, 9: many, 10: many}
	graph.fields = map[int]rule{
		1: manyOf(node), 2: bytes, 5: manyOf(tensor), 10: bytes, 11: manyOf(value), 12: manyOf(value), 13: many, 14: many,
		15: manyOf(sparse), 16: many,
	}
	function := &schema{name: "a function", fields: map[int]rule{
		1: bytes, 4: many, 5: many, 6: many, 7: manyOf(node), 8: bytes, 9: manyOf(opset), 10: bytes, 11: manyOf(attribute),
		12: many, 13: bytes, 14: many,
	}}
	return &schema{name: "the file", fields: map[int]rule{
		1: whole, 2: bytes, 3: bytes, 4: bytes, 5: whole, 6: bytes, 7: one(graph), 8: manyOf(opset), 14: manyOf(entry), 20: many,
		25: manyOf(function), 26: many,
	}}
}()

// valueFields are those of an attribute that hold its value, as bits.
const valueFields = 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<14 | 1<<15 | 1<<22 | 1<<23

// maxOddDepth is more than a file that was read has messages in one another.
const maxOddDepth = 8 * maxGraphDepth

// oddIn says what is unusual about a message; "" if nothing is.
func oddIn(message []byte, s *schema, depth int) (odd string) {
	if depth > maxOddDepth {
		return "its messages are nested too deeply"
	}
	seen := uint32(0)
	err := walk(message, func(f field) error {
		r, known := s.fields[f.id]
		if !known || odd != "" {
			return nil
		}
		bit := uint32(1) << f.id
		switch {
		case f.wire != r.wire && !(r.list && f.wire == wireBytes):
			odd = fmt.Sprintf("field %d of %s has wire type %d", f.id, s.name, f.wire)
		case !r.list && seen&bit != 0:
			odd = fmt.Sprintf("%s has field %d twice", s.name, f.id)
		case r.short && int64(f.number) != int64(int32(f.number)):
			odd = fmt.Sprintf("field %d of %s has more than 32 bits", f.id, s.name)
		case r.within != nil:
			odd = oddIn(f.data, r.within, depth+1)
		}
		seen |= bit
		return nil
	})
	switch {
	case err != nil:
		return err.Error()
	case odd == "" && bits.OnesCount32(seen&s.choice) > 1:
		return s.name + " has two values"
	}
	return odd
}

// fieldOfType is the field that holds an attribute's value, by the attribute's type.
var fieldOfType = map[uint64]int{
	1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 9: 10, 10: 11, 11: 22, 12: 23, 13: 14, 14: 15,
}

// oddAttribute says what is unusual about the value of an attribute: ONNX Runtime asks for
// the type, and for the value that belongs to it.
func oddAttribute(message []byte, refers bool) string {
	kind, values := uint64(0), uint32(0)
	_ = walk(message, func(f field) error {
		if f.id == 20 {
			kind = f.number
		}
		if bit := uint32(1) << f.id; f.id < 32 && bit&valueFields != 0 {
			values |= bit
		}
		return nil
	})
	id, known := fieldOfType[kind]
	switch {
	case !known:
		return fmt.Sprintf("an attribute has the type %d", kind)
	case values&^(1<<id) != 0:
		return "an attribute has a value of another type than its own"
	case refers && values != 0:
		return "an attribute has a value and refers to another"
	}
	return ""
}

// oddNames looks for attributes of one name, and for an operator whose name could be taken
// for one of another domain.
func (r *programReader) oddNames(n *Node) {
	if key := n.Key(); strings.Contains(key.Name, ".") {
		r.odd("the name of the operator %q has a dot", clip(key.Name))
	}
	if len(n.Attributes) < 2 {
		return
	}
	seen := make(map[string]bool, len(n.Attributes))
	for _, a := range n.Attributes {
		if seen[a.Name] {
			r.odd("the attribute %q is given twice", clip(a.Name))
		}
		seen[a.Name] = true
	}
}
