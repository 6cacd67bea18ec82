package fill

import (
	"fmt"
	"strings"

	"sluice/features"
	"sluice/features/spec"
	"sluice/features/store"
	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// count counts stored values that are used.
func (f *Fill) count(got *fetched, values int) {
	c := &f.Counts
	c.Stored += values
	if got.Cached {
		c.Cached += values
	}
	if got.Status == features.Stale {
		c.Stale += values
	}
}

// absent leaves a value its default, if it has one.
func (f *Fill) absent(s *spec.Stored, group, row int, got *fetched) error {
	if s.Required && f.refusal == nil {
		if err := f.refuse(f.missing(s, group, row, got)); err != nil {
			return err
		}
	}
	f.note(s.Of, row, got.why(s))
	c := &f.Counts
	c.Default++
	switch got.Status {
	case features.TimedOut:
		c.Late++
	case features.Stale:
		c.Stale++
	}
	return nil
}

// refuse ends the filling with a fault. Where the model has a ladder the rest is counted first, and the fault is nil here: with too little
// of the rest it does not matter.
func (f *Fill) refuse(err error) error {
	if len(f.filler.plan.Ladder) == 0 {
		return err
	}
	f.refusal = err
	return nil
}

// missing is the fault of a value that has no default.
func (f *Fill) missing(s *spec.Stored, group, row int, got *fetched) error {
	kind, what := fault.FeatureMissing, "is not in the store"
	switch {
	case got.Status == features.TimedOut:
		kind, what = fault.FeatureUnavailable, "did not come in time"
	case got.Status == features.Failed:
		kind, what = fault.FeatureUnavailable, "could not be read"
	case got.Status == features.Stale && !got.usable:
		kind, what = fault.FeatureUnavailable, fmt.Sprintf("is older than %v", f.filler.plan.Groups[group].MaxAge)
	case got.usable && got.States[s.Column] == store.Wrong:
		what = "does not fit its column as the store has it"
	}
	return fault.Newf(kind, "feature '%s' of row %d, for %s, %s, and model '%s' requires it (default: required in its model.yaml)",
		fault.Shown(s.Name), row, f.entity(group, row), what, f.filler.model)
}

// stale is the fault of a row that is too old for a model which refuses such.
func (f *Fill) stale(group, row int) error {
	g := &f.filler.plan.Groups[group]
	return fault.Newf(fault.FeatureUnavailable, "the stored values of '%s' for %s are older than %v, and model '%s' refuses those (on_stale: fail in its model.yaml)",
		g.Of.Name, f.entity(group, row), g.MaxAge, f.filler.model)
}

// entity names the entity of a row, such as user_id 42.
func (f *Fill) entity(group, row int) string {
	var parts []string
	for _, i := range f.filler.plan.Groups[group].Keys {
		in := &f.task.Inputs[i]
		at := 0
		for k := 0; k < row && in.Shape[0] > 1; k++ {
			at += len(elementAt(in, at))
		}
		element, value := elementAt(in, at), ""
		if in.Type == tensor.Bytes {
			value = "'" + fault.Shown(element[textHead:]) + "'"
		} else {
			value = fmt.Sprint(tensor.IntAt(in.Type, element))
		}
		parts = append(parts, in.Name+" "+value)
	}
	return strings.Join(parts, ", ")
}
