package oip

import (
	"time"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
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
	Form AnswerForm

	scanner   scanner
	binaryAll bool    // outputs that are not listed come as binary
	dims      []int64 // shape of the input being read
	text      []byte  // strings without their escapes
	elements  []byte  // BYTES elements on their way to an arena or from a classification
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
	r.ID = trim(r.ID)
	r.Outputs = r.Outputs[:0]
	r.Budget, r.Priority, r.Form = 0, 0, AnswerForm{}
	r.binaryAll = false
	r.scanner.Stop()
	r.text = trim(r.text)
	r.elements = trim(r.elements)
	if cap(r.ranks) > maxKept/16 {
		r.ranks = nil
	}
}

// maxKept bounds the scratch memory that an idle request holds on to.
const maxKept = 1 << 20

func trim(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}

// Decode reads a V2 infer request: headerLen bytes of JSON, then the binary data of
// the inputs that announce it. headerLen is -1 where the client sent no length (the
// body is all JSON) and 0 for a raw binary request; ParseHeaderLength gives it.
//
// It fills the task's Inputs, Rows, ShapeKey and Wanted, with the data in the
// task's arena. r must be new or Reset. model appears in error texts only.
func (r *Request) Decode(schema *tensor.Schema, model string, body []byte, headerLen int, lim *Limits, t *task.Task) error {
	d := decoder{target: target{schema, model, lim.filled(), t}, r: r, s: &r.scanner}
	reserveInputs(t, len(schema.Inputs))
	if headerLen == 0 || len(body) == 0 {
		return d.raw(body)
	}
	header := body
	if headerLen > 0 {
		header, d.blobs = body[:headerLen], body[headerLen:]
		d.hasBlobs = true
	}
	d.s.start(header, d.lim.MaxDepth)
	err := d.document()
	d.s.Stop()
	return err
}

// decoder is the state of one Decode.
type decoder struct {
	target
	r        *Request
	s        *scanner
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

func topKey(key []byte) uint8 {
	switch string(key) {
	case "id":
		return keyID
	case "parameters":
		return keyParameters
	case "inputs":
		return keyInputs
	case "outputs":
		return keyOutputs
	}
	return 0
}

func (d *decoder) document() error {
	s := d.s
	if s.Peek() != '{' {
		return noObject(s)
	}
	o := s.Object(topKey)
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
	if o.Seen&keyInputs == 0 && len(d.schema.Inputs) > 0 {
		return fault.New(fault.InvalidInputs, "the request has no 'inputs'")
	}
	return d.finish()
}

// noObject tells a document of the wrong kind from one that is not JSON.
func noObject(s *scanner) error {
	if err := s.Skip(); err != nil {
		return err
	}
	if err := s.End(); err != nil {
		return err
	}
	return fault.New(fault.InvalidRequest, "the request must be a JSON object")
}

// finish checks what only the whole request tells.
func (d *decoder) finish() error {
	if err := d.allInputs(); err != nil {
		return err
	}
	if len(d.blobs) > 0 {
		return fault.Newf(fault.BinarySizeMismatch, "unexpected additional input data for model '%s': %d bytes are left over", d.model, len(d.blobs))
	}
	if err := d.chooseOutputs(); err != nil {
		return err
	}
	return d.settle()
}

func (d *decoder) id() error {
	s := d.s
	switch s.Peek() {
	case 'n':
		return s.Expect("null")
	case '"':
	default:
		return s.Refuse(fault.InvalidParameter, "'id' must be a string")
	}
	raw, escaped, err := s.Text()
	if err != nil {
		return err
	}
	if escaped {
		if d.r.ID, err = jsonscan.Unescape(d.r.ID[:0], raw); err != nil {
			return err
		}
	} else {
		d.r.ID = append(d.r.ID[:0], raw...)
	}
	if len(d.r.ID) > d.lim.MaxIDBytes {
		return fault.Newf(fault.InvalidParameter, "'id' has %d bytes, more than the limit of %d", len(d.r.ID), d.lim.MaxIDBytes)
	}
	for _, c := range d.r.ID {
		if c < 0x20 || c == 0x7f {
			return fault.New(fault.InvalidParameter, "'id' holds a control character")
		}
	}
	return nil
}
