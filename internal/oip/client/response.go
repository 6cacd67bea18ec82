package client

import (
	"bytes"
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/oip/wire"
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
	// the body that was read, but for BOOL; all else is valid until the next read.
	Outputs []tensor.Tensor
	// Features are what the answer's parameters say of filled columns, if it was asked to (Sluice-Explain). They are valid until the
	// next read.
	Features []Feature

	scanner wire.Scanner
	arena   tensor.Arena
	text    []byte
	dims    []int64
	blobs   []byte
	told    []byte // the texts of Features
}

// Feature is where the values of a filled column come from: Column is INPUT.FEATURE, Runs such as cached*180,missing.
type Feature struct{ Column, Runs []byte }

// limits bound an answer.
var limits = target.DefaultLimits()

// ReadResponse reads the body of an answer with status 200: headerLen bytes of JSON, then
// the binary data of the outputs that announce it. headerLen is -1 where the answer has no
// Inference-Header-Content-Length; oip.ParseHeaderLength gives it.
//
// Keys that nobody here knows are checked as JSON and ignored. It is strict in all that
// values depend on: types, shapes, the number of elements, and that no byte is left over.
// target.DefaultLimits bound it. After an error out holds nothing of use.
func ReadResponse(body []byte, headerLen int, out *Response) error {
	out.reset()
	header := body
	if headerLen >= 0 {
		if headerLen > len(body) {
			return fault.Newf(fault.BadBinaryHeader, "cannot read the answer: its header says %d bytes of JSON, and it has %d bytes", headerLen, len(body))
		}
		header, out.blobs = body[:headerLen], body[headerLen:]
	}
	out.scanner.Begin(wire.Answer, header, limits.MaxDepth)
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
	r.Outputs, r.Features = r.Outputs[:0], r.Features[:0]
	r.told = wire.Trim(r.told)
	r.arena.Reset()
	r.text = wire.Trim(r.text)
}

// Keys of the answer's object, as bits.
const (
	keyID uint8 = 1 << iota
	keyModel
	keyVersion
	keyOutputs
	keyParameters
)

var topKeys = jsonscan.Names{"id", "model_name", "model_version", "outputs", "parameters"}

func (r *Response) document() error {
	s := &r.scanner
	if s.Peek() != '{' {
		return s.Refuse(fault.InvalidRequest, "it is no JSON object")
	}
	o := s.Object(topKeys)
	for o.Next() {
		switch o.Bit {
		case keyID:
			r.ID, o.Err = s.Word(r.ID, "id", fault.InvalidRequest)
		case keyModel:
			r.Model, o.Err = s.Word(r.Model, "model_name", fault.InvalidRequest)
		case keyVersion:
			r.Version, o.Err = s.Word(r.Version, "model_version", fault.InvalidRequest)
		case keyOutputs:
			o.Err = r.outputs()
		case keyParameters:
			o.Err = r.parameters()
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
	if o.Seen&keyOutputs == 0 {
		return fault.New(fault.InvalidRequest, "it has no 'outputs'")
	}
	return nil
}

// featurePrefix is how the parameters of filled columns begin.
const featurePrefix = "features."

// parameters reads those of the answer. Whatever is none of a filled column is ignored.
func (r *Response) parameters() error {
	s := &r.scanner
	if s.Peek() != '{' {
		return s.Skip()
	}
	o := s.Object(nil)
	for o.Next() {
		column, of := bytes.CutPrefix(o.Key, []byte(featurePrefix))
		if !of || s.Peek() != '"' {
			o.Err = s.Skip()
			continue
		}
		at := len(r.told)
		r.told = append(r.told, column...)
		end := len(r.told)
		if r.told, o.Err = s.AppendText(r.told); o.Err == nil {
			r.Features = append(r.Features, Feature{r.told[at:end:end], r.told[end:len(r.told):len(r.told)]})
		}
	}
	return o.Err
}

func (r *Response) outputs() error {
	s := &r.scanner
	if s.Peek() != '[' {
		return s.Refuse(fault.InvalidRequest, "'outputs' must be an array")
	}
	a := s.Array()
	for a.Next() {
		if len(r.Outputs) == limits.MaxOutputs {
			return fault.Newf(fault.TooManyOutputs, "'outputs' has more than %d entries", len(r.Outputs))
		}
		a.Err = r.output()
	}
	return a.Err
}
