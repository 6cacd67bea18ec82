// Package rows copies the rows of tasks into a batch and those of a batch back into tasks.
// A session of this process and one of a worker process do the same work over different
// memory: they own the memory, this package knows where in it which row belongs.
//
// A batch holds the callers' rows one after another, in the order of their parts. Where the
// session runs certain sizes only, the last row is repeated up to one; where rows differ in length
// on the padded axis, each is filled up to the batch's bucket. Nothing here allocates in
// steady state, and all of it may be called from many goroutines for different batches.
package rows

import (
	"errors"
	"fmt"
	"slices"

	"sluice/internal/device"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// maxElements bounds one row or batch, far above what memory holds and far below overflow.
const maxElements = 1 << 40

// maxRank is the most dimensions of a row that is handed out once.
const maxRank = 64

// Layout is how the rows of a model lie in batches.
type Layout struct {
	Schema *tensor.Schema
	// Sizes are the batch sizes that the session runs, rising; nil means any.
	Sizes   []int
	In, Out []Port
	// Optional lays out the optional inputs, as those of a model that cannot batch; nil without.
	Optional *Layout
}

// Port is one input or output.
type Port struct {
	Spec *tensor.Spec
	// Row is the shape without the batch; -1 where free.
	Row []int64
	// Batched is set if axis 0 is the batch.
	Batched bool
	// Fixed is set if all rows have one size, RowBytes.
	Fixed    bool
	RowBytes int

	index  int
	padded int  // axis of the whole shape whose padding is added or taken off; 0 for none
	once   bool // a task may give one row for all, or gets one
	alone  bool // the run has that one row, whatever the rows of the batch
}

// New lays out a schema; sizes have no meaning for one that cannot batch. It fails for
// rows too large to count.
func New(s *tensor.Schema, sizes []int) (*Layout, error) {
	l := &Layout{Schema: s, In: make([]Port, len(s.Inputs)), Out: make([]Port, len(s.Outputs))}
	if s.Batchable() {
		l.Sizes = sizes
	}
	for i := range l.In {
		if err := l.In[i].init(l, &s.Inputs[i], i); err != nil {
			return nil, fmt.Errorf("input %q: %w", s.Inputs[i].Name, err)
		}
		if s.Padding != nil {
			l.In[i].padded = max(s.Padding.InputAxis[i], 0)
		}
	}
	for k := range l.Out {
		if err := l.Out[k].init(l, &s.Outputs[k], k); err != nil {
			return nil, fmt.Errorf("output %q: %w", s.Outputs[k].Name, err)
		}
		if s.Padding != nil && s.Outputs[k].Type.Size() > 0 {
			l.Out[k].padded = max(s.Padding.OutputAxis[k], 0)
		}
	}
	if len(s.Optional) == 0 {
		return l, nil
	}
	o := &tensor.Schema{Inputs: s.Optional}
	l.Optional = &Layout{Schema: o, In: make([]Port, len(o.Inputs))}
	for i := range l.Optional.In {
		// Never fixed: memory is laid out for what most requests give.
		l.Optional.In[i] = Port{Spec: &o.Inputs[i], Row: o.Inputs[i].Shape, index: i}
	}
	return l, nil
}

func (p *Port) init(l *Layout, spec *tensor.Spec, index int) error {
	p.Spec, p.Row, p.Batched, p.index = spec, spec.Shape, l.Schema.Batchable(), index
	switch {
	case !p.Batched:
	case len(spec.Shape) > 0:
		p.Row = spec.Shape[1:]
		p.once = spec.Once
		p.alone = spec.Once && spec.Shape[0] == 1
	case !spec.Dynamic:
		return errors.New("it has no dimensions, where the first must be the batch")
	}
	if spec.Type.Size() == 0 || spec.Dynamic || slices.Contains(p.Row, -1) {
		return nil
	}
	n, ok := tensor.Elements(p.Row)
	if !ok || n > int64(maxElements/l.MostRows()) {
		return fmt.Errorf("%d rows of shape %v are too large", l.MostRows(), p.Row)
	}
	p.Fixed, p.RowBytes = true, int(n)*spec.Type.Size()
	return nil
}

// MostRows is the most rows that a run of the session sees.
func (l *Layout) MostRows() int {
	most := max(l.Schema.MaxBatch, 1)
	if n := len(l.Sizes); n > 0 {
		most = max(most, l.Sizes[n-1])
	}
	return most
}

// SizeFor is the size at which a batch of so many rows runs.
func (l *Layout) SizeFor(rows int) int { return device.Fill(l.Sizes, rows) }

// Batch is what one run holds.
type Batch struct {
	Rows   int // of the callers
	Filled int // that the session sees: Rows, or the next of the sizes
	Bucket int // length that rows are padded to; 0 without padding
	// Wanted is the outputs that at least one part wants, a bit each.
	Wanted uint64
}

// All is a bit for each output.
func (l *Layout) All() uint64 {
	return uint64(1)<<len(l.Out) - 1 // of 64 outputs too: the shift gives 0
}

// Measure looks at the parts of a batch, without their data.
func (l *Layout) Measure(parts []task.Part) (b Batch, err error) {
	for _, p := range parts {
		b.Rows += p.Rows()
		b.Wanted |= p.Task.Wanted
		if len(p.Task.Inputs) != len(l.In) {
			return b, fmt.Errorf("a task with %d inputs for a model of %d", len(p.Task.Inputs), len(l.In))
		}
		if len(p.Task.Optional) > 0 {
			if err := l.checkOptional(p.Task, parts); err != nil {
				return b, err
			}
		}
	}
	if b.Wanted &= l.All(); b.Wanted == 0 {
		b.Wanted = l.All()
	}
	switch {
	case !l.Schema.Batchable():
		if len(parts) != 1 || !parts[0].Whole() {
			return b, fmt.Errorf("%d parts in a run of a model that cannot batch", len(parts))
		}
		b.Rows = 1
	case b.Rows < 1 || b.Rows > l.Schema.MaxBatch:
		return b, fmt.Errorf("a batch of %d rows; it must have 1 to %d", b.Rows, l.Schema.MaxBatch)
	}
	b.Filled = l.SizeFor(b.Rows)
	b.Bucket = bucket(l.Schema.Padding, parts)
	return b, nil
}

// checkOptional checks that a task which gives optional inputs shares its run with nobody.
func (l *Layout) checkOptional(t *task.Task, parts []task.Part) error {
	if want := len(l.Schema.Optional); len(t.Optional) != want {
		return fmt.Errorf("a task with %d optional inputs for a model of %d", len(t.Optional), want)
	}
	for _, part := range parts {
		if part.Task != t {
			return fmt.Errorf("a task that gives optional inputs in a batch of %d parts that are not all its own", len(parts))
		}
	}
	return nil
}

// bucket is the length that the parts' rows are padded to.
func bucket(p *tensor.Padding, parts []task.Part) int {
	if p == nil {
		return 0
	}
	if len(parts) == 1 && parts[0].Task.Unpadded {
		return rowLength(p, parts[0].Task)
	}
	longest := 0
	for _, part := range parts {
		longest = max(longest, rowLength(p, part.Task))
	}
	return p.Bucket(longest)
}

// rowLength is a task's own length on the padded axis.
func rowLength(p *tensor.Padding, t *task.Task) int {
	for i, axis := range p.InputAxis {
		if axis >= 0 && axis < len(t.Inputs[i].Shape) {
			return int(t.Inputs[i].Shape[axis])
		}
	}
	return 0
}

// AsFault hides from the client what gathering could not foresee.
func AsFault(err error) error {
	var f *fault.Error
	if f = fault.Of(err); f.Kind != fault.Internal {
		return f
	}
	return fault.Wrap(fault.InferenceFailed, err, "the model could not be run on this batch")
}

// AppendShape appends the shape of a batch of that many rows.
func (p *Port) AppendShape(dst []int64, filled int, row []int64) []int64 {
	if p.Batched {
		dst = append(dst, int64(p.TensorRows(filled)))
	}
	return append(dst, row...)
}

// BlankRow appends the row shape of a run without a caller's data: free axes are 1, or the
// first padding bucket.
func (l *Layout) BlankRow(i int, dst []int64) []int64 {
	p := &l.In[i]
	for axis, d := range p.Row {
		if d < 0 {
			d = 1
			if pad := l.Schema.Padding; pad != nil && p.padded == axis+1 && len(pad.Buckets) > 0 {
				d = int64(pad.Buckets[0])
			}
		}
		dst = append(dst, d)
	}
	return dst
}
