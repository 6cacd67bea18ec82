package fake

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Function computes one batch: it sets Shape and Data of each output. Their memory from
// the last batch may be used again. Axis 0 of a batchable model is the row.
type Function func(s *tensor.Schema, inputs, outputs []tensor.Tensor) error

// Identity gives output k the value of input k.
func Identity(s *tensor.Schema, inputs, outputs []tensor.Tensor) error {
	for k := range outputs {
		if k >= len(inputs) || s.Inputs[k].Type != s.Outputs[k].Type {
			return fmt.Errorf("output %q has no input of its type to repeat", s.Outputs[k].Name)
		}
		outputs[k].Shape = append(outputs[k].Shape[:0], inputs[k].Shape...)
		outputs[k].Data = append(outputs[k].Data[:0], inputs[k].Data...)
	}
	return nil
}

// Sum gives every output, of type FP32 and one number a row, the sum over all numbers of
// the row in all inputs, which must be of type FP32.
func Sum(s *tensor.Schema, inputs, outputs []tensor.Tensor) error {
	for k := range outputs {
		out := &outputs[k]
		if s.Outputs[k].Type != tensor.FP32 {
			return fmt.Errorf("output %q is not FP32", s.Outputs[k].Name)
		}
		out.Shape, out.Data = append(out.Shape[:0], inputs[0].Shape[0], 1), out.Data[:0]
		for row := range int(inputs[0].Shape[0]) {
			sum := float32(0)
			for i := range inputs {
				if s.Inputs[i].Type != tensor.FP32 {
					return fmt.Errorf("input %q is not FP32", s.Inputs[i].Name)
				}
				size := 4 * tensor.RowElements(inputs[i].Shape)
				for data := inputs[i].Data[row*size : (row+1)*size]; len(data) > 0; data = data[4:] {
					sum += math.Float32frombits(binary.LittleEndian.Uint32(data))
				}
			}
			out.Data = binary.LittleEndian.AppendUint32(out.Data, math.Float32bits(sum))
		}
	}
	return nil
}

// batch is a lane's memory.
type batch struct {
	rows            int
	inputs, outputs []tensor.Tensor
}

// gather puts the parts' rows one after another.
func (b *batch) gather(s *tensor.Schema, parts []task.Part) error {
	b.inputs = slices.Grow(b.inputs[:0], len(s.Inputs))[:len(s.Inputs)]
	b.outputs = slices.Grow(b.outputs[:0], len(s.Outputs))[:len(s.Outputs)]
	b.rows = 0
	for _, p := range parts {
		b.rows += p.Rows()
	}
	if most := max(s.MaxBatch, 1); b.rows < 1 || b.rows > most || (!s.Batchable() && len(parts) != 1) {
		return fmt.Errorf("a batch of %d rows in %d parts; it must have 1 to %d rows", b.rows, len(parts), most)
	}
	for i := range b.inputs {
		in := &b.inputs[i]
		in.Data = in.Data[:0]
		first := parts[0].Task.Inputs[i].Shape
		in.Shape = append(in.Shape[:0], first...)
		if s.Batchable() {
			in.Shape[0] = int64(b.rows)
		}
		if alone(s, &s.Inputs[i]) {
			in.Shape[0] = 1
		}
		for n, p := range parts {
			own := p.Task.Inputs[i]
			if s.Batchable() && !slices.Equal(own.Shape[1:], first[1:]) {
				return fmt.Errorf("input %q has rows of shape %v and %v in one batch", s.Inputs[i].Name, first[1:], own.Shape[1:])
			}
			data, err := rowsOf(s, &s.Inputs[i], own, p)
			if err != nil {
				return fmt.Errorf("input %q: %w", s.Inputs[i].Name, err)
			}
			if n > 0 && alone(s, &s.Inputs[i]) {
				if !bytes.Equal(in.Data, data) {
					return fmt.Errorf("input %q is one row for the whole batch and differs between its parts", s.Inputs[i].Name)
				}
				continue
			}
			in.Data = append(in.Data, data...)
		}
	}
	return nil
}

func rowsOf(s *tensor.Schema, spec *tensor.Spec, t tensor.Tensor, p task.Part) ([]byte, error) {
	if !s.Batchable() {
		return t.Data, nil
	}
	// A row that is given once stands for each row of the part, and for all where the run has one.
	from, to, copies := p.From, p.To, 1
	switch {
	case alone(s, spec):
		from, to = 0, 1
	case spec.Once && t.Shape[0] == 1:
		from, to, copies = 0, 1, p.Rows()
	}
	data, err := cut(spec, t.Data, tensor.RowElements(t.Shape), from, to)
	if copies > 1 {
		data = bytes.Repeat(data, copies)
	}
	return data, err
}

// alone reports whether a run has one row of a tensor, whatever the rows of the batch.
func alone(s *tensor.Schema, spec *tensor.Spec) bool {
	return s.Batchable() && spec.Once && spec.Shape[0] == 1
}

// cut returns rows [from, to) of data.
func cut(spec *tensor.Spec, data []byte, rowElements, from, to int) ([]byte, error) {
	size := spec.Type.Size() * rowElements
	if spec.Type.Size() == 0 {
		return tensor.BytesSpan(data, from*rowElements, (to-from)*rowElements)
	}
	if to*size > len(data) {
		return nil, fmt.Errorf("%d bytes do not hold %d rows of %d bytes", len(data), to, size)
	}
	return data[from*size : to*size], nil
}

// scatter hands each part its rows.
func (b *batch) scatter(s *tensor.Schema, parts []task.Part) error {
	for k := range b.outputs {
		spec, out := &s.Outputs[k], b.outputs[k]
		at := 0
		for _, p := range parts {
			from := at
			at += p.Rows()
			if p.Task == nil || !p.Task.Wants(k) {
				continue
			}
			if !s.Batchable() {
				p.Task.SetWhole(k, spec, out.Shape, out.Data)
				continue
			}
			if spec.Once {
				if err := scatterOnce(s, k, out, p, from); err != nil {
					return err
				}
				continue
			}
			data, err := cut(spec, out.Data, tensor.RowElements(out.Shape), from, at)
			if err == nil {
				err = p.Task.SetRows(k, spec, out.Shape[1:], p.From, p.To, data)
			}
			if err != nil {
				return fmt.Errorf("output %q: %w", spec.Name, err)
			}
		}
	}
	return nil
}

// scatterOnce hands a part's task the one row that it gets: the first of its first part.
func scatterOnce(s *tensor.Schema, k int, out tensor.Tensor, p task.Part, from int) error {
	spec := &s.Outputs[k]
	if p.From > 0 {
		return nil
	}
	if alone(s, spec) {
		from = 0
	}
	row, err := cut(spec, out.Data, tensor.RowElements(out.Shape), from, from+1)
	if err != nil {
		return fmt.Errorf("output %q: %w", spec.Name, err)
	}
	p.Task.SetWhole(k, spec, append([]int64{1}, out.Shape[1:]...), row)
	return nil
}
