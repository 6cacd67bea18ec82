package batcher

import (
	"sluice/internal/clock"
	"sluice/internal/task"
)

// seal takes a candidate's items out of its queues and makes them the batch.
func (s *Scheduler) seal(now clock.Instant, c *candidate, b *Batch) {
	in, q := c.on, c.queue()
	for range c.window.drops {
		s.drop(now, in, q.head, b)
	}
	for range c.window.items {
		in.board(s, q.head, b)
	}
	own := b.Rows
	if !c.probe {
		in.fill(s, now, c, b)
	}
	run := in.cost.latency(b.Rows)
	b.Model, b.Bucket, b.Probe = in.model.id, in.cost.bucket(b.Rows), c.probe
	b.Start, b.PredictedEnd = now, now.Add(run)
	in.charge(c.class, run, float64(own)/float64(b.Rows))
	in.running++
	in.counts.Batches++
	in.counts.Items += uint64(len(b.Items))
	in.counts.Rows += uint64(b.Rows)
	in.counts.Padding += uint64(b.Bucket - b.Rows)
	if c.probe {
		in.counts.Probes++
	}
}

// board moves a queued item to the batch.
func (in *instance) board(s *Scheduler, it *Item, b *Batch) {
	in.take(s, it)
	it.state = itemSealed
	b.Items = append(b.Items, it)
	b.Rows += it.Rows
}

// fill adds items of the other classes for as long as they cost the batch's own nothing:
// everyone still makes the deadline, in the same bucket.
func (in *instance) fill(s *Scheduler, now clock.Instant, c *candidate, b *Batch) {
	due := c.window.first.Deadline
	bucket := in.cost.bucket(b.Rows)
	for class := range task.Priority(task.Priorities) {
		if class == c.class {
			continue
		}
		for c.group.items > 0 {
			it := c.group.queues[class].head
			if it == nil || b.Rows+it.Rows > in.limit {
				break
			}
			rows := b.Rows + it.Rows
			if in.cost.stepped && in.cost.bucket(rows) > bucket || min(due, it.Deadline) < now.Add(in.cost.latency(rows)) {
				break
			}
			due = min(due, it.Deadline)
			in.board(s, it, b)
		}
	}
}

// drop gives a queued item up.
func (s *Scheduler) drop(now clock.Instant, in *instance, it *Item, b *Batch) {
	reason := PredictedLate
	if it.Deadline <= now {
		reason = Expired
	}
	in.take(s, it)
	in.model.counts.Dropped[reason]++
	b.Dropped = append(b.Dropped, Drop{it, reason})
}
