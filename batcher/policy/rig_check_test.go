package policy

import (
	"sluice/internal/clock"
	"sluice/internal/task"
)

// checkBatch holds a batch against the rules that any batch obeys.
func (r *rig) checkBatch(b *Batch) {
	r.t.Helper()
	m := r.s.models[b.Model]
	rows := 0
	last := map[order]clock.Instant{}
	for _, it := range b.Items {
		rows += it.Rows
		if it.Most > 0 && b.Rows > it.Most {
			r.t.Fatalf("a batch of %d rows holds an item that allows %d", b.Rows, it.Most)
		}
		if it.Model != b.Model || it.Device != b.Device && !b.Hedge || it.Key != b.Items[0].Key {
			r.t.Fatalf("a batch of model %d, device %d, key %d holds an item of %d, %d, %d", b.Model, b.Device, b.Items[0].Key, it.Model, it.Device, it.Key)
		}
		if it.Deadline < b.PredictedEnd && !b.Probe {
			r.t.Fatalf("sealed at %d until %d with a member due at %d", b.Start, b.PredictedEnd, it.Deadline)
		}
		if it.Deadline <= b.Start && !b.Hedge {
			r.t.Fatalf("sealed at %d with a member that was due at %d", b.Start, it.Deadline)
		}
		k := orderOf(it)
		if it.turn != TurnShared && (!b.Alone || len(b.Items) > 1) {
			r.t.Fatalf("an item that is to run alone is in a batch of %d", len(b.Items))
		}
		if it.Deadline < last[k] {
			r.t.Fatalf("members of class %d are out of deadline order", it.Class)
		}
		last[k] = it.Deadline
	}
	for it := range r.queued {
		if !b.Hedge && it.Model == b.Model && it.Device == b.Device && it.Deadline < last[orderOf(it)] {
			r.t.Fatalf("an item due at %d was overtaken by one of its own class due later", it.Deadline)
		}
	}
	if rows != b.Rows || rows < 1 || rows > m.opts.MaxBatch || b.Bucket < rows {
		r.t.Fatalf("batch of %d rows says %d, bucket %d, limit %d", rows, b.Rows, b.Bucket, m.opts.MaxBatch)
	}
}

// order is the items that are sealed in the order of their deadlines.
type order struct {
	class task.Priority
	key   uint64
	turn  Turn
}

func orderOf(it *Item) order {
	if it.turn != TurnShared {
		return order{it.Class, 0, it.turn}
	}
	return order{it.Class, it.Key, it.turn}
}

// check holds the scheduler's own books against the rig's.
func (r *rig) check() {
	r.t.Helper()
	active := map[DeviceID]map[int]bool{}
	for _, b := range r.running {
		if active[b.Device] == nil {
			active[b.Device] = map[int]bool{}
		}
		if active[b.Device][b.Lane] {
			r.t.Fatalf("lane %d runs two batches", b.Lane)
		}
		active[b.Device][b.Lane] = true
	}
	first := clock.Never
	for _, d := range r.s.devices {
		r.checkLanes(d, active[d.id])
		for _, in := range d.busy {
			first = min(first, in.due())
		}
	}
	rows, items, due := 0, 0, clock.Never
	for it := range r.queued {
		rows += it.Rows
		items++
		due = min(due, it.Deadline)
		d := r.s.devices[it.Device]
		if d.state == DeviceBroken || d.state == DeviceClosed {
			r.t.Fatalf("an item waits for device %d, which is %v", d.id, d.state)
		}
		if !r.conserve || len(r.woken) > 0 || d.active == d.opts.Lanes || d.opts.Stage > 0 && len(active[it.Device]) > 0 {
			continue
		}
		in := r.s.models[it.Model].instance(d)
		if it.Deadline >= r.now.Add(in.cost.Latency(it.Rows)) {
			r.t.Fatalf("at %d a lane of device %d idles while an item due at %d waits", r.now, d.id, it.Deadline)
		}
	}
	if first != due || r.s.Due() > due {
		r.t.Fatalf("the next deadline is %d, the scheduler has %d and wants to look at %d", due, first, r.s.Due())
	}
	gotRows, gotItems, groups := 0, 0, 0
	for _, m := range r.s.models {
		if m == nil {
			continue
		}
		gotRows, gotItems = gotRows+m.rows, gotItems+m.items
		most := m.opts.MaxQueueRows // and what failed batches have given back
		for _, in := range m.on {
			if len(m.on) > 1 || r.draw != nil {
				most += len(in.device.lanes) * m.opts.MaxBatch
			}
		}
		if m.rows > most {
			r.t.Fatalf("%d rows wait, the bound is %d", m.rows, most)
		}
		for _, in := range m.on {
			groups = max(groups, len(in.groups)-in.items)
		}
	}
	if gotRows != rows || gotItems != items {
		r.t.Fatalf("the scheduler counts %d items of %d rows, there are %d of %d", gotItems, gotRows, items, rows)
	}
	if groups > sparseGroups {
		r.t.Fatalf("%d empty groups are kept", groups)
	}
}
