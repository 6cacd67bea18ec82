package shadow

import (
	"unsafe"

	"sluice/internal/tensor"
)

// bytesOf is what a request's copy takes.
func bytesOf(q *Request) (n int) {
	for _, all := range [...][]tensor.Tensor{q.Inputs, q.Optional, q.Outputs} {
		for i := range all {
			n += len(all[i].Data)
		}
	}
	for i := range q.Sent {
		if !q.unchanged(i) {
			n += len(q.Sent[i].Data)
		}
	}
	return n
}

// unchanged reports whether an input that was sent is one that the primary ran with, so that one copy serves for both.
func (q *Request) unchanged(i int) bool {
	return i < len(q.Inputs) && q.Sent[i].Type != tensor.Invalid && len(q.Sent[i].Data) == len(q.Inputs[i].Data) &&
		unsafe.SliceData(q.Sent[i].Data) == unsafe.SliceData(q.Inputs[i].Data)
}

// copy fills a slot. Names are those of the schema, since a request's own are views of its bytes.
func (s *slot) copy(into []byte, q *Request, unit uint64) {
	s.unit, s.run, s.degraded = unit, int64(q.Run), q.Degraded
	s.id = append(s.id[:0], q.ID[:min(len(q.ID), maxID)]...)
	s.inputs, s.outputs, s.shapes = s.inputs[:0], s.outputs[:0], s.shapes[:0]
	add := func(to []tensor.Tensor, t *tensor.Tensor, name string, data []byte) []tensor.Tensor {
		at := len(s.shapes)
		s.shapes = append(s.shapes, t.Shape...)
		return append(to, tensor.Tensor{Name: name, Type: t.Type, Shape: s.shapes[at:len(s.shapes):len(s.shapes)], Data: data})
	}
	keep := func(to []tensor.Tensor, all []tensor.Tensor, specs []tensor.Spec) []tensor.Tensor {
		for i := range all {
			if all[i].Type == tensor.Invalid || i >= len(specs) {
				continue
			}
			n := copy(into, all[i].Data)
			to = add(to, &all[i], specs[i].Name, into[:n:n])
			into = into[n:]
		}
		return to
	}
	s.inputs = keep(s.inputs, q.Inputs, q.Schema.Inputs)
	own := len(s.inputs)
	s.inputs = keep(s.inputs, q.Optional, q.Schema.Optional)
	s.outputs = keep(s.outputs, q.Outputs, q.Schema.Outputs)
	s.sent = s.sent[:0]
	if len(q.Sent) == 0 {
		return
	}
	for i := range q.Sent {
		switch {
		case q.Sent[i].Type == tensor.Invalid:
		case q.unchanged(i):
			s.sent = add(s.sent, &q.Sent[i], q.Client.Inputs[i].Name, s.inputNamed(q.Schema.Inputs[i].Name))
		default:
			s.sent = keep(s.sent, q.Sent[i:i+1], q.Client.Inputs[i:i+1])
		}
	}
	s.sent = append(s.sent, s.inputs[own:]...)
	s.filled = q.Filled
	s.count(q.Trail)
}

// inputNamed is the data of the copy of an input.
func (s *slot) inputNamed(name string) []byte {
	for i := range s.inputs {
		if s.inputs[i].Name == name {
			return s.inputs[i].Data
		}
	}
	return nil
}
