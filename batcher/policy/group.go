package policy

import (
	"sluice/internal/clock"
	"sluice/internal/task"
)

// group is the items of one instance that can share a batch: one queue per class.
type group struct {
	key    uint64
	on     *instance
	queues [task.Priorities]queue
	at     [task.Priorities]int // place in the instance's heads, -1 if none
	items  int
	most   int    // rows of a batch; 0 means the model's largest
	alone  bool   // each item is a batch of its own, whatever its key
	free   *group // the scheduler's list of spare groups
}

// sparseGroups is how many groups an instance keeps although they are empty. Keys come
// from clients, so the rest must go; but a model of one shape must not make and unmake
// its only group for every request.
const sparseGroups = 16

// push queues an item. weight is random.
func (in *instance) push(s *Scheduler, it *Item, weight uint32) {
	g := in.place(s, it)
	c := it.Class
	q := &g.queues[c]
	it.group, it.state, it.span, it.before = g, itemQueued, in.span, in.above(c)
	g.bound(it)
	q.push(it, weight)
	if in.indexed {
		in.enlist(it)
	}
	if g.items++; g.items == 1 {
		in.keys++
	}
	if q.head == it {
		in.heads[c].moved(c, g)
	}
	in.rows[c] += it.Rows
	in.came[c] += uint64(it.Rows)
	if it.tight > 0 {
		in.tights++
	}
	in.items++
	if in.items == 1 {
		in.device.addBusy(in)
	}
	m := in.model
	m.rows += it.Rows
	m.items++
	m.bytes += it.Bytes
}

// limitOf is the largest batch worth running of items with a key.
func (in *instance) limitOf(key uint64) int {
	if in.recent != nil && in.recent.key == key {
		return in.recent.limit(in.limit)
	}
	return in.groups[key].limit(in.limit)
}

// leads is the largest batch that may run for the sake of an item that waits. A budget that is shorter
// than those before makes batches small from then on; what was promised before counts on large ones.
func (in *instance) leads(it *Item) int {
	if in.span == 0 || it.span != 0 && it.span <= in.span {
		return it.group.limit(in.limit)
	}
	return it.group.limit(max(in.limit, min(in.cost.Best(it.span), in.model.opts.MaxBatch)))
}

// limit is the smaller of a batch and the largest that the group's items may make. nil has no
// bound of its own.
func (g *group) limit(batch int) int {
	if g == nil || g.most == 0 {
		return batch
	}
	return min(batch, g.most)
}

// bound notes how many rows may share a batch with an item. Keys are hashes: should two shapes have
// the same one, the smaller bound holds while both wait.
func (g *group) bound(it *Item) {
	if g.items == 0 {
		g.most = it.Most
	} else if it.Most > 0 && (g.most == 0 || it.Most < g.most) {
		g.most = it.Most
	}
}

// take removes a queued item.
func (in *instance) take(s *Scheduler, it *Item) {
	g, c := it.group, it.Class
	q := &g.queues[c]
	first := q.head == it
	q.remove(it)
	if in.indexed {
		in.orders[c].remove(it)
	}
	if g.items--; g.items == 0 {
		in.keys--
	}
	if first {
		in.heads[c].moved(c, g)
	}
	in.rows[c] -= it.Rows
	if it.tight > 0 {
		in.tights--
	}
	in.items--
	if in.items == 0 {
		in.indexed = false
		in.device.removeBusy(in)
	}
	m := in.model
	m.rows -= it.Rows
	m.items--
	m.bytes -= it.Bytes
	it.state, it.group = itemFree, nil
	if g.items == 0 && !g.alone && len(in.groups) > sparseGroups {
		in.reclaim(s, g)
	}
}

func (in *instance) group(s *Scheduler, key uint64) *group {
	if in.recent != nil && in.recent.key == key {
		return in.recent
	}
	g := in.groups[key]
	if g == nil {
		if g = s.spare; g != nil {
			s.spare, g.free = g.free, nil
		} else {
			g = &group{}
		}
		g.key, g.on, g.most = key, in, 0
		for c := range g.at {
			g.at[c] = -1
		}
		in.groups[key] = g
	}
	in.recent = g
	return g
}

func (in *instance) reclaim(s *Scheduler, g *group) {
	delete(in.groups, g.key)
	if in.recent == g {
		in.recent = nil
	}
	g.on = nil
	g.free, s.spare = s.spare, g
}

// head is the earliest item of a class, nil if none.
func (in *instance) head(c task.Priority) *Item {
	if len(in.heads[c]) == 0 {
		return nil
	}
	return in.heads[c][0].queues[c].head
}

// due is the earliest deadline that waits.
func (in *instance) due() clock.Instant {
	due := clock.Never
	for c := range task.Priority(task.Priorities) {
		if it := in.head(c); it != nil {
			due = min(due, it.Deadline)
		}
	}
	return due
}

// heads is a binary heap of the groups that have items of a class, by the deadline of
// the first.
type heads []*group

// moved puts a group in its place after its first item of class c has changed.
func (h *heads) moved(c task.Priority, g *group) {
	i := g.at[c]
	if g.queues[c].head == nil {
		last := len(*h) - 1
		moving := (*h)[last]
		(*h)[last] = nil
		*h = (*h)[:last]
		g.at[c] = -1
		if i < last {
			h.set(c, i, moving)
			h.settle(c, i)
		}
		return
	}
	if i < 0 {
		i = len(*h)
		*h = append(*h, nil)
		h.set(c, i, g)
	}
	h.settle(c, i)
}

func (h heads) set(c task.Priority, i int, g *group) {
	h[i] = g
	g.at[c] = i
}

func (h heads) before(c task.Priority, i, j int) bool {
	return h[i].queues[c].head.Deadline < h[j].queues[c].head.Deadline
}

func (h heads) swap(c task.Priority, i, j int) {
	a, b := h[i], h[j]
	h.set(c, i, b)
	h.set(c, j, a)
}

func (h heads) settle(c task.Priority, i int) {
	for i > 0 && h.before(c, i, (i-1)/2) {
		h.swap(c, i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(h) && h.before(c, child+1, child) {
			child++
		}
		if child >= len(h) || !h.before(c, child, i) {
			return
		}
		h.swap(c, i, child)
		i = child
	}
}

// rival is the earliest item of class c in another group, nil if there is none.
func (h heads) rival(c task.Priority, g *group) (it *Item) {
	for i := range min(len(h), 3) { // the first, and those below it
		if o := h[i]; o != g && (it == nil || o.queues[c].head.Deadline < it.Deadline) {
			it = o.queues[c].head
		}
	}
	return it
}
