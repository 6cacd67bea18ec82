package oip

import (
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Estimates of an answer's size, so that memory for it can be counted before it is taken, and taken
// once. They are rarely too low: for floats of unusual length, and for long labels.

// EstimateResponse is about how many bytes AppendResponse will append.
func (r *Request) EstimateResponse(model string, t *task.Task) int64 {
	n := int64(64 + 6*(len(r.ID)+len(model)))
	for k := range r.Outputs {
		choice := &r.Outputs[k]
		if !choice.Wanted || k >= len(t.Outputs) {
			continue
		}
		v := &t.Outputs[k]
		n += int64(96 + 6*len(v.Name) + 21*len(v.Shape))
		switch {
		case choice.Classification > 0:
			const class = 64 // value:index:label
			n += class * min(int64(choice.Classification)*max(rowsOf(v), 1), elementsIn(v))
		case choice.Binary:
			n += int64(len(v.Data))
		default:
			n += valuesIn(v)
		}
	}
	return n
}

// EstimateResponse is about how many bytes AppendResponse will append.
func (r *V1Request) EstimateResponse(schema *tensor.Schema, t *task.Task) int64 {
	n := int64(64)
	for k := range t.Outputs {
		v := &t.Outputs[k]
		lists := elementsIn(v)
		for i, size := len(v.Shape)-1, lists; i >= 0 && v.Shape[i] > 0; i-- {
			size /= v.Shape[i]
			n += 3 * size // brackets and a comma
		}
		values := valuesIn(v)
		if r.Row && k < len(schema.Outputs) && repeats(schema, v, k) {
			values *= int64(max(t.Rows, 1))
		}
		n += values + int64(max(t.Rows, 1))*int64(6*len(v.Name)+8)
	}
	return n
}

// elementsIn counts the elements that the data holds, whatever the shape says; of strings, the most.
func elementsIn(v *tensor.Tensor) int64 {
	if size := v.Type.Size(); size > 0 {
		return int64(len(v.Data) / size)
	}
	return int64(len(v.Data) / 4)
}

func rowsOf(v *tensor.Tensor) int64 {
	if len(v.Shape) == 0 {
		return 1
	}
	return v.Shape[0]
}

// valuesIn is about what the values take in JSON, commas included.
func valuesIn(v *tensor.Tensor) int64 {
	n := elementsIn(v)
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
