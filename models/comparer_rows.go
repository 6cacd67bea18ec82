package models

import (
	"context"
	"hash/maphash"
	"math"
	"slices"
	"sync/atomic"

	"sluice/internal/agree"
	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/gates"
	"sluice/models/inputs"
)

// What a version holds for its comparer at most: 64 rows, since a full batch of the usual size
// leaves so many at once, and 4 MiB of copies, which is four of the largest rows. Rows of
// most models have a few KiB, so that their number is what binds. One request of larger rows
// is held as it is, without a copy: 64 MiB with the usual limits of the gateway.
const (
	maxHeldRows  = 64
	maxHeldBytes = 4 << 20
	maxCopyBytes = 1 << 20
)

// checks are the comparisons that a row is due for, a bit each:
type checks uint8

const (
	dueAlone     checks = 1 << iota // with its answer alone on the same device
	dueElsewhere                    // with its answer on another device
)

// heldRow is one answered row that is to be run again, or a whole request of a model that
// cannot batch.
type heldRow struct {
	due             checks
	inputs, outputs []tensor.Tensor // in schema order; an output that nobody wanted is Invalid
	wanted          uint64
	device          string // that answered
	batch           int    // rows of the batch that it was answered in
	size            int    // bytes of its tensors
	split           bool   // its request had more rows than a batch
	// whole is the request whose memory the tensors lie in; nil if they are copies.
	whole *task.Task
}

// cutRow finds the row in a finished task, whose memory it shares. It returns nil for a row
// that is not whole, such as one of an output that has other rows than the request.
func cutRow(t *task.Task, row int, s *tensor.Schema) *heldRow {
	h := &heldRow{wanted: t.Wanted, device: t.Trace.Device, batch: max(t.Trace.Batch, 1), split: s.Batchable() && (t.Rows > s.MaxBatch || t.MostRows > 0 && t.Rows > t.MostRows)}
	for i, x := range t.Inputs {
		if s.Batchable() {
			if x = rowOf(x, row, t.Rows, s.Inputs[i].Once); x.Type == tensor.Invalid {
				return nil
			}
		}
		h.inputs = append(h.inputs, x)
		h.size += len(x.Data)
	}
	for k, x := range t.Outputs {
		switch {
		case !t.Wants(k) || x.Shape == nil:
			x = tensor.Tensor{}
		case s.Batchable():
			if x = rowOf(x, row, t.Rows, s.Outputs[k].Once); x.Type == tensor.Invalid {
				return nil
			}
		}
		h.outputs = append(h.outputs, x)
		h.size += len(x.Data)
	}
	return h
}

// rowOf cuts a row out of a tensor of that many rows; Invalid if it is not there. What a
// request gives or gets once belongs to each of its rows.
func rowOf(x tensor.Tensor, row, rows int, once bool) tensor.Tensor {
	switch {
	case len(x.Shape) == 0:
		return tensor.Tensor{}
	case once && x.Shape[0] == 1:
		row = 0
	case x.Shape[0] != int64(rows):
		return tensor.Tensor{}
	}
	x, _ = inputs.CutRow(x, row) // Invalid where the data ends early
	return x
}

// keep makes the row outlive the request: it copies it, or holds the request if the row is
// too large for that.
func (h *heldRow) keep(t *task.Task) {
	if h.size > maxCopyBytes {
		t.Retain()
		h.whole = t
		return
	}
	data := make([]byte, 0, h.size)
	for _, tensors := range [][]tensor.Tensor{h.inputs, h.outputs} {
		for i := range tensors {
			x := &tensors[i]
			from := len(data)
			data = append(data, x.Data...)
			x.Data, x.Shape = data[from:len(data):len(data)], slices.Clone(x.Shape)
		}
	}
}

// run answers the row alone on the lane that the scheduler does not use, whose token the
// caller holds. unpadded keeps the padding away from it. The task is the caller's to release.
func (h *heldRow) run(place *gates.Placement, s *tensor.Schema, unpadded bool, limit clock.Instant) (*task.Task, error) {
	request := inputs.Request{Inputs: h.inputs, Rows: 1}
	t := request.Task(len(s.Outputs))
	t.Wanted, t.Unpadded = h.wanted, unpadded
	parts := []task.Part{{Task: t, To: 1}}
	if lanes, may := place.Session.(interface{ Rest(lane int) }); may {
		defer lanes.Rest(place.Beside) // it may be long until the next row
	}
	_, err := place.Session.Run(place.Beside, parts, limit)
	if err == nil {
		err = place.Session.Scatter(place.Beside, parts)
	}
	if err != nil {
		t.Release()
		return nil, err
	}
	t.Join()
	return t, nil
}

var printSeed = maphash.MakeSeed()

