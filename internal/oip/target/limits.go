package target

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
func DefaultLimits() Limits { return (*Limits)(nil).filled() }

// widest is the most entries of "inputs" that a model can raise the limit to.
const widest = 4096

// MostInputs is the most entries of "inputs" in a request to a model.
func (lim *Limits) MostInputs(schema *tensor.Schema) int {
	return max(lim.MaxInputs, min(len(schema.Inputs)+len(schema.Optional), widest))
}

// filled replaces zero fields by their defaults; lim may be nil.
func (lim *Limits) filled() (full Limits) {
	if lim != nil {
		full = *lim
	}
	or(&full.MaxElements, 64<<20)
	or(&full.MaxTensorBytes, 64<<20)
	or(&full.MaxDepth, 100)
	or(&full.MaxInputs, 64)
	or(&full.MaxOutputs, 64)
	or(&full.MaxIDBytes, 128)
	return full
}

func or[T int | int64](limit *T, standard T) {
	if *limit == 0 {
		*limit = standard
	}
}
