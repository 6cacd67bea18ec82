package oip

import (
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
)

// Response is an infer answer as a client reads it. The zero value is ready. It is meant
// to be read into again and again: it keeps its memory, so that the steady state allocates
// nothing. It belongs to one goroutine at a time.
type Response struct {
	// ID is the answer's id; empty if it has none.
	ID []byte
	// Model and Version are what the server says that answered; either may be empty.
	Model, Version []byte
	// Outputs are in the answer's order. The data of an output that came as binary is part of
	// the body that was read, all else is valid until the next read.
	Outputs []tensor.Tensor

	scanner  scanner
	arena    tensor.Arena
	text     []byte
	dims     []int64
	elements []byte
	blobs    []byte
}

// ReadResponse reads the body of an answer with status 200: headerLen bytes of JSON, then
// the binary data of the outputs that announce it. headerLen is -1 where the answer has no
// Inference-Header-Content-Length; ParseHeaderLength gives it.
//
// Keys that nobody here knows are checked as JSON and ignored. It is strict in all that
// values depend on: types, shapes, the number of elements, and that no byte is left over.
// DefaultLimits bound it. After an error out holds nothing of use.
func ReadResponse(body []byte, headerLen int, out *Response) error {
	out.reset()
	header := body
	if headerLen >= 0 {
		if headerLen > len(body) {
			return fault.Newf(fault.BadBinaryHeader, "cannot read the answer: its header says %d bytes of JSON, and it has %d bytes", headerLen, len(body))
		}
		header, out.blobs = body[:headerLen], body[headerLen:]
	}
	out.scanner.source = fromAnswer
	out.scanner.start(header, DefaultLimits().MaxDepth)
	err := out.document()
	if err == nil && len(out.blobs) > 0 {
		err = fault.Newf(fault.BinarySizeMismatch, "%d bytes of binary data are left over", len(out.blobs))
	}
	out.scanner.Stop()
	out.blobs = nil
	if err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	return nil
}

func (r *Response) reset() {
	r.ID, r.Model, r.Version = r.ID[:0], r.Model[:0], r.Version[:0]
	// Names stay behind the slice's end: the next answer has the same ones.
	r.Outputs = r.Outputs[:0]
	r.arena.Reset()
	r.elements, r.text = trim(r.elements), trim(r.text)
}

// Keys of the answer's object, as bits.
const (
	answerID uint8 = 1 << iota
	answerModel
	answerVersion
	answerOutputs
)

func answerKey(key []byte) uint8 {
	switch string(key) {
	case "id":
		return answerID
	case "model_name":
		return answerModel
	case "model_version":
		return answerVersion
	case "outputs":
		return answerOutputs
	}
	return 0
}

func (r *Response) document() error {
	s := &r.scanner
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidRequest, "it is no JSON object")
	}
	o := s.Object(answerKey)
	for o.Next() {
		switch o.Bit {
		case answerID:
			r.ID, o.Err = s.word(r.ID, "id")
		case answerModel:
			r.Model, o.Err = s.word(r.Model, "model_name")
		case answerVersion:
			r.Version, o.Err = s.word(r.Version, "model_version")
		case answerOutputs:
			o.Err = r.outputs()
		default:
			o.Err = s.Skip()
		}
	}
	if o.Err != nil {
		return o.Err
	}
	if err := s.End(); err != nil {
		return err
	}
	if o.Seen&answerOutputs == 0 {
		return fault.New(fault.InvalidRequest, "it has no 'outputs'")
	}
	return nil
}

// word appends a string's content; null, which means the same as leaving the key out, is
// nothing.
func (s *scanner) word(dst []byte, key string) ([]byte, error) {
	switch s.Peek() {
	case 'n':
		return dst, s.Expect("null")
	case '"':
		raw, escaped, err := s.Text()
		if err != nil || !escaped {
			return append(dst, raw...), err
		}
		out, err := jsonscan.Unescape(dst, raw)
		if err != nil {
			return dst, err
		}
		return out, nil
	}
	return dst, s.Refuse(fault.InvalidRequest, "'%s' must be a string", key)
}

func (r *Response) outputs() error {
	s := &r.scanner
	if s.Peek() != '[' {
		return s.Refuse(fault.InvalidRequest, "'outputs' must be an array")
	}
	a := s.Array()
	for a.Next() {
		if len(r.Outputs) == DefaultLimits().MaxOutputs {
			return fault.Newf(fault.TooManyOutputs, "'outputs' has more than %d entries", len(r.Outputs))
		}
		a.Err = r.output()
	}
	return a.Err
}
