package complaint

import (
	"slices"
	"strings"
)

// phrases tells the kinds apart by what operators say; the first list that has a part of the
// text decides. So what is particular comes before what is general, and words that many
// operators use come last.
var phrases = []struct {
	kind  Kind
	parts []string
}{
	{Memory, []string{"bfcarena", "failed to allocate memory", "bad_alloc", "bad allocation", "out of memory", "cannot allocate memory"}},
	{Locale, []string{strings.ToLower(lacking)}},
	{Misfit, []string{strings.ToLower(provided), strings.ToLower(verification)}},
	{Length, []string{
		"sequence_lens", "sequence length", "'split'", "split size", "split_size_sum", "cannot be split", "starts and ends",
		"must have the same length", "pads tensor size", "pre-pad", "post-pad", "exceeds the supported maximum",
		"dft size", "length must be", "coefficients length",
	}},
	{Shape, []string{
		"cannot be reshaped", "broadcast", "at most one dimension can be -1", "shape.size() must be >= 0", "dimension mismatch",
		"mismatched dimensions", "dimensions must match", "dimension of input", "incompatible dimensions", "mismatch in dimension", "invalid rank",
		"invalid input shape",
	}},
	{Value, []string{
		"out of data bounds", "out of bounds", "out of range", "outside of range", "outside of the", "not in valid range", "invalid index",
		"invalid indice", "indices element", "index out", "invalid sequence index", "must be within", "must be in [", "division by zero",
		"divide by zero", "invalid utf", "unknown category", "not a number", "negative", "must be >= 0", "greater than 0", "greater than zero",
		"cannot be 0", "should not be greater than", "integer overflow",
	}},
	{Shape, []string{
		"shape", "dimension", "dims", "rank", "mismatch", "does not match", "must match", "channels", "batch size", "feature size",
	}},
}

// conversions are all that a cast from a string says when the string is no number, or one that
// its type does not hold: the function of the C++ library that refused it.
var conversions = []string{"stoi", "stol", "stoll", "stoul", "stoull", "stof", "stod", "stold"}

func classify(message string) Kind {
	text := strings.ToLower(strings.TrimSpace(message))
	if slices.Contains(conversions, text) {
		return Value
	}
	for _, list := range phrases {
		for _, part := range list.parts {
			if strings.Contains(text, part) {
				return list.kind
			}
		}
	}
	return Other
}

// lacking comes before the name of a locale, which a colon ends.
const lacking = "Failed to construct locale with name:"

// How the library says, from 1.27 on and before, that an output does not fit its memory.
const (
	provided     = "OrtValue provided for output '"
	verification = "OrtValue shape verification failed"
)

// readMisfit finds the output and both shapes.
func (e *Error) readMisfit(message string) {
	if _, rest, ok := strings.Cut(message, provided); ok {
		e.Output, _, _ = strings.Cut(rest, "' of node '")
	}
	e.Declared, e.Got = shapeAfter(message, "has shape {", "Current shape:{"), shapeAfter(message, "for this run is {", "Requested shape:{")
}

// shapeAfter is the shape that follows the first of the marks that is there.
func shapeAfter(text string, marks ...string) string {
	for _, mark := range marks {
		if _, rest, ok := strings.Cut(text, mark); ok {
			if shape, _, ok := strings.Cut(rest, "}"); ok {
				return "[" + shape + "]"
			}
		}
	}
	return "[?]"
}
