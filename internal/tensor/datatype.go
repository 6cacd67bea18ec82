package tensor

// DataType is an element type of the Open Inference Protocol.
type DataType uint8

// The protocol's element types. Bytes elements have no fixed size.
const (
	Invalid DataType = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	FP16
	BF16
	FP32
	FP64
	Bytes
)

// DataTypes lists every valid element type.
var DataTypes = []DataType{Bool, Uint8, Uint16, Uint32, Uint64, Int8, Int16, Int32, Int64, FP16, BF16, FP32, FP64, Bytes}

var typeNames = [...]string{"INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32", "FP64", "BYTES"}

var typeSizes = [...]int{0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 0}

// String returns the protocol's name, such as FP32.
func (d DataType) String() string {
	if int(d) < len(typeNames) {
		return typeNames[d]
	}
	return typeNames[Invalid]
}

// Size is the bytes of one element; 0 for Bytes, whose elements vary.
func (d DataType) Size() int {
	if int(d) < len(typeSizes) {
		return typeSizes[d]
	}
	return 0
}

// Unsigned reports whether the elements are integers from 0 on.
func (d DataType) Unsigned() bool { return d >= Uint8 && d <= Uint64 }

// Integer reports whether the elements are integers; booleans are none.
func (d DataType) Integer() bool { return d >= Uint8 && d <= Int64 }

// ParseDataType finds a type by its protocol name (case-sensitive) without
// allocating; Invalid if there is none.
func ParseDataType(name []byte) DataType {
	for i := 1; i < len(typeNames); i++ {
		if string(name) == typeNames[i] {
			return DataType(i)
		}
	}
	return Invalid
}
