package onnx

import (
	"fmt"

	"sluice/internal/complaint"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Scatter copies the outputs of the lane's last Run into the tasks. It is
// task.Runner's Scatter.
func (s *Session) Scatter(lane int, parts []task.Part) error {
	if !s.use.Enter() {
		return errClosed
	}
	defer s.use.Leave()
	l := &s.lanes[lane]
	if l.ran == 0 {
		return errNoResult
	}
	defer l.shed()
	for k := range l.out {
		if l.ran&(1<<k) == 0 {
			continue
		}
		row, data, err := l.read(k)
		if err == nil {
			l.crop, err = s.layout.Scatter(k, row, data, parts, l.crop)
		}
		if err != nil {
			return l.badOutput(k, err)
		}
	}
	return nil
}

// shed gives back what strings took, where that is much: the lane might keep it for the day. The run has
// then no result any more.
func (l *lane) shed() {
	for i := range l.in {
		if p := &l.in[i]; p.holdsMuchText() {
			l.call.in[i] = nil
			p.shed()
		}
	}
	for i := range l.optional {
		if p := &l.optional[i]; p.holdsMuchText() {
			l.call.c.given = 0
			p.shed()
		}
	}
	for k := range l.out {
		if p := &l.out[k]; p.holdsMuchText() {
			release(l.call.output(k))
			l.call.setOutput(k, nil)
			p.shed()
			l.ran = 0
		}
	}
}

func (p *port) holdsMuchText() bool {
	return !p.Fixed && !p.sequence && p.Spec.Type == tensor.Bytes && len(p.memory.bytes)+len(p.table.bytes) > mappedSize
}

func (p *port) shed() {
	release(p.made)
	p.made, p.text = nil, nil
	p.memory.free()
	p.table.free()
}

var errNoResult = fault.New(fault.Internal, "no result to hand out: the last run failed")

// badOutput is the fault of an output that cannot be read. What says it already is kept.
func (l *lane) badOutput(k int, err error) error {
	if f := fault.Of(err); f.Kind != fault.Internal {
		return f
	}
	name := l.out[k].Spec.Name
	return fault.Wrap(fault.InferenceFailed, fmt.Errorf("output %q: %w", name, err), "the model gave output '"+name+"' in an unexpected form")
}

// nameMisfit finds the output that does not fit its memory where the library, up to 1.24, names
// its shape alone: if one output has that shape.
func (l *lane) nameMisfit(err error) {
	said := complaintOf(err)
	if said.Kind != complaint.Misfit || said.Output != "" {
		return
	}
	found := ""
	for k := range l.out {
		p := &l.out[k]
		if !p.Fixed || l.batch.Wanted&(1<<k) == 0 {
			continue
		}
		p.dims = p.AppendShape(p.dims[:0], l.batch.Filled, p.Row)
		if tensor.ShapeText(p.dims) != said.Declared {
			continue
		}
		if found != "" {
			return
		}
		found = p.Spec.Name
	}
	said.Output = found
}

// Output returns output k of the lane's last run: its shape, and its data in the protocol's
// form, both valid until the lane runs again. inPlace says that the data lies in the memory
// that Options.Memory gave for it, and has the shape that the schema says.
func (s *Session) Output(lane, k int) (t tensor.Tensor, inPlace bool, err error) {
	if !s.use.Enter() {
		return t, false, errClosed
	}
	defer s.use.Leave()
	l := &s.lanes[lane]
	if l.ran&(1<<k) == 0 {
		return t, false, errNoResult
	}
	row, data, err := l.read(k)
	if err != nil {
		return t, false, l.badOutput(k, err)
	}
	p := &l.out[k]
	p.dims = p.AppendShape(p.dims[:0], l.batch.Filled, row)
	return tensor.Tensor{Name: p.Spec.Name, Type: p.Spec.Type, Shape: p.dims, Data: data}, p.memory.given, nil
}

// read returns an output's row shape (the whole shape if the model cannot batch) and its
// data in the protocol's form. Both are the lane's, valid until it runs again; the shape
// is scratch that may be changed.
func (l *lane) read(k int) (row []int64, data []byte, err error) {
	p, filled := &l.out[k], l.batch.Filled
	if p.Fixed {
		p.shape = append(p.shape[:0], p.Row...)
		return p.shape, p.memory.bytes[:p.TensorRows(filled)*p.RowBytes], nil
	}
	v := l.call.output(k)
	if p.sequence {
		return p.readMaps(l.call, v, filled)
	}
	d, err := l.call.describe(v)
	if err != nil {
		return nil, nil, err
	}
	if !d.is(p.Spec.Type) {
		return nil, nil, fault.Newf(fault.InferenceFailed, "the model gave output '%s' of the type %s where %s is declared", p.Spec.Name, d.typeName(), p.Spec.Type)
	}
	p.shape = append(p.shape[:0], d.dims...)
	row = p.shape
	if p.Batched {
		if len(row) == 0 || row[0] != int64(p.TensorRows(filled)) {
			return nil, nil, p.Misfit(row, filled)
		}
		row = row[1:]
	}
	if p.Spec.Type.Size() > 0 {
		return row, d.bytes(p.Spec.Type), nil
	}
	n, _ := tensor.Elements(p.shape)
	err = p.readStrings(l.call, v, int(n))
	return row, p.text, err
}
