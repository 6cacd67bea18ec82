package fill

import (
	"math"
	"slices"

	"sluice/features"
	"sluice/features/spec"
	"sluice/features/store"
	"sluice/internal/fault"
	"sluice/internal/oip/target"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// Complete makes the task's inputs those of a run: d is the task and the session's schema. The rows must have been fetched. If
// they have too little (Counts.Below), the task's inputs are again what the request has given.
func (f *Fill) Complete(d *target.Target) error {
	plan, t := f.filler.plan, d.Task
	rows := max(t.Rows, 1)
	f.filled = f.filled[:0]
	if f.Trail != nil {
		f.Trail.Begin(plan.Columns, len(plan.Groups), rows)
	}
	for i := range plan.Inputs {
		if in := &plan.Inputs[i]; !f.given(in.Index) {
			f.filled = append(f.filled, in.Index)
			if err := f.fill(d, i, rows); err != nil {
				return err
			}
		}
	}
	if c := &f.Counts; c.Stored < int(math.Ceil(plan.MinPresent*float64(c.Stored+c.Default))) {
		for _, i := range f.filled {
			t.Inputs[i] = tensor.Tensor{}
		}
		c.Below = true
		return fault.Newf(fault.FeatureUnavailable, "%d of %d stored values were found, less than the share of %v that model '%s' wants (min_present in its model.yaml)",
			c.Stored, c.Stored+c.Default, plan.MinPresent, f.filler.model)
	}
	if f.refusal != nil {
		return f.refusal
	}
	for i := range plan.Session.Inputs {
		if in := &t.Inputs[i]; plan.Client.Inputs[i].Part == tensor.Keyed && !plan.Session.Inputs[i].Once && rows > 1 && in.Shape[0] == 1 {
			if err := d.Repeat(in, rows); err != nil {
				return err
			}
		}
	}
	own := len(plan.Session.Inputs)
	clear(t.Inputs[own:])
	t.Inputs = t.Inputs[:own]
	return d.Settle()
}

// fill makes the tensor of one of the plan's inputs.
func (f *Fill) fill(d *target.Target, input, rows int) error {
	in := &f.filler.plan.Inputs[input]
	s := &f.filler.plan.Session.Inputs[in.Index]
	if s.Once && f.alike(in) {
		rows = 1
	}
	f.dims = append(f.dims[:0], int64(rows))
	if !in.Flat {
		f.dims = append(f.dims, int64(in.RowBytes/s.Type.Size()))
	}
	if err := d.Place(in.Index, f.dims); err != nil {
		return err
	}
	into := &f.task.Inputs[in.Index]
	if err := d.Room(into, rows*in.RowBytes); err != nil {
		return err
	}
	for r := range rows {
		copy(into.Data[r*in.RowBytes:], in.Template)
	}
	for k := range in.Groups {
		f.beginPart(in.Groups[k].To - in.Groups[k].From)
		if err := f.stored(in, &in.Groups[k], into, rows); err != nil {
			return err
		}
		f.endPart(input, k, in.Groups[k].From)
	}
	for k := range in.Requests {
		q := &in.Requests[k]
		for r := range rows {
			copy(into.Data[r*in.RowBytes+q.To:], f.valueAt(q.Input, r, q.Size))
			f.note(q.Of, r, origin.Request)
		}
	}
	f.noteOnce(in, rows)
	return nil
}

// alike tells whether all rows of an input would be made of the same values.
func (f *Fill) alike(in *spec.Input) bool {
	one := func(input int) bool { return !f.given(input) || f.task.Inputs[input].Shape[0] == 1 }
	return !slices.ContainsFunc(in.Groups, func(p spec.Part) bool { return len(f.slots[p.Group]) > 1 }) &&
		!slices.ContainsFunc(in.Stored, func(s spec.Stored) bool { return !one(s.Given) }) &&
		!slices.ContainsFunc(in.Requests, func(q spec.Request) bool { return !one(q.Input) })
}

// valueAt is a row's value of an input that may have one for all.
func (f *Fill) valueAt(input, row, size int) []byte {
	in := &f.task.Inputs[input]
	if in.Shape[0] == 1 {
		return in.Data
	}
	return in.Data[row*size : (row+1)*size]
}

// stored writes the columns of one group.
func (f *Fill) stored(in *spec.Input, p *spec.Part, into *tensor.Tensor, rows int) error {
	slots, columns := f.slots[p.Group], in.Stored[p.From:p.To]
	given := slices.ContainsFunc(columns, func(s spec.Stored) bool { return f.given(s.Given) })
	var got fetched
	for r := range rows {
		if r < len(slots) {
			f.read(&got, p.Group, slots[r])
		}
		f.noteAge(p.Group, r, &got)
		cells := into.Data[r*in.RowBytes : (r+1)*in.RowBytes]
		if got.whole && !given {
			for _, run := range p.Runs {
				copy(cells[run.To:run.To+run.Size], got.Values[run.From:])
			}
			f.count(&got, len(columns))
			f.whole++
			f.noteAll(columns, r, got.origin)
			continue
		}
		for k := range columns {
			s := &columns[k]
			if value, ok := f.givenAt(s, r, into.Type); ok {
				copy(cells[s.To:], value)
				f.note(s.Of, r, origin.Request)
				continue
			}
			if got.refused && f.refusal == nil {
				if err := f.refuse(f.stale(p.Group, r)); err != nil {
					return err
				}
			}
			if got.usable && got.States[s.Column] == store.Present {
				copy(cells[s.To:s.To+s.Size], got.Values[s.From:])
				f.count(&got, 1)
				f.counts[k].stored++
				f.note(s.Of, r, got.origin)
			} else if err := f.absent(s, p.Group, r, &got); err != nil {
				return err
			} else {
				f.counts[k].defaulted++
			}
		}
	}
	return nil
}

// givenAt is what the request has in the place of a stored value; NaN is nothing.
func (f *Fill) givenAt(s *spec.Stored, row int, kind tensor.DataType) (value []byte, ok bool) {
	if !f.given(s.Given) {
		return nil, false
	}
	value = f.valueAt(s.Given, row, s.Size)
	if !kind.Float() {
		return value, true
	}
	for i := range s.Size / kind.Size() {
		if !math.IsNaN(tensor.FloatAt(kind, value, i)) {
			return value, true
		}
	}
	return nil, false
}

// fetched is one row as the engine gave it.
type fetched struct {
	features.Row
	// usable says that its values may be used, whole that all are there, and refused that the request fails if it wants one.
	usable, whole, refused bool
	// origin is what is said of values that are used.
	origin origin.Status
}

// read looks at a row.
func (f *Fill) read(got *fetched, group, slot int) {
	got.Row = f.fetch.Row(slot)
	g, isStale := &f.filler.plan.Groups[group], got.Status == features.Stale
	got.usable = got.Status == features.Present || isStale && g.OnStale == spec.OnStaleUse
	got.refused = isStale && g.OnStale == spec.OnStaleFail
	switch got.origin = origin.Present; {
	case got.Status == features.Stale:
		got.origin = origin.Stale
	case got.Cached:
		got.origin = origin.Cached
	}
	got.whole = got.usable && !slices.ContainsFunc(got.States, func(s store.State) bool { return s != store.Present })
}
