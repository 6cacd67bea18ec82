package wire

import "sluice/internal/tensor"

// LeastJSON is how many bytes a tensor's data has in JSON at least, so that most of what is too
// large is refused before it is written.
func LeastJSON(v *tensor.Tensor) int64 {
	elements, ok := tensor.Elements(v.Shape)
	if !ok || elements == 0 {
		return 0
	}
	least := len("0,")
	switch v.Type {
	case tensor.Bytes: // quotes and a comma in place of each length
		return int64(len(v.Data)) - elements - 1
	case tensor.FP32, tensor.FP64:
		least = len("0.0,")
	case tensor.Bool:
		least = len("true,")
	}
	return elements*int64(least) - 1
}

// UsualJSON is about what the values take in JSON, commas included. It is rarely too low: for floats of
// unusual length.
func UsualJSON(v *tensor.Tensor) int64 {
	n := ElementsIn(v)
	switch v.Type {
	case tensor.Bytes: // some characters are escaped, and an element's length makes room for quotes and a comma
		return int64(len(v.Data)) + int64(len(v.Data))/2
	case tensor.FP32:
		return 16 * n
	case tensor.FP64, tensor.Int64, tensor.Uint64:
		return 25 * n
	case tensor.Int32, tensor.Uint32:
		return 12 * n
	case tensor.Int16, tensor.Uint16:
		return 7 * n
	default:
		return 6 * n
	}
}

// ElementsIn counts the elements that the data holds, whatever the shape says; of strings, the most.
func ElementsIn(v *tensor.Tensor) int64 {
	if size := v.Type.Size(); size > 0 {
		return int64(len(v.Data) / size)
	}
	return int64(len(v.Data) / 4)
}
