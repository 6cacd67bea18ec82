package onnx

import (
	"fmt"
	"unsafe"

	"sluice/internal/clock"
	"sluice/internal/rows"
	"sluice/internal/tensor"
)

// RunGathered runs a batch of n rows that lies in memory already, filled up to the fixed batch
// and padded: one tensor per input. The rows of a fixed input are where Options.Memory says
// and nothing is read from its tensor. The data of any other must stay where it is, and as it
// is, until the next run of the lane. A request with optional inputs adds one tensor for each of
// the schema's, Invalid where it gives none. wanted is a bit per output; Output reads them.
func (s *Session) RunGathered(lane, n int, inputs []tensor.Tensor, wanted uint64, limit clock.Instant) (err error) {
	if !s.use.Enter() {
		return errClosed
	}
	defer s.use.Leave()
	l, err := s.lane(lane)
	if err != nil {
		return rows.AsFault(err)
	}
	l.ran = 0
	if n := len(inputs); n != len(l.in) && n != len(l.in)+len(l.optional) {
		return rows.AsFault(fmt.Errorf("%d inputs for a model of %d and %d optional ones", n, len(l.in), len(l.optional)))
	}
	if l.batch, err = s.measureRaw(n, wanted); err != nil {
		return rows.AsFault(err)
	}
	for i := range l.in {
		if err := l.bindGathered(i, &inputs[i]); err != nil {
			return rows.AsFault(err)
		}
	}
	if err := l.bindOptional(s, inputs[len(l.in):]); err != nil {
		return rows.AsFault(err)
	}
	if err := l.bindOutputs(); err != nil {
		return rows.AsFault(err)
	}
	if err = s.execute(l, l.batch.Wanted, limit); err == nil {
		l.ran = l.batch.Wanted
	}
	return err
}

func (l *lane) bindGathered(i int, in *tensor.Tensor) (err error) {
	p, filled := &l.in[i], l.batch.Filled
	if p.Fixed {
		l.call.in[i], err = p.view(l.call, filled)
		return err
	}
	row := in.Shape
	if p.Batched {
		if len(row) == 0 || row[0] != int64(p.TensorRows(filled)) {
			return fmt.Errorf("input %q has the shape %v for a batch of %d rows", p.Spec.Name, row, filled)
		}
		row = row[1:]
	}
	if size := p.Spec.Type.Size(); size > 0 {
		if n, ok := tensor.Elements(in.Shape); !ok || n > int64(len(in.Data)/size) {
			return fmt.Errorf("input %q has %d bytes for the shape %v", p.Spec.Name, len(in.Data), in.Shape)
		}
		if len(in.Data) == 0 {
			err = p.bindOwn(l, row, 0) // no address to point at
		} else {
			err = p.bindAt(l, row, unsafe.Pointer(unsafe.SliceData(in.Data)), len(in.Data))
		}
		l.call.in[i] = p.made
		return err
	}
	// Strings are converted from the protocol's form, as those of a single request that has
	// all rows.
	l.scratch = append(append(l.scratch[:0], make([]tensor.Tensor, i)...), *in)
	err = p.gatherStrings(l, i, l.alone(filled, l.scratch))
	l.call.in[i] = p.made
	return err
}
