package task

import (
	"fmt"
	"slices"
	"sync"

	"sluice/internal/tensor"
)

// results owns the outputs' memory. Parts of one task may end on different lanes
// at once, so it has a lock; it is held only for the copy.
type results struct {
	mu     sync.Mutex
	arena  tensor.Arena
	pieces []piece // of variable-size outputs, until Join
	shapes []int64 // backing of output shapes
	// lacking says that an output is missing because the budget had no memory for it.
	lacking bool
}

// alloc returns memory for n bytes of an output; false if the task's budget lacks them.
func (t *Task) alloc(n int) ([]byte, bool) {
	r := &t.results
	if r.lacking = r.lacking || !r.arena.Claim(t.Answers, n); r.lacking {
		return nil, false
	}
	return r.arena.Alloc(n), true
}

// Lacking reports whether there was no memory for the task's outputs. It is asked when the task
// has ended.
func (t *Task) Lacking() bool { return t.results.lacking }

type piece struct {
	output, from int
	data         []byte
}

func (r *results) reset() {
	r.arena.Reset()
	clear(r.pieces)
	r.pieces = r.pieces[:0]
	r.shapes = r.shapes[:0]
	r.lacking = false
}

// Reserve sizes Outputs for a schema with n outputs. The scheduler calls it once
// before the first part runs.
func (t *Task) Reserve(n int) {
	t.Outputs = slices.Grow(t.Outputs[:0], n)[:n]
}

// SetRows stores rows [from, to) of output k: row-major data whose rows have the
// shape rowShape (without the batch axis). All parts of a task must agree on rowShape. What an
// earlier call stored for the same rows, of a run that then failed, is replaced.
func (t *Task) SetRows(k int, spec *tensor.Spec, rowShape []int64, from, to int, data []byte) error {
	r := &t.results
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &t.Outputs[k]
	if from == 0 && to == t.Rows {
		*out = tensor.Tensor{} // no other part has set it, and the rows may have another shape now
	}
	if r.lacking {
		return nil // the other tasks of the batch have theirs
	}
	if out.Shape == nil {
		*out = tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: r.batchShape(int64(t.Rows), rowShape)}
		if size := spec.Type.Size(); size > 0 {
			n, _ := tensor.Elements(out.Shape)
			if out.Data, _ = t.alloc(int(n) * size); r.lacking {
				return nil
			}
		}
	} else if !slices.Equal(out.Shape[1:], rowShape) {
		return fmt.Errorf("output %q has rows of shape %v in one run and %v in another", spec.Name, out.Shape[1:], rowShape)
	}
	if spec.Type.Size() == 0 {
		if kept, ok := t.alloc(len(data)); ok {
			copy(kept, data)
			r.put(piece{k, from, kept})
		}
		return nil
	}
	rowBytes := 0
	if t.Rows > 0 {
		rowBytes = len(out.Data) / t.Rows
	}
	if len(data) != (to-from)*rowBytes {
		return fmt.Errorf("output %q gave %d bytes for %d rows of %d bytes", spec.Name, len(data), to-from, rowBytes)
	}
	copy(out.Data[from*rowBytes:], data)
	return nil
}

// put keeps a piece, in the place of one of the same rows.
func (r *results) put(p piece) {
	for i := range r.pieces {
		if r.pieces[i].output == p.output && r.pieces[i].from == p.from {
			r.pieces[i] = p
			return
		}
	}
	r.pieces = append(r.pieces, p)
}

// SetWhole stores output k of a model that cannot batch.
func (t *Task) SetWhole(k int, spec *tensor.Spec, shape []int64, data []byte) {
	r := &t.results
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, ok := t.alloc(len(data))
	if !ok {
		return
	}
	copy(kept, data)
	t.Outputs[k] = tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: r.keep(shape), Data: kept}
}

// Join completes the outputs after the last part: variable-size pieces are put
// together in row order. The scheduler calls it before it reports the end state.
func (t *Task) Join() {
	r := &t.results
	if len(r.pieces) == 0 {
		return
	}
	slices.SortStableFunc(r.pieces, func(a, b piece) int {
		if a.output != b.output {
			return a.output - b.output
		}
		return a.from - b.from
	})
	for i := 0; i < len(r.pieces); {
		j, size := i, 0
		for ; j < len(r.pieces) && r.pieces[j].output == r.pieces[i].output; j++ {
			size += len(r.pieces[j].data)
		}
		out := &t.Outputs[r.pieces[i].output]
		if j == i+1 {
			out.Data = r.pieces[i].data
		} else {
			if out.Data, _ = t.alloc(size); r.lacking {
				return
			}
			out.Data = out.Data[:0]
			for _, p := range r.pieces[i:j] {
				out.Data = append(out.Data, p.data...)
			}
		}
		i = j
	}
}

func (r *results) batchShape(rows int64, rowShape []int64) []int64 {
	start := len(r.shapes)
	r.shapes = append(append(r.shapes, rows), rowShape...)
	return r.shapes[start:len(r.shapes):len(r.shapes)]
}

func (r *results) keep(shape []int64) []int64 {
	start := len(r.shapes)
	r.shapes = append(r.shapes, shape...)
	return r.shapes[start:len(r.shapes):len(r.shapes)]
}
