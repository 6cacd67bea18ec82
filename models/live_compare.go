package models

import (
	"context"
	"fmt"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// compare makes the comparisons that a row is due for, unless they have been switched off
// meanwhile.
func (w *Watch) compare(ctx context.Context, h *heldRow) {
	plan := w.plan.Load()
	if plan == nil {
		return
	}
	var alone *task.Task // the row's answer alone on its own device, as a fallback would run it
	defer func() {
		if alone != nil {
			alone.Release()
		}
	}()
	if h.due&dueAlone != 0 && (plan.batches || plan.padding != nil) {
		var differs bool
		if alone, differs = w.compareAlone(ctx, plan, h); differs {
			if h.due&dueElsewhere != 0 {
				w.devices.schedule.postpone() // until a row that is not in dispute
			}
			return
		}
	}
	if h.due&dueElsewhere != 0 && len(plan.others) > 0 && w.version.Fallback() != FallbackNever {
		w.compareDevices(ctx, plan, h, &alone)
	}
}

// compareAlone runs the row alone on the device that answered it, without padding. alone is
// nil where there is no answer, or one that a fallback device would not give: without the
// padding that it has there.
func (w *Watch) compareAlone(ctx context.Context, plan *watchPlan, h *heldRow) (alone *task.Task, differs bool) {
	v, c := w.version, &w.batches
	unpadded := v.Schema.Padding != nil
	t := w.runOn(ctx, plan.own(h.device), h, unpadded, c)
	if t == nil {
		return nil, false
	}
	found := contrastOf(h.outputs, t.Outputs, v.Schema, v.Config.Tolerance)
	c.count(&found)
	if !found.failed() {
		if unpadded {
			t.Release()
			return nil, false
		}
		return t, false
	}
	defer t.Release()
	if c.doubt.settled(&found, h) {
		w.blameSharing(h, t, &found, w.guilty(ctx, plan, h, t))
	}
	return nil, true
}

// guilty tells padding from batching: right is what the row's answer is alone and unpadded.
func (w *Watch) guilty(ctx context.Context, plan *watchPlan, h *heldRow, right *task.Task) sharing {
	v := w.version
	if v.Schema.Padding == nil {
		return batchingOff
	}
	t := w.runOn(ctx, plan.own(h.device), h, false, &w.batches)
	if t == nil {
		return batchingOff | paddingOff
	}
	defer t.Release()
	if found := contrastOf(t.Outputs, right.Outputs, v.Schema, v.Config.Tolerance); found.failed() {
		return paddingOff
	}
	return batchingOff
}

// compareDevices runs the row on the next fallback device. alone is the row's answer alone on
// its own device, if that is known; it is found out where the devices seem to differ, since
// the difference may come from the batch.
func (w *Watch) compareDevices(ctx context.Context, plan *watchPlan, h *heldRow, alone **task.Task) {
	v, c := w.version, &w.devices
	place := plan.others[w.turn%uint64(len(plan.others))]
	w.turn++
	other := w.runOn(ctx, place, h, false, c)
	if other == nil {
		return
	}
	defer other.Release()
	given := h.outputs
	if *alone != nil {
		given = (*alone).Outputs
	}
	found := contrastOf(other.Outputs, given, v.Schema, v.Config.Tolerance)
	if found.failed() && *alone == nil && v.Schema.Batchable() {
		if *alone = w.runOn(ctx, plan.own(h.device), h, false, c); *alone == nil {
			return
		}
		shared := contrastOf(h.outputs, (*alone).Outputs, v.Schema, v.Config.Tolerance)
		if shared.failed() && v.sharesRuns() && !v.Alone() {
			w.batches.count(&shared)
			if w.batches.doubt.settled(&shared, h) {
				w.blameSharing(h, *alone, &shared, batchingOff)
			}
			return
		}
		given = (*alone).Outputs
		found = contrastOf(other.Outputs, given, v.Schema, v.Config.Tolerance)
	}
	c.count(&found)
	if !found.failed() || !c.doubt.settled(&found, h) {
		return
	}
	worst := found.worst()
	w.findings(finding{
		device: place.Device,
		text:   fmt.Sprintf("fallback is switched off: %s differs from %s on a live row, %s", place.Device, plan.preferred, worst.String()),
		given:  answerText(other.Outputs), right: answerText(given),
	})
	w.refresh()
}

// blameSharing reports that a row's answer was changed by what it shared a run with.
func (w *Watch) blameSharing(h *heldRow, right *task.Task, found *contrast, off sharing) {
	stats := w.batches.stats()
	worst := found.worst()
	w.findings(finding{
		off: off, device: h.device,
		text: fmt.Sprintf("%s: a live row was answered otherwise in a batch of %d on %s than alone, in output %s (%s); %d of %d rows that were compared differ",
			off, h.batch, h.device, worst.output, worst.measure(), stats.Differed, stats.Compared),
		given: answerText(h.outputs), right: answerText(right.Outputs),
	})
	w.refresh()
}

// runOn runs the row alone on a device, when its spare lane is free. It returns nil if there
// is no answer, which c counts.
func (w *Watch) runOn(ctx context.Context, place *Placement, h *heldRow, unpadded bool, c *comparison) *task.Task {
	if place == nil {
		c.failed.Add(1)
		return nil
	}
	select {
	case place.spare <- struct{}{}:
		defer func() { <-place.spare }()
	case <-ctx.Done():
		return nil
	}
	t, err := h.run(place, w.version.Schema, unpadded, clock.Now().Add(w.limit))
	if err == nil {
		return t
	}
	c.failed.Add(1)
	if lost, _ := task.DeviceFailed(err); lost {
		// A device that fails now and then is no device that answers wrongly, and the row is
		// not to blame: another one takes its place.
		c.schedule.owed.Add(1)
	}
	return nil
}