// print is equal for rows of equal inputs, within one process.
func (h *heldRow) print() uint64 {
	var hash maphash.Hash
	hash.SetSeed(printSeed)
	for i := range h.inputs {
		for _, d := range h.inputs[i].Shape {
			maphash.WriteComparable(&hash, d)
		}
		hash.Write(h.inputs[i].Data)
	}
	return hash.Sum64()
}

// shelf is where rows wait for the comparer, bounded in number and bytes. Any goroutine may
// put; one takes.
type shelf struct {
	rows  chan *heldRow // holds maxHeldRows, so that nobody waits who has reserved a place
	count atomic.Int64  // rows on it, coming to it, and being compared
	bytes atomic.Int64  // of their copies
	large atomic.Bool   // one of them is not copied
}

func newShelf() *shelf { return &shelf{rows: make(chan *heldRow, maxHeldRows)} }

// room tells whether another row may fit.
func (s *shelf) room() bool { return s.count.Load() < maxHeldRows }

// put keeps a row of a task. It returns false where there is no room.
func (s *shelf) put(h *heldRow, t *task.Task) bool {
	if s.count.Add(1) > maxHeldRows {
		s.count.Add(-1)
		return false
	}
	if !s.reserve(h.size) {
		s.count.Add(-1)
		return false
	}
	h.keep(t)
	s.rows <- h
	return true
}

func (s *shelf) reserve(size int) bool {
	if size > maxCopyBytes {
		return s.large.CompareAndSwap(false, true)
	}
	if s.bytes.Add(int64(size)) > maxHeldBytes {
		s.bytes.Add(-int64(size))
		return false
	}
	return true
}

// free gives up a row that was taken.
func (s *shelf) free(h *heldRow) {
	if h.whole != nil {
		h.whole.Release()
		s.large.Store(false)
	} else {
		s.bytes.Add(-int64(h.size))
	}
	s.count.Add(-1)
}

// clear gives up what waits. It is called when nobody takes any more.
func (s *shelf) clear() {
	for {
		select {
		case h := <-s.rows:
			s.free(h)
		default:
			return
		}
	}
}

// roundingRoom is how many times a difference may be larger than what one least change of the
// row's floats makes of its answer and still be taken for rounding: sums have many terms.
const roundingRoom = 8

// rounding tells whether a difference is what the order in which floats are added can make of
// it, as where large amounts cancel: an answer that changes about as much when each float of the
// row changes by its last bit. right is the row's answer alone on the device.
func (w *Comparer) rounding(ctx context.Context, place *gates.Placement, h *heldRow, right []tensor.Tensor, unpadded bool, found *agree.Contrast) bool {
	nudged := h.nudged()
	if nudged == nil {
		return false
	}
	t, err := w.try(ctx, place, nudged, unpadded)
	if err != nil {
		return false
	}
	defer t.Release()
	by := w.differences(t.Outputs, right)
	return by.Labels.Excess >= found.Labels.Excess && roundingRoom*by.Scores.Excess >= found.Scores.Excess
}

// nudged is the row with each float a little larger or smaller, by one unit in its last place or
// so; nil if it has none.
func (h *heldRow) nudged() *heldRow {
	other := *h
	other.inputs = nil
	floats := false
	for _, x := range h.inputs {
		if x.Type.Float() {
			floats = true
			x.Data = nudge(x)
		}
		other.inputs = append(other.inputs, x)
	}
	if !floats {
		return nil
	}
	return &other
}

func nudge(x tensor.Tensor) []byte {
	unit := map[tensor.DataType]int{tensor.FP64: -52, tensor.FP32: -23, tensor.FP16: -10, tensor.BF16: -7}[x.Type]
	data := make([]byte, 0, len(x.Data))
	for i := range len(x.Data) / x.Type.Size() {
		by := math.Ldexp(1, unit)
		if uint32(i)*2654435761>>31 == 0 { // no pattern that the model's own sums could undo
			by = -by
		}
		data = tensor.AppendFloat(data, x.Type, tensor.FloatAt(x.Type, x.Data, i)*(1+by))
	}
	return data
}

// elsewhere tells whether another device gives the row the answer that it got: the parts of a
// request of more rows than a batch may have run on different devices, of which the trace names
// one.
func (w *Comparer) elsewhere(ctx context.Context, plan *comparePlan, place *gates.Placement, h *heldRow, unpadded bool) bool {
	if !h.split {
		return false
	}
	for _, other := range plan.placements {
		if other == place {
			continue
		}
		if t, err := w.try(ctx, other, h, unpadded); err == nil {
			found := w.differences(h.outputs, t.Outputs)
			t.Release()
			if !found.Failed() {
				return true
			}
		}
	}
	return false
}
