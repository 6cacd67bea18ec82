package worker

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/rows"
	"sluice/internal/tensor"
)

// model is a session in the child, with the slabs that it shares with the gateway.
type model struct {
	hosted Hosted
	layout *rows.Layout
	places places
	lanes  []hostedLane
}

// hostedLane is a lane's slab and the tensors over it.
type hostedLane struct {
	slab   []byte
	inputs []tensor.Tensor
}

// openHosted maps the slabs and loads the model over them.
func openHosted(host Host, o opening, slabs []*os.File) (_ *model, err error) {
	if err := o.Spec.check(); err != nil {
		return nil, err
	}
	if len(slabs) != max(o.Spec.Lanes, 1) || o.FreeBytes < 0 || o.FreeBytes > maxSlab {
		return nil, fmt.Errorf("%d slabs for %d lanes, with %d bytes for what is not fixed", len(slabs), o.Spec.Lanes, o.FreeBytes)
	}
	m := &model{lanes: make([]hostedLane, len(slabs))}
	if m.layout, err = rows.New(o.Spec.Schema, o.Spec.sizes()); err != nil {
		return nil, err
	}
	if m.places, err = newPlaces(m.layout, o.FreeBytes); err != nil {
		return nil, err
	}
	for i, f := range slabs {
		if m.lanes[i].slab, err = mapMemory(f, m.places.size); err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.lanes[i].inputs = make([]tensor.Tensor, len(m.layout.In)+len(o.Spec.Schema.Optional))
		for k := range m.layout.In {
			spec := m.layout.In[k].Spec
			m.lanes[i].inputs[k] = tensor.Tensor{Name: spec.Name, Type: spec.Type}
		}
	}
	if m.hosted, err = host.Open(o.Spec, m.memory); err != nil {
		m.hosted = nil
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// memory is the model's Memory.
func (m *model) memory(lane int, output bool, index int) []byte {
	p, at := m.layout.In, m.places.in
	if output {
		p, at = m.layout.Out, m.places.out
	}
	if !p[index].Fixed {
		return nil
	}
	return at[index].of(m.lanes[lane].slab)
}

func (m *model) close() (err error) {
	if m.hosted != nil {
		err = m.hosted.Close()
	}
	for i := range m.lanes {
		if slab := m.lanes[i].slab; slab != nil {
			err = errors.Join(err, unix.Munmap(slab))
		}
	}
	m.lanes = nil
	return err
}

// run runs a gathered batch and describes the outputs that do not lie in place.
func (m *model) run(q, a *message) error {
	if int(q.lane) >= len(m.lanes) || q.rows < 1 || int(q.rows) > max(m.layout.Schema.MaxBatch, 1) {
		return fmt.Errorf("%d rows in lane %d; 1 to %d rows and lanes below %d are possible", q.rows, q.lane, m.layout.Schema.MaxBatch, len(m.lanes))
	}
	l, n := &m.lanes[q.lane], int(q.rows)
	filled := m.layout.SizeFor(n)
	inputs, err := m.bind(l, q, filled)
	if err != nil {
		return err
	}
	wanted := q.wanted & m.layout.All()
	if err := m.hosted.RunGathered(int(q.lane), n, inputs, wanted, clock.Never); err != nil {
		return err
	}
	used := 0
	for k := range m.layout.Out {
		if wanted&(1<<k) == 0 {
			continue
		}
		t, inPlace, err := m.hosted.Output(int(q.lane), k)
		if err != nil {
			return err
		}
		if inPlace {
			continue
		}
		if used, err = m.describe(l, a, k, t, used); err != nil {
			return err
		}
	}
	return nil
}

// bind makes the lane's inputs what the request says, and returns them: without the optional
// ones if it gives none.
func (m *model) bind(l *hostedLane, q *message, filled int) ([]tensor.Tensor, error) {
	next := 0
	for i := range m.layout.In {
		p, in := &m.layout.In[i], &l.inputs[i]
		if p.Fixed {
			in.Shape = p.AppendShape(in.Shape[:0], filled, p.Row)
			in.Data = m.places.in[i].of(l.slab)[:p.TensorRows(filled)*p.RowBytes]
			continue
		}
		if next == len(q.tensors) || q.tensors[next].index != i {
			return nil, fmt.Errorf("input %q is not described", p.Spec.Name)
		}
		t := &q.tensors[next]
		next++
		if err := checkRegion(p, m.places.in[i], t, filled); err != nil {
			return nil, fmt.Errorf("input %q has %w", p.Spec.Name, err)
		}
		in.Shape = append(in.Shape[:0], t.dims...)
		in.Data = l.slab[t.offset : t.offset+t.size]
	}
	if next == len(q.tensors) {
		return l.inputs[:len(m.layout.In)], nil
	}
	return l.inputs, m.bindOptional(l, q.tensors[next:])
}

// bindOptional takes the optional inputs that a request gives.
func (m *model) bindOptional(l *hostedLane, given []region) error {
	optional := l.inputs[len(m.layout.In):]
	for i := range optional {
		optional[i].Type = tensor.Invalid
	}
	for k := range given {
		t := &given[k]
		i := t.index - len(m.layout.In)
		if i < 0 || i >= len(optional) || optional[i].Type != tensor.Invalid {
			return errors.New("more inputs are described than are free, or one twice")
		}
		p := &m.layout.Optional.In[i]
		if err := checkRegion(p, m.places.optional, t, 1); err != nil {
			return fmt.Errorf("input %q has %w", p.Spec.Name, err)
		}
		optional[i].Name, optional[i].Type = p.Spec.Name, p.Spec.Type
		optional[i].Shape = append(optional[i].Shape[:0], t.dims...)
		optional[i].Data = l.slab[t.offset : t.offset+t.size]
	}
	return nil
}

// describe copies an output behind those that are in the slab already.
func (m *model) describe(l *hostedLane, a *message, k int, t tensor.Tensor, used int) (int, error) {
	at := m.places.free
	if len(t.Data) > at.size-used {
		return used, fault.Newf(fault.InferenceFailed, "the model gave output '%s' of %d bytes in the shape %s; on this device %d are left of the %d for outputs whose size only a run tells",
			m.layout.Out[k].Spec.Name, len(t.Data), tensor.ShapeText(t.Shape), at.size-used, at.size)
	}
	if len(t.Shape) > maxRank {
		return used, fmt.Errorf("output %q has %d dimensions; %d are the most", t.Name, len(t.Shape), maxRank)
	}
	copy(at.of(l.slab)[used:], t.Data)
	start := len(a.dims)
	a.dims = append(a.dims, t.Shape...)
	a.tensors = append(a.tensors, region{k, at.offset + used, len(t.Data), a.dims[start:len(a.dims):len(a.dims)]})
	return min(alignUp(used+len(t.Data)), at.size), nil
}
