package oip

import (
	"errors"
	"math"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
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

// writing is an AnswerForm while values are appended.
type writing struct {
	nulls bool
	end   int // of dst
}

// unbounded writes the usual form, of any size.
var unbounded = writing{end: math.MaxInt}

// writing is the form of an answer that starts at a length of dst.
func (f *AnswerForm) writing(start int) writing {
	w := writing{nulls: f.NullNonFinite, end: math.MaxInt}
	if f.MaxBytes > 0 {
		w.end = start + int(f.MaxBytes)
	}
	return w
}

// exceeds reports whether an answer has more bytes than it may have.
func (f *AnswerForm) exceeds(bytes int64) bool { return f.MaxBytes > 0 && bytes > f.MaxBytes }

// errFull says that writing has come to its end.
var errFull = errors.New("BUG: an answer above its limit was not turned into a fault")

// fault is the fault of an answer that would be larger than it may be.
func (f *AnswerForm) fault(text string, args ...any) error {
	return fault.Newf(fault.AnswerTooLarge, "the answer is larger than %d bytes, the limit of limits.max_answer_bytes"+text, append([]any{f.MaxBytes}, args...)...)
}

// leastJSON is how many bytes a tensor's data has in JSON at least, so that most of what is too
// large is refused before it is written.
func leastJSON(v *tensor.Tensor) int64 {
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

// nonFiniteAt reports whether the float that data begins with is NaN or infinite.
func nonFiniteAt(kind tensor.DataType, data []byte) bool {
	switch kind {
	case tensor.FP32:
		const exponent = 0xff << 23
		return unsignedAt(tensor.Uint32, data)&exponent == exponent
	case tensor.FP64:
		const exponent = 0x7ff << 52
		return unsignedAt(tensor.Uint64, data)&exponent == exponent
	}
	return false
}

// measure refuses an answer that is too large for its limit as soon as byte lengths and shapes
// tell.
func (r *Request) measure(t *task.Task) error {
	if r.Form.MaxBytes == 0 {
		return nil
	}
	total := int64(0)
	for k := range r.Outputs {
		switch choice := &r.Outputs[k]; {
		case !choice.Wanted || choice.Classification > 0 || k >= len(t.Outputs):
		case choice.Binary:
			total += int64(len(t.Outputs[k].Data))
		default:
			total += leastJSON(&t.Outputs[k])
		}
	}
	if r.Form.exceeds(total) {
		return r.tooLarge(t)
	}
	return nil
}

// tooLarge is the fault of an answer above the limit. It says what the tensors take as binary
// data, where the client has not asked for all of them so.
func (r *Request) tooLarge(t *task.Task) error {
	bytes, binary, json, classes := int64(0), false, false, false
	for k := range r.Outputs {
		switch choice := &r.Outputs[k]; {
		case !choice.Wanted || k >= len(t.Outputs):
		case choice.Classification > 0:
			classes = true
		default:
			bytes += int64(len(t.Outputs[k].Data))
			binary, json = binary || choice.Binary, json || !choice.Binary
		}
	}
	text := ""
	if classes {
		text = "; fewer classes (\"classification\") take fewer bytes"
	}
	switch {
	case json:
		return r.Form.fault("; as binary data (\"binary_data\": true) its tensors take %d bytes"+text, bytes)
	case binary:
		return r.Form.fault(": its tensors take %d bytes"+text, bytes)
	}
	return r.Form.fault(text)
}

// tooLarge is the fault of an answer above the limit.
func (r *V1Request) tooLarge(t *task.Task) error {
	bytes := int64(0)
	for k := range t.Outputs {
		bytes += int64(len(t.Outputs[k].Data))
	}
	return r.Form.fault("; the V2 protocol carries its tensors as binary data in %d bytes", bytes)
}
