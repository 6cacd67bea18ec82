package batcher

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// model is what is common to a model's instances.
type model struct {
	id     ModelID
	opts   ModelOptions
	on     []*instance // in order of preference
	rows   int         // waiting, on all devices
	items  int
	bytes  int64
	closed bool
	counts Counts

	alone    bool // only the first device may be used, whatever the options say
	single   bool // a batch holds one item
	pressure pressure
	fair     fairRows
	budgets  [task.Priorities]fairBudgets
	hedges   float64 // items that may yet run a second time
	gifts    uint64  // counts what the instances are given
}

// instance is one model on one device: its queues, what it costs there, and its account
// with the device.
type instance struct {
	model  *model
	device *device
	cost   *costModel
	weight float64
	guest  bool // the model prefers other devices
	guess  bool // what it costs was never measured

	peers      []*instance // this one too, in order of preference; see peers.go
	given      uint64      // the model's gifts when it was given something last
	considered bool        // by best, with predicted
	predicted  forecast

	groups map[uint64]*group
	recent *group                  // the group last pushed to
	apart  [turns]*group           // of the items that run alone; nil until there is one
	heads  [task.Priorities]heads  // groups with items of the class, earliest head first
	rows   [task.Priorities]int    // waiting
	came   [task.Priorities]uint64 // rows, ever
	items  int                     // waiting, of all classes
	keys   int                     // groups with items

	orders  [task.Priorities]demand // of what waits, while indexed
	tariff  tariff
	indexed bool
	moved   bool // predictions may have left the tariff

	busyAt int // place in device.busy while items > 0, else -1

	arrivals rate
	passed   [task.Priorities]float64 // what higher classes add, as a part of what waits; see displace.go
	back     returns
	budgets  shortest
	late     lateness
	needs    float64       // of the device: what arrives, in its best batches
	share    float64       // of the device's time that the instance can count on
	limit    int           // B*: the largest batch worth running
	span     time.Duration // that a batch may take, 0 for any
	target   int           // the batch needed to keep up with the load
	tights   int           // waiting items that have no time for a full batch

	// Of a batch of limit rows: latency and mean.
	fullRun, fullMean time.Duration

	virtual float64                  // device time used, by weight; see fairness.go
	credit  [task.Priorities]float64 // device time owed to lower classes
	floor   float64                  // SchedulerOptions.ClassFloor
	wanting [task.Priorities]bool    // refused since the last batch
	running int                      // batches
	hanging int                      // of them that take far too long; see lend.go
	lent    int                      // of those whose lane has a spare in its place
	lastEnd clock.Instant            // of a batch
	ended   bool                     // lastEnd is valid
	probeAt clock.Instant            // last admission against the prediction
	tooSlow clock.Instant            // first refusal for a budget that is too short; 0 if none
	ranWell clock.Instant            // end of the last good run
	ran     bool                     // ranWell is valid
	slack   time.Duration            // see learnSlack
	repairs repairs
	counts  BatchCounts
}

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

// instance is the model's instance on a device.
func (m *model) instance(d *device) *instance {
	for _, in := range m.on {
		if in.device == d {
			return in
		}
	}
	return nil
}

func (in *instance) totalRows() int {
	n := 0
	for _, r := range in.rows {
		n += r
	}
	return n
}

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
	return it.group.limit(max(in.limit, min(in.cost.best(it.span), in.model.opts.MaxBatch)))
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

// refresh brings what was learned of the instance and its device up to date.
func (in *instance) refresh(now clock.Instant) {
	in.device.refresh(now)
	if in.cost.wake(now) {
		in.retune()
	}
}

// retune computes the largest batch worth running and the target, from the cost model,
// the load and the budgets of the instance and its neighbours.
func (in *instance) retune() {
	in.moved = true
	limit := in.budgets.value() / 2
	if limit == 0 {
		limit = in.model.opts.Budget / 2
	}
	if limit > 0 && in.cost.latency(1) > limit {
		// Not even one row fits half the budget: allow what can still make it at all.
		limit += limit / 2
	}
	if n := in.device.neighbourBudget(in); n > 0 && (limit == 0 || n < limit) {
		limit = n
	}
	in.limit, in.span = min(in.cost.best(limit), in.model.opts.MaxBatch), limit
	in.fullRun, in.fullMean = in.cost.latency(in.limit), in.cost.mean(in.limit)
	lanes := float64(in.device.servers())
	in.target = in.cost.smallest(in.arrivals.rising()/(lanes*in.share), in.limit)
}

// drain predicts how long one lane needs for so many rows.
func (in *instance) drain(rows int) time.Duration { return in.drainBy(rows, in.limit) }

// drainBy is drain for batches of at most limit rows.
func (in *instance) drainBy(rows, limit int) time.Duration {
	if rows == 0 {
		return 0
	}
	if rows <= limit {
		return in.cost.mean(rows)
	}
	full, rest := rows/limit, rows%limit
	t := time.Duration(full) * in.cost.mean(limit)
	if rest > 0 {
		t += in.cost.mean(rest)
	}
	return t
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
