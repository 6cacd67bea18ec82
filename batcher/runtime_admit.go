package batcher

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// Preview tells whether a request of the highest class would be admitted now, without
// queueing it. A refusal counts as one: the arrival rate that sizes the batches is
// that of all who ask.
func (s *Scheduler) Preview(now clock.Instant, id ModelID, rows int, deadline clock.Instant) Verdict {
	m := s.model(id)
	if m == nil || m.closed {
		return Verdict{Reason: Closed, Wake: noLane}
	}
	it := Item{Model: id, Rows: rows, Arrived: now, Deadline: deadline, Class: task.High}
	for _, in := range m.on {
		in.device.refresh(now)
		in.cost.wake(now)
	}
	in, f := m.route(now, &it)
	reason := s.refuse(now, in, &it, f)
	if reason == None {
		return Verdict{Admitted: true, Wake: noLane}
	}
	m.counts.Arrived++
	m.counts.Refused[reason]++
	in.arrivals.add(now, rows)
	return Verdict{Reason: reason, Wait: max(f.start.Sub(now), time.Duration(0)), Wake: noLane}
}

// WaitingRows is how many rows wait for a device.
func (s *Scheduler) WaitingRows(id DeviceID) (rows int) {
	for _, in := range s.devices[id].busy {
		rows += in.totalRows()
	}
	return rows
}

// Waiting reports whether anything waits for a device.
func (s *Scheduler) Waiting(id DeviceID) bool { return len(s.devices[id].busy) > 0 }
