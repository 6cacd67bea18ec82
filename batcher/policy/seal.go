package policy

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// seal takes a candidate's items out of its queues and makes them the batch.
func (s *Scheduler) seal(now clock.Instant, c *candidate, b *Batch, out *Decisions) {
	in, q := c.on, c.queue()
	for range c.window.drops {
		s.drop(now, in, q.head, out)
	}
	items := c.window.items
	if in.model.single {
		items = min(items, 1)
	}
	for range items {
		in.board(s, q.head, b)
	}
	own := b.Rows
	b.Alone = c.group.alone
	if !c.probe && !b.Alone && !in.model.single {
		in.fill(s, now, c, b)
	}
	in.start(now, b, c.class, float64(own)/float64(b.Rows), c.probe)
}

// start books a batch that has its items. A part of it is the leading class's own.
func (in *instance) start(now clock.Instant, b *Batch, class task.Priority, part float64, probe bool) {
	run := in.cost.Latency(b.Rows)
	b.Model, b.Bucket, b.Probe = in.model.id, in.cost.Bucket(b.Rows), probe
	b.Start, b.PredictedEnd, b.watch = now, now.Add(run), in.watch(now, b.Rows)
	b.Likely = in.cost.Likely(b.Rows)
	in.charge(class, run, part)
	in.device.spend(now, in, run)
	in.running++
	in.counts.Batches++
	in.counts.Items += uint64(len(b.Items))
	in.counts.Rows += uint64(b.Rows)
	in.counts.Padding += uint64(b.Bucket - b.Rows)
	if probe {
		in.counts.Probes++
	}
	if b.Hedge && !probe {
		in.counts.Hedges++
	}
}

// board moves a queued item to the batch.
func (in *instance) board(s *Scheduler, it *Item, b *Batch) {
	in.take(s, it)
	it.state, it.runs = itemSealed, 1
	b.Items = append(b.Items, it)
	b.Rows += it.Rows
}

// fill adds items of the other classes for as long as they cost the batch's own nothing, and break no
// promise to the classes above them: everyone still makes the deadline, in the same bucket.
func (in *instance) fill(s *Scheduler, now clock.Instant, c *candidate, b *Batch) {
	due := c.window.first.Deadline
	bucket, limit := in.cost.Bucket(b.Rows), c.group.limit(in.limit)
	for class := range task.Priority(task.Priorities) {
		if class == c.class {
			continue
		}
		spare := time.Duration(-1) // not known yet
		for c.group.items > 0 {
			it := c.group.queues[class].head
			if it == nil || b.Rows+it.Rows > limit {
				break
			}
			rows := b.Rows + it.Rows
			if in.cost.Stepped() && in.cost.Bucket(rows) > bucket || min(due, it.Deadline) < now.Add(in.cost.Latency(rows)) {
				break
			}
			if spare < 0 {
				spare = in.spare(now, in.cost.Latency(b.Rows), class)
			}
			if spare -= in.cost.Latency(rows) - in.cost.Latency(b.Rows); spare < 0 {
				break
			}
			due = min(due, it.Deadline)
			in.board(s, it, b)
		}
	}
}

// spare is by how much a batch that starts now and takes so long may be prolonged for the sake of a class,
// and break no promise to those above it.
func (in *instance) spare(now clock.Instant, run time.Duration, class task.Priority) time.Duration {
	in.index()
	servers := time.Duration(in.device.servers())
	begins := in.device.mean(now, now).Add(run/servers + in.tariff.full)
	spare, higher := time.Hour, time.Duration(0)
	for c := range class {
		_, work, least := in.orders[c].root.sums()
		if in.rows[c] > 0 {
			spare = min(spare, least.Sub(begins)-higher)
		}
		higher += work
	}
	return max(spare, 0) * servers
}
