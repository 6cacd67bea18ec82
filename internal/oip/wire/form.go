package wire

import (
	"errors"
	"math"

	"sluice/internal/fault"
)

// AnswerForm is how an answer is to be written, besides what the request's body says of it. The
// zero value is the protocol's usual form, of any size.
type AnswerForm struct {
	// NullNonFinite writes null for NaN and the infinities, for which JSON has no words, in
	// place of the bare tokens. Binary data and classes, which are strings, keep them.
	NullNonFinite bool
	// MaxBytes is the most bytes of an answer; 0 means no limit. Binary data is measured before
	// anything is written; JSON is written up to the limit.
	MaxBytes int64
}

// Writing is an AnswerForm while values are appended.
type Writing struct {
	// End is the length of dst at which writing stops with ErrFull.
	End   int
	nulls bool
}

// Unbounded writes the usual form, of any size.
var Unbounded = Writing{End: math.MaxInt}

// Writing is the form of an answer that starts at a length of dst.
func (f *AnswerForm) Writing(start int) Writing {
	w := Writing{nulls: f.NullNonFinite, End: math.MaxInt}
	if f.MaxBytes > 0 {
		w.End = start + int(f.MaxBytes)
	}
	return w
}

// Exceeds reports whether an answer has more bytes than it may have.
func (f *AnswerForm) Exceeds(bytes int64) bool { return f.MaxBytes > 0 && bytes > f.MaxBytes }

// ErrFull says that writing has come to its end.
var ErrFull = errors.New("BUG: an answer above its limit was not turned into a fault")

// Fault is the fault of an answer that would be larger than it may be.
func (f *AnswerForm) Fault(text string, args ...any) error {
	return fault.Newf(fault.AnswerTooLarge, "the answer is larger than %d bytes, the limit of limits.max_answer_bytes"+text, append([]any{f.MaxBytes}, args...)...)
}
