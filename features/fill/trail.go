package fill

import (
	"sluice/features"
	"sluice/features/spec"
	"sluice/features/store"
	"sluice/internal/origin"
)

// why is why a value is a default.
func (got *fetched) why(s *spec.Stored) origin.Status {
	switch {
	case got.Status == features.TimedOut:
		return origin.Timeout
	case got.Status == features.Missing, got.usable && got.States[s.Column] == store.Missing:
		return origin.Missing
	}
	return origin.Default
}

// note says what became of a value, if somebody asks.
func (f *Fill) note(column, row int, s origin.Status) {
	if f.Trail != nil {
		f.Trail.Row(row)[column] = s
	}
}

// noteAll says it of a row's values of one group.
func (f *Fill) noteAll(columns []spec.Stored, row int, s origin.Status) {
	if f.Trail == nil {
		return
	}
	of := f.Trail.Row(row)
	for k := range columns {
		of[columns[k].Of] = s
	}
}

// noteAge says how old a row of a group is.
func (f *Fill) noteAge(group, row int, got *fetched) {
	if f.Trail != nil {
		f.Trail.Ages(group)[row] = got.Age
	}
}

// noteOnce says of all rows of the request what was said of the one that an input has.
func (f *Fill) noteOnce(in *spec.Input, rows int) {
	t := f.Trail
	if t == nil || rows == t.Rows {
		return
	}
	first := t.Row(0)
	for r := 1; r < t.Rows; r++ {
		row := t.Row(r)
		for k := range in.Stored {
			row[in.Stored[k].Of] = first[in.Stored[k].Of]
		}
		for k := range in.Requests {
			row[in.Requests[k].Of] = first[in.Requests[k].Of]
		}
		for k := range in.Groups {
			ages := t.Ages(in.Groups[k].Group)
			ages[r] = ages[0]
		}
	}
}
