package models

import (
	"slices"

	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// comparePlan is what the comparer compares at present; it does not change.
type comparePlan struct {
	placements []*gates.Placement
	// batches is set if rows that shared a run are compared; padding if those are that were
	// padded, and nil otherwise.
	batches  bool
	padding  *tensor.Padding
	maxBatch int
	// preferred is compared with others, which are none if devices are not compared.
	preferred string
	others    []*gates.Placement
}

// newComparePlan makes the plan of a version; nil if there is nothing to compare.
func newComparePlan(v *Version) *comparePlan {
	p := &comparePlan{placements: v.Placements(), maxBatch: v.Schema.MaxBatch}
	p.preferred = p.placements[0].Device
	if v.Fallback() != bundle.FallbackNever {
		p.others = p.placements[1:]
	}
	if off := sharing(v.off.Load()); v.sharesRuns() && off&paddingOff == 0 {
		p.batches = v.Report.Batching.Watched && off == 0
		p.padding = v.Schema.Padding
	}
	if !p.batches && p.padding == nil && len(p.others) == 0 {
		return nil
	}
	return p
}

// sharedRun tells whether a task's answer may depend on what it shared its run with, as far
// as that is compared.
func (p *comparePlan) sharedRun(t *task.Task) bool {
	if !p.batches && p.padding == nil {
		return false
	}
	if t.Rows > p.maxBatch {
		return true // its parts ran apart, each perhaps with others
	}
	return t.Trace.Batch > t.Rows || p.padding != nil && !t.Unpadded && isPadded(p.padding, t)
}

// isPadded tells whether a request is shorter than the least that it is padded to.
func isPadded(p *tensor.Padding, t *task.Task) bool {
	for i, axis := range p.InputAxis {
		if axis >= 0 && i < len(t.Inputs) && axis < len(t.Inputs[i].Shape) {
			length := int(t.Inputs[i].Shape[axis])
			return p.Bucket(length) > length
		}
	}
	return false
}

// own is the placement that answered; nil if it has no lane beside the scheduler's.
func (p *comparePlan) own(device string) *gates.Placement {
	at := slices.IndexFunc(p.placements, func(q *gates.Placement) bool { return q.Device == device && q.Taken != nil })
	if at < 0 {
		return nil
	}
	return p.placements[at]
}
