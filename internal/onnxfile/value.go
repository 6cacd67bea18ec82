package onnxfile

import (
	"fmt"

	"sluice/internal/tensor"
)

// Kind is the shape of a value's type.
type Kind uint8

// The kinds of values that a graph may take or give.
const (
	KindUnknown Kind = iota
	KindTensor
	KindSequence
	KindMap
	KindOptional
	KindSparse
	KindOpaque
)

var kindNames = [...]string{"a value of unknown type", "a tensor", "a sequence", "a map", "an optional", "a sparse tensor", "an opaque value"}

// String names the kind for messages, with its article.
func (k Kind) String() string { return kindNames[k] }

// Dim is one dimension: a size, a name, or neither.
type Dim struct {
	Size  int64 // -1: free
	Param string
}

// Type is a value's type. Element is set for tensors, Key for maps, Of for
// sequences, optionals and maps.
type Type struct {
	Kind    Kind
	Element int64 // ONNX's number
	Key     int64
	Ranked  bool // the file gives a shape
	Dims    []Dim
	Of      *Type
}

// Value is an input or output of the graph.
type Value struct {
	Name string
	Type Type
}

const (
	maxTypeDepth = 8
	maxRank      = 64
)

func value(message []byte) (v Value, err error) {
	err = walk(message, func(f field) error {
		switch f.id {
		case 1:
			v.Name = string(f.data)
		case 2:
			return v.Type.read(f.data, 0)
		}
		return nil
	})
	if err != nil {
		return v, fmt.Errorf("value %q: %w", clip(v.Name), err)
	}
	return v, nil
}

func (t *Type) read(message []byte, depth int) error {
	if depth > maxTypeDepth {
		return fmt.Errorf("types are nested deeper than %d", maxTypeDepth)
	}
	return walk(message, func(f field) error {
		switch f.id {
		case 1:
			t.Kind = KindTensor
			return t.readTensor(f.data)
		case 4, 9:
			t.Kind = KindSequence
			if f.id == 9 {
				t.Kind = KindOptional
			}
			return walk(f.data, func(f field) error {
				if f.id == 1 {
					t.Of = &Type{}
					return t.Of.read(f.data, depth+1)
				}
				return nil
			})
		case 5:
			t.Kind = KindMap
			return walk(f.data, func(f field) error {
				switch f.id {
				case 1:
					t.Key = int64(f.number)
				case 2:
					t.Of = &Type{}
					return t.Of.read(f.data, depth+1)
				}
				return nil
			})
		case 7:
			t.Kind = KindOpaque
		case 8:
			t.Kind = KindSparse
		}
		return nil
	})
}

func (t *Type) readTensor(message []byte) error {
	return walk(message, func(f field) error {
		switch f.id {
		case 1:
			t.Element = int64(f.number)
		case 2:
			t.Ranked = true
			return walk(f.data, func(f field) error {
				if f.id != 1 {
					return nil
				}
				if len(t.Dims) >= maxRank {
					return fmt.Errorf("more than %d dimensions", maxRank)
				}
				d, err := dim(f.data)
				t.Dims = append(t.Dims, d)
				return err
			})
		}
		return nil
	})
}

// dim reads a dimension. Some exporters write a negative size for a free one.
func dim(message []byte) (Dim, error) {
	d := Dim{Size: -1}
	err := walk(message, func(f field) error {
		switch f.id {
		case 1:
			d.Size, d.Param = max(int64(f.number), -1), ""
		case 2:
			d.Size, d.Param = -1, string(f.data)
		}
		return nil
	})
	return d, err
}

// elements maps ONNX's numbers of element types.
var elements = map[int64]tensor.DataType{
	1: tensor.FP32, 2: tensor.Uint8, 3: tensor.Int8, 4: tensor.Uint16, 5: tensor.Int16, 6: tensor.Int32, 7: tensor.Int64,
	8: tensor.Bytes, 9: tensor.Bool, 10: tensor.FP16, 11: tensor.FP64, 12: tensor.Uint32, 13: tensor.Uint64, 16: tensor.BF16,
}

var otherElements = map[int64]string{
	0: "undefined", 14: "complex64", 15: "complex128", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2",
	20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1",
}

func elementName(n int64) string {
	if d, ok := elements[n]; ok {
		return d.String()
	}
	if name, ok := otherElements[n]; ok {
		return name
	}
	return fmt.Sprintf("number %d", n)
}
