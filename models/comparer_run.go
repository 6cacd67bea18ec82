package models

import (
	"context"
	"errors"
	"fmt"

	"sluice/internal/agree"
	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// compare makes the comparisons that a row is due for, unless they have been switched off
// meanwhile.
func (w *Comparer) compare(ctx context.Context, h *heldRow) {
	plan := w.plan.Load()
	if plan == nil {
		return
	}
	var alone *task.Task // the row's answer alone on its own device, as a fallback would run it
	if h.due&dueAlone != 0 && (plan.batches || plan.padding != nil) {
		var differs bool
		if alone, differs = w.compareAlone(ctx, plan, h); differs {
			if h.due&dueElsewhere != 0 {
				w.devices.schedule.postpone() // until a row that is not in dispute
			}
			return
		}
	}
	if alone != nil {
		defer alone.Release()
	}
	if h.due&dueElsewhere != 0 && len(plan.others) > 0 && w.version.Fallback() != bundle.FallbackNever {
		w.compareDevices(ctx, plan, h, alone)
	}
}

// compareAlone runs the row alone on the device that answered it, without padding if the
// device takes its length. alone is nil where there is no answer, or one that a fallback
// device would not give: without the padding that it has there.
func (w *Comparer) compareAlone(ctx context.Context, plan *comparePlan, h *heldRow) (alone *task.Task, differs bool) {
	v, c, place := w.version, &w.batches, plan.own(h.device)
	unpadded := v.Schema.Padding != nil
	t, err := w.try(ctx, place, h, unpadded)
	if lost, _ := task.DeviceFailed(err); err != nil && unpadded && !lost {
		unpadded = false
		t, err = w.try(ctx, place, h, false)
	}
	if err != nil {
		c.fail(ctx, err)
		return nil, false
	}
	found := w.differences(h.outputs, t.Outputs)
	if found.Failed() && (w.elsewhere(ctx, plan, place, h, unpadded) || w.rounding(ctx, place, h, t.Outputs, unpadded, &found)) {
		c.compared.Add(1)
		t.Release()
		return nil, true // nothing that speaks for or against
	}
	c.count(&found)
	switch {
	case found.Failed():
		defer t.Release()
		if c.doubt.settled(&found, h, w.version.surelyApart()) {
			off := batchingOff
			if unpadded {
				off = w.guilty(ctx, place, h, t)
			}
			w.blameSharing(h, t, &found, off)
		}
		return nil, true
	case unpadded:
		t.Release()
		return nil, false
	}
	return t, false
}

// differences compares two answers to a row.
func (w *Comparer) differences(got, want []tensor.Tensor) agree.Contrast {
	return agree.Answers(got, want, w.version.Schema.Batchable(), 0, w.version.Config.Tolerance)
}

// guilty tells padding from batching: right is what the row's answer is alone and unpadded.
func (w *Comparer) guilty(ctx context.Context, place *gates.Placement, h *heldRow, right *task.Task) sharing {
	t, err := w.try(ctx, place, h, false)
	if err != nil {
		return batchingOff | paddingOff
	}
	defer t.Release()
	if found := w.differences(t.Outputs, right.Outputs); found.Failed() {
		return paddingOff
	}
	return batchingOff
}

// compareDevices runs the row on the next fallback device. alone is the row's answer alone on
// its own device; if it is nil, it is found out where the devices seem to differ, since the
// difference may come from the batch.
func (w *Comparer) compareDevices(ctx context.Context, plan *comparePlan, h *heldRow, alone *task.Task) {
	v, c := w.version, &w.devices
	place := plan.others[w.turn%uint64(len(plan.others))]
	w.turn++
	other := w.runOn(ctx, place, h, c)
	if other == nil {
		return
	}
	defer other.Release()
	given := h.outputs
	if alone != nil {
		given = alone.Outputs
	}
	found := w.differences(other.Outputs, given)
	if found.Failed() && alone == nil && v.Schema.Batchable() {
		own := w.runOn(ctx, plan.own(h.device), h, c)
		if own == nil {
			return
		}
		defer own.Release()
		if w.batchIsToBlame(h, own) {
			return
		}
		given = own.Outputs
		found = w.differences(other.Outputs, given)
	}
	if found.Failed() && w.rounding(ctx, plan.own(h.device), h, given, false, &found) {
		c.compared.Add(1)
		return
	}
	c.count(&found)
	if !found.Failed() || !c.doubt.settled(&found, h, false) {
		return
	}
	worst := found.Worst()
	w.findings(finding{
		device: place.Device,
		text:   fmt.Sprintf("fallback is switched off: %s differs from %s on a live row, %s", place.Device, plan.preferred, worst.String()),
		given:  agree.Text(other.Outputs), right: agree.Text(given),
	})
	w.refresh()
}

// batchIsToBlame tells whether the row differs from its answer alone on its own device, where
// it must not.
func (w *Comparer) batchIsToBlame(h *heldRow, alone *task.Task) bool {
	v := w.version
	found := w.differences(h.outputs, alone.Outputs)
	if !found.Failed() || !v.sharesRuns() || v.Alone() {
		return false
	}
	w.batches.count(&found)
	if w.batches.doubt.settled(&found, h, w.version.surelyApart()) {
		w.blameSharing(h, alone, &found, batchingOff)
	}
	return true
}

// blameSharing reports that a row's answer was changed by what it shared a run with.
func (w *Comparer) blameSharing(h *heldRow, right *task.Task, found *agree.Contrast, off sharing) {
	stats := w.batches.stats()
	worst := found.Worst()
	how, than := "", "alone"
	if off&paddingOff != 0 {
		how, than = " with padding", "alone without it"
	}
	w.findings(finding{
		off: off, device: h.device,
		text: fmt.Sprintf("%s: a live row was answered otherwise%s in a batch of %d on %s than %s, in output %s (%s); %d of %d rows that were compared differ",
			off, how, h.batch, h.device, than, worst.Output, worst.Measure(), stats.Differed, stats.Compared),
		given: agree.Text(h.outputs), right: agree.Text(right.Outputs),
	})
	w.refresh()
}

// runOn runs the row alone on a device. It returns nil if there is no answer, which c counts.
func (w *Comparer) runOn(ctx context.Context, place *gates.Placement, h *heldRow, c *comparison) *task.Task {
	t, err := w.try(ctx, place, h, false)
	if err != nil {
		c.fail(ctx, err)
	}
	return t
}

var errNoLane = errors.New("the session has no lane for live comparisons")

// try runs the row alone on a device, when the lane beside the scheduler's is free.
func (w *Comparer) try(ctx context.Context, place *gates.Placement, h *heldRow, unpadded bool) (*task.Task, error) {
	if place == nil {
		return nil, errNoLane
	}
	select {
	case place.Taken <- struct{}{}:
		defer func() { <-place.Taken }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return h.run(place, w.version.Schema, unpadded, clock.Now().Add(w.limit))
}

// fail counts a row that was not answered again.
func (c *comparison) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // the version is being unloaded
	}
	c.failed.Add(1)
	if lost, _ := task.DeviceFailed(err); lost {
		// A device that fails now and then is no device that answers wrongly, and the row is
		// not to blame: another one takes its place.
		c.schedule.owed.Add(1)
	}
}

// doubt remembers a row that differed in a label and had no clear scores: one such row shows
// nothing, two different ones do.
type doubt struct {
	raised bool
	print  uint64 // of the row
}

// settled tells whether a difference has to be acted on now. Where the graph proves the contrary
// one row is never enough: it may be rounding that is larger than the tolerance.
func (d *doubt) settled(c *agree.Contrast, h *heldRow, proven bool) bool {
	if c.Certain() && !proven {
		return true
	}
	print := h.print()
	if d.raised && d.print != print {
		return true
	}
	d.raised, d.print = true, print
	return false
}
