package target

import (
	"hash/maphash"
	"sync/atomic"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Settle derives what the scheduler sorts by from the complete inputs.
func (d *Target) Settle() error {
	if d.Schema.Fills {
		return nil // whoever fills the inputs settles them
	}
	if d.Schema.Reshaped {
		d.reshape()
	}
	if err := d.boundWork(); err != nil {
		return err
	}
	t := d.Task
	if !d.Schema.Batchable() {
		t.Rows = 1
	} else if err := d.settleRows(); err != nil {
		return err
	}
	Sort(d.Schema, t)
	return nil
}

// Sort gives a complete task the key and the most rows of a run that a schema has for it: the one that it was decoded
// for, or that of another version which clients cannot tell from it.
func Sort(schema *tensor.Schema, t *task.Task) {
	t.ShapeKey, t.MostRows = 0, 0
	if schema.Batchable() {
		t.MostRows, t.ShapeKey = schema.MostRows(t.Inputs), shapeKey(schema, t)
		if schema.MaxText > 0 && t.MostRows > 0 {
			t.ShapeKey = mix(t.ShapeKey, uint64(t.MostRows)) &^ ownBit // strings of one shape may be of any size
		}
	}
	if len(t.Optional) > 0 {
		t.ShapeKey = ownBit | owned.Add(1) // which no other request of this process has
	}
}

// Lacks reports whether a request needs input i of the schema's inputs and has not given it; given tells what it has.
func Lacks(schema *tensor.Schema, i int, given func(i int) bool) bool {
	switch part := schema.Inputs[i].Part; {
	case part == tensor.Filled || part == tensor.Given || given(i):
		return false
	case part == tensor.Sent || part == tensor.Keyed:
		return true
	}
	for k := range schema.Inputs {
		if schema.Inputs[k].Part == tensor.Filled && !given(k) {
			return true
		}
	}
	return false
}

// reshape gives complete inputs the shapes that the model knows. Until here they have those of the
// request, which all that is checked and said before is about.
func (d *Target) reshape() {
	for i := range d.Schema.Inputs {
		w := d.Schema.Inputs[i].Wire
		if w == nil {
			continue
		}
		own := d.Task.Arena.KeepShape(w.Own)
		d.Task.Inputs[i].Shape = w.AppendOwn(own[:0], d.Task.Inputs[i].Shape)
	}
}

// settleRows is Settle for a model that takes rows.
func (d *Target) settleRows() error {
	schema, t := d.Schema, d.Task
	if err := samePadding(schema, t); err != nil {
		return err
	}
	return d.settleOnce()
}

// samePadding checks that the inputs agree on the length that padding evens out:
// afterwards the model could not tell any more.
func samePadding(schema *tensor.Schema, t *task.Task) error {
	if schema.Padding == nil {
		return nil
	}
	first := -1
	for i, axis := range schema.Padding.InputAxis {
		if axis < 0 {
			continue
		}
		if first < 0 {
			first = i
			continue
		}
		want := t.Inputs[first].Shape[schema.Padding.InputAxis[first]]
		if got := t.Inputs[i].Shape[axis]; got != want {
			return fault.Newf(fault.WrongShape, "input '%s' has length %d on axis %d, but input '%s' has %d: they must agree", t.Inputs[i].Name, got, axis, t.Inputs[first].Name, want)
		}
	}
	return nil
}

// shapeKey hashes the free dimensions besides the batch (FNV-1a over whole words); a
// padded one enters as its bucket. The bytes of an input of which a run takes one row alone
// enter as well. 0 if there is neither.
func shapeKey(schema *tensor.Schema, t *task.Task) uint64 {
	key := uint64(0)
	for i := range schema.Inputs {
		spec := &schema.Inputs[i]
		for axis, dim := range spec.Shape {
			if axis == 0 || dim >= 0 {
				continue
			}
			length := t.Inputs[i].Shape[axis]
			if p := schema.Padding; p != nil && p.InputAxis[i] == axis {
				length = int64(p.Bucket(int(length)))
			}
			key = mix(key, uint64(length))
		}
		if oneRow(spec) {
			key = mix(key, maphash.Bytes(onceSeed, t.Inputs[i].Data))
		}
	}
	return key &^ ownBit
}

// ownBit is set in the keys of requests that share no run, and in no other.
const ownBit = 1 << 63

var owned atomic.Uint64

// mix adds a word to a key.
func mix(key, word uint64) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	if key == 0 {
		key = offset
	}
	return (key ^ word) * prime
}
