package oip

import (
	"time"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/oip/wire"
	"sluice/internal/origin"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Request is a decoded infer request besides its tensors, which are in the task. The
// zero value is ready. It keeps its memory over Reset and holds nothing of the body.
type Request struct {
	// ID is the request's id; empty if it has none.
	ID []byte
	// Outputs says how the response carries each output: one entry per schema output,
	// in schema order.
	Outputs []OutputChoice
	// Budget is the "timeout" parameter; 0 if there is none. Values beyond what a
	// Duration holds are cut to the longest.
	Budget time.Duration
	// Priority is the "priority" parameter: 1 is the highest, 0 means none was given.
	Priority uint64
	// Form is how the answer is to be written. The caller sets it, after Decode.
	Form wire.AnswerForm
	// Degraded says in the answer that its inputs are worse than they could have been. The caller sets it, after Decode.
	Degraded bool
	// Rung names in the answer what answers in the place of the model that was asked; empty if nothing does. The caller sets it,
	// after Decode.
	Rung string
	// Trail is told of in the answer; nil if it is not. The caller sets it, after Decode.
	Trail *origin.Trail

	scanner   wire.Scanner
	binaryAll bool    // outputs that are not listed come as binary
	dims      []int64 // shape of the input being read
	text      []byte  // the name being read
	elements  []byte  // BYTES elements of a raw request or a classification
	ranks     []ranked
}

// OutputChoice is how the response carries one output.
type OutputChoice struct {
	Wanted bool
	Binary bool
	// Classification is how many of the top classes are asked for instead of the
	// values; 0 for the values.
	Classification int

	classBytes int // of the classes in Request.elements
}

// Reset makes r ready for the next request and keeps its memory.
func (r *Request) Reset() {
	r.ID = wire.Trim(r.ID)
	r.Outputs = r.Outputs[:0]
	r.Budget, r.Priority, r.Form = 0, 0, wire.AnswerForm{}
	r.Degraded, r.Rung, r.Trail = false, "", nil
	r.binaryAll = false
	r.scanner.Stop()
	r.text = wire.Trim(r.text)
	r.elements = wire.Trim(r.elements)
	if cap(r.ranks) > maxRanks {
		r.ranks = nil
	}
}

// maxRanks bounds the classes that an idle request has room for.
const maxRanks = 1 << 16

// Decode reads a V2 infer request: headerLen bytes of JSON, then the binary data of
// the inputs that announce it. headerLen is -1 where the client sent no length (the
// body is all JSON) and 0 for a raw binary request; ParseHeaderLength gives it.
//
// It fills the task's Inputs, Rows, ShapeKey and Wanted, with the data in the
// task's arena. r must be new or Reset. model appears in error texts only.
func (r *Request) Decode(schema *tensor.Schema, model string, body []byte, headerLen int, lim *target.Limits, t *task.Task) error {
	d := decoder{Target: target.New(schema, model, lim, t), r: r, s: &r.scanner}
	if headerLen == 0 || len(body) == 0 {
		return d.raw(body)
	}
	header := body
	if headerLen > 0 {
		header, d.blobs = body[:headerLen], body[headerLen:]
		d.hasBlobs = true
	}
	d.s.Begin(wire.Request, header, d.Limits.MaxDepth)
	err := d.document()
	d.s.Stop()
	return err
}

// decoder is the state of one Decode.
type decoder struct {
	target.Target
	r        *Request
	s        *wire.Scanner
	blobs    []byte // binary data not taken yet
	hasBlobs bool   // the client told the header's length
	got      int    // entries of "inputs"
	required int    // of them, those that the model requires
}

// Keys of the request object, as bits.
const (
	keyID uint8 = 1 << iota
	keyParameters
	keyInputs
	keyOutputs
)

var topKeys = jsonscan.Names{"id", "parameters", "inputs", "outputs"}

func (d *decoder) document() error {
	s := d.s
	if s.Peek() != '{' {
		return s.NoObject()
	}
	o := s.Object(topKeys)
	for o.Next() {
		switch o.Bit {
		case keyID:
			o.Err = d.id()
		case keyParameters:
			o.Err = d.parameters()
		case keyInputs:
			o.Err = d.inputs()
		case keyOutputs:
			o.Err = d.outputs()
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
	if o.Seen&keyInputs == 0 && len(d.Schema.Inputs) > 0 {
		return fault.New(fault.InvalidInputs, "the request has no 'inputs'")
	}
	return d.finish()
}

// finish checks what only the whole request tells.
func (d *decoder) finish() error {
	if err := d.allInputs(); err != nil {
		return err
	}
	if len(d.blobs) > 0 {
		return fault.Newf(fault.BinarySizeMismatch, "unexpected additional input data for model '%s': %d bytes are left over", d.Model, len(d.blobs))
	}
	if err := d.chooseOutputs(); err != nil {
		return err
	}
	return d.Settle()
}

func (d *decoder) id() (err error) {
	if d.r.ID, err = d.s.Word(d.r.ID, "id", fault.InvalidParameter); err != nil {
		return err
	}
	if len(d.r.ID) > d.Limits.MaxIDBytes {
		return fault.Newf(fault.InvalidParameter, "'id' has %d bytes, more than the limit of %d", len(d.r.ID), d.Limits.MaxIDBytes)
	}
	for _, c := range d.r.ID {
		if c < 0x20 || c == 0x7f {
			return fault.New(fault.InvalidParameter, "'id' holds a control character")
		}
	}
	return nil
}
