package v1

import (
	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/oip/wire"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Request is a decoded V1 predict request besides its tensors. The zero value is
// ready. It keeps its memory over Reset and holds nothing of the body.
type Request struct {
	// Row is true for "instances", whose answer is "predictions" by row, and false for
	// "inputs", whose answer is "outputs" by tensor.
	Row bool
	// Form is how the answer is to be written. The caller sets it, after Decode.
	Form wire.AnswerForm
	// Told is what the answer says of filled inputs, under a key that the format itself does not have. The caller sets it, after Decode.
	Told wire.Told

	scanner wire.Scanner
	columns []column // one per input that a request may give
	nest    nesting
	text    []byte
	// remaining is what is still to be written of each output.
	remaining [][]byte
	out       wire.Writing
	// shown and dims are the outputs with the shapes that answers have.
	shown []tensor.Tensor
	dims  []int64
}

// column is one input while its values come in, row by row or at once.
type column struct {
	given bool // in the row that is being read
	was   bool // in row 0
	data  []byte
	// counted is how much of data's capacity the task has claimed.
	counted int
	shape   []int64 // of one element of "instances", or of the tensor
}

// Reset makes r ready for the next request and keeps its memory.
func (r *Request) Reset() {
	r.Row, r.Form, r.Told = false, wire.AnswerForm{}, wire.Told{}
	r.scanner.Stop()
	r.text = wire.Trim(r.text)
	for i := range r.columns {
		c := &r.columns[i]
		c.given, c.was, c.data, c.shape = false, false, wire.Trim(c.data), c.shape[:0]
		c.counted = cap(c.data) // it was counted when it was taken, and is nobody's now
	}
}

// Decode reads a V1 predict request and fills the task as V2's Decode does. r must
// be new or Reset. model appears in error texts only.
func (r *Request) Decode(schema *tensor.Schema, model string, body []byte, lim *target.Limits, t *task.Task) error {
	r.Reset()
	for len(r.columns) < len(schema.Inputs)+len(schema.Optional) {
		r.columns = append(r.columns, column{})
	}
	d := decoder{target.New(schema, model, lim, t), r, &r.scanner, -1}
	if err := d.supported(); err != nil {
		return err
	}
	d.s.Begin(wire.Request, body, d.Limits.MaxDepth)
	err := d.document()
	d.s.Stop()
	if err != nil {
		return err
	}
	for k := range schema.Outputs {
		t.Wanted |= 1 << uint(k)
	}
	return d.Settle()
}

// decoder is the state of one Decode.
type decoder struct {
	target.Target
	r *Request
	s *wire.Scanner
	// row is that of the object with inputs that is being read, 0 for the one of "inputs"; -1
	// if values come without names.
	row int64
}

// supported refuses models whose tensors have no JSON form.
func (d *decoder) supported() error {
	for _, list := range [2][]tensor.Spec{d.Schema.Inputs, d.Schema.Outputs} {
		for i := range list {
			if list[i].MayMiss() {
				continue // a request may do without
			}
			if err := d.carries(&list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// carries refuses a tensor that has no JSON form.
func (d *decoder) carries(spec *tensor.Spec) error {
	if spec.Type.Half() {
		return fault.Newf(fault.Unsupported, "tensor '%s' of model '%s' is %s, which the V1 format cannot carry: use the V2 protocol with binary data", spec.Name, d.Model, spec.Type)
	}
	return nil
}

// Keys of the V1 request object, as bits.
const (
	keySignature uint8 = 1 << iota
	keyInstances
	keyColumns
)

var topKeys = jsonscan.Names{"signature_name", "instances", "inputs"}

func (d *decoder) document() error {
	s := d.s
	if s.Peek() != '{' {
		return s.NoObject()
	}
	o := s.Object(topKeys)
	for o.Next() {
		if o.Seen&(keyInstances|keyColumns) == keyInstances|keyColumns {
			return fault.New(fault.InvalidRequest, "the request has both 'inputs' and 'instances'; it must have one of them")
		}
		switch o.Bit {
		case keySignature:
			o.Err = d.signature()
		case keyInstances:
			d.r.Row = true
			o.Err = d.instances()
		case keyColumns:
			o.Err = d.tensors()
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
	if o.Seen&(keyInstances|keyColumns) == 0 {
		return fault.New(fault.InvalidInputs, "Missing 'inputs' or 'instances' key")
	}
	return nil
}

func (d *decoder) signature() error {
	s := d.s
	if s.Peek() != '"' {
		return s.Refuse(fault.InvalidRequest, "'signature_name' must be a string")
	}
	raw, _, err := s.Text()
	if err != nil {
		return err
	}
	if string(raw) != "serving_default" && len(raw) > 0 {
		return fault.Newf(fault.InvalidRequest, "Serving signature name: \"%s\" not found in signature def", fault.Shown(raw))
	}
	return nil
}
