package models

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// maxParityBytes bounds the inputs and outputs, in bytes, of a row that is compared live,
// and so the memory that a version keeps for it. A longer row is skipped.
const maxParityBytes = 1 << 20

// Parity compares live answers: of each ParityEvery rows that the preferred device has
// answered, one is run again on a fallback device, on the lane that the scheduler does not
// use, and must agree within the model's tolerance. The first that does not switches the
// version's fallback off.
//
// It costs what the load gates cannot show, and little: a caller pays one atomic addition
// a request, and for the row in 10,000 a copy of at most 1 MiB. There is one comparison at
// a time for a version; a row that is due meanwhile is skipped, never queued. In memory a
// version has one lane more on each device, and one copied row.
type Parity struct {
	sampler sampler
	pair    atomic.Pointer[parityPair] // nil while there is nothing to compare
	busy    atomic.Bool
	wake    chan struct{} // holds a token between offering a row and taking it
	row     heldRow       // belongs to whoever has set busy
	turn    uint64        // which fallback device is next; belongs to the worker

	version  *Version
	limit    time.Duration // of a run
	failure  func(Verdict)
	compared atomic.Uint64
	failed   atomic.Uint64
	skipped  atomic.Uint64
	faults   atomic.Uint64
	worst    atomic.Uint64 // a float64
}

// parityPair is what is compared with what; it does not change.
type parityPair struct {
	preferred string
	others    []*Placement
}

// ParityStats counts live comparisons.
type ParityStats struct {
	// Compared rows include the Failed ones, which differed beyond the tolerance.
	Compared, Failed uint64
	// Skipped rows were due while another was compared, or are too large.
	Skipped uint64
	// Faults are rows that the fallback device did not answer.
	Faults uint64
	// Worst is the largest difference so far over what the tolerance allows: above 1 is a
	// failure, and infinite where no tolerance applies.
	Worst float64
}

func newParity(v *Version) *Parity {
	return &Parity{version: v, wake: make(chan struct{}, 1)}
}

// begin starts the sampling: one row of every, each run bounded by limit. failure is told
// of the rows that differ.
func (p *Parity) begin(every int, limit time.Duration, failure func(Verdict)) {
	p.sampler.init(uint64(every), rand.Uint64N)
	p.limit, p.failure = limit, failure
	p.refresh()
}

// watch compares what is offered until ctx ends.
func (p *Parity) watch(ctx context.Context) {
	defer p.pair.Store(nil)
	for {
		select {
		case <-p.wake:
			p.compare(ctx)
			p.busy.Store(false)
		case <-ctx.Done():
			return
		}
	}
}

// refresh takes up the version's placements.
func (p *Parity) refresh() {
	all := p.version.Placements()
	if len(all) < 2 || p.failure == nil || p.version.Fallback() == FallbackNever {
		p.pair.Store(nil)
		return
	}
	p.pair.Store(&parityPair{preferred: all[0].Device, others: all[1:]})
}

// Stats counts so far.
func (p *Parity) Stats() ParityStats {
	return ParityStats{
		Compared: p.compared.Load(), Failed: p.failed.Load(), Skipped: p.skipped.Load(), Faults: p.faults.Load(),
		Worst: math.Float64frombits(p.worst.Load()),
	}
}

// Offer shows a task that has ended; its buffers must stay as they are until Offer
// returns. It never blocks and may be called from any goroutine.
func (p *Parity) Offer(t *task.Task) {
	pair := p.pair.Load()
	if pair == nil || t.Err != nil || t.Trace.Device != pair.preferred {
		return
	}
	if row, due := p.sampler.due(t.Rows); due {
		p.take(t, row)
	}
}

// take copies the row and wakes the worker.
func (p *Parity) take(t *task.Task, row int) {
	if !p.busy.CompareAndSwap(false, true) {
		p.skipped.Add(1)
		return
	}
	if !p.row.copyFrom(t, row, p.version.Schema) {
		p.busy.Store(false)
		p.skipped.Add(1)
		return
	}
	p.wake <- struct{}{} // there is room: only one row is taken at a time
}

