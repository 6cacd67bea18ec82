package oip

import (
	"sluice/internal/memory"
	"sluice/internal/tensor"
)

// Limits bound what one request may ask for. A zero field means its default.
type Limits struct {
	// MaxElements is the most elements of one tensor; default 67,108,864.
	MaxElements int64
	// MaxTensorBytes is the most bytes of one tensor; default 64 MiB.
	MaxTensorBytes int64
	// MaxDepth is the deepest nesting of the JSON, its outermost object being 1;
	// default 100.
	MaxDepth int
	// MaxInputs is the most entries of "inputs"; default 64. A model that takes more raises it
	// for its own requests, up to 4096.
	MaxInputs int
	// MaxOutputs is the most entries of "outputs"; default 64.
	MaxOutputs int
	// MaxIDBytes is the longest request id; default 128.
	MaxIDBytes int
	// Inputs bounds the memory of the inputs of all requests; nil if nothing does.
	Inputs *memory.Budget
}

// DefaultLimits returns the limits that zero fields stand for.
func DefaultLimits() Limits {
	return Limits{
		MaxElements:    64 << 20,
		MaxTensorBytes: 64 << 20,
		MaxDepth:       100,
		MaxInputs:      64,
		MaxOutputs:     64,
		MaxIDBytes:     128,
	}
}

// widest is the most entries of "inputs" that a model can raise the limit to.
const widest = 4096

// mostInputs is the most entries of "inputs" in a request to a model.
func (lim *Limits) mostInputs(schema *tensor.Schema) int {
	return max(lim.MaxInputs, min(len(schema.Inputs)+len(schema.Optional), widest))
}

// filled replaces zero fields by their defaults; lim may be nil.
func (lim *Limits) filled() Limits {
	d := DefaultLimits()
	if lim == nil {
		return d
	}
	return Limits{
		MaxElements:    or(lim.MaxElements, d.MaxElements),
		MaxTensorBytes: or(lim.MaxTensorBytes, d.MaxTensorBytes),
		MaxDepth:       or(lim.MaxDepth, d.MaxDepth),
		MaxInputs:      or(lim.MaxInputs, d.MaxInputs),
		MaxOutputs:     or(lim.MaxOutputs, d.MaxOutputs),
		MaxIDBytes:     or(lim.MaxIDBytes, d.MaxIDBytes),
		Inputs:         lim.Inputs,
	}
}

func or[T int | int64](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}