// compare runs the held row on the next fallback device.
func (p *Parity) compare(ctx context.Context) {
	pair := p.pair.Load()
	if pair == nil || p.version.Fallback() == FallbackNever {
		return
	}
	place := pair.others[p.turn%uint64(len(pair.others))]
	p.turn++
	select {
	case place.spare <- struct{}{}:
		defer func() { <-place.spare }()
	case <-ctx.Done():
		return
	}
	t, err := p.row.run(place, p.version.Schema, clock.Now().Add(p.limit))
	if err != nil {
		// A device that fails now and then is no device that answers wrongly.
		p.faults.Add(1)
		return
	}
	defer t.Release()
	var worst difference
	for i := range p.row.outputs {
		if want := &p.row.outputs[i]; want.Type != tensor.Invalid {
			worst.add(&t.Outputs[i], want, p.version.Schema.Batchable(), 0, p.version.Config.Tolerance)
		}
	}
	p.compared.Add(1)
	if worst.excess > math.Float64frombits(p.worst.Load()) {
		p.worst.Store(math.Float64bits(worst.excess))
	}
	if worst.failed() {
		p.failed.Add(1)
		p.pair.Store(nil)
		p.failure(Verdict{
			Gate: "parity", Outcome: Changed,
			Text: fmt.Sprintf("fallback is switched off: %s differs from %s on a live row, %s", place.Device, pair.preferred, worst.String()),
		})
	}
}

// heldRow is a copy of one answered row, in memory that is kept from row to row.
type heldRow struct {
	inputs, outputs []tensor.Tensor // in schema order; an output that nobody wanted is Invalid
	wanted          uint64
	data            []byte
}

// copyFrom takes the row of a finished task, or all of it if the model cannot batch. It
// returns false for one that is too large or not whole.
func (h *heldRow) copyFrom(t *task.Task, row int, s *tensor.Schema) bool {
	in, out := sample{inputs: t.Inputs, rows: t.Rows}, sample{inputs: wantedOutputs(t), rows: t.Rows}
	if s.Batchable() {
		var err error
		if in, err = in.row(row); err != nil {
			return false
		}
		if out, err = out.row(row); err != nil {
			return false
		}
	}
	size := 0
	for _, x := range slices.Concat(in.inputs, out.inputs) {
		size += len(x.Data)
	}
	if size > maxParityBytes {
		return false
	}
	h.data = slices.Grow(h.data[:0], size)
	h.inputs, h.outputs, h.wanted = h.keep(h.inputs[:0], in.inputs), h.keep(h.outputs[:0], out.inputs), t.Wanted
	return true
}

// wantedOutputs are the outputs that the task has; the others are Invalid, with rows of
// nothing.
func wantedOutputs(t *task.Task) []tensor.Tensor {
	all := slices.Clone(t.Outputs)
	for k := range all {
		if !t.Wants(k) || all[k].Shape == nil {
			all[k] = tensor.Tensor{Shape: []int64{int64(t.Rows), 0}}
		}
	}
	return all
}

func (h *heldRow) keep(dst, tensors []tensor.Tensor) []tensor.Tensor {
	for _, x := range tensors {
		from := len(h.data)
		h.data = append(h.data, x.Data...)
		x.Data, x.Shape = h.data[from:len(h.data):len(h.data)], slices.Clone(x.Shape)
		dst = append(dst, x)
	}
	return dst
}

// run answers the row on another device. The task is the caller's to release.
func (h *heldRow) run(place *Placement, s *tensor.Schema, limit clock.Instant) (*task.Task, error) {
	t := task.Get()
	t.Inputs = append(t.Inputs[:0], h.inputs...)
	t.Rows, t.Wanted, t.Deadline = 1, h.wanted, clock.Never
	t.Reserve(len(s.Outputs))
	parts := []task.Part{{Task: t, To: 1}}
	_, err := place.Session.Run(place.Lanes, parts, limit)
	if err == nil {
		err = place.Session.Scatter(place.Lanes, parts)
	}
	if err != nil {
		t.Release()
		return nil, err
	}
	t.Join()
	return t, nil
}
