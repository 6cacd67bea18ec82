package policy

import (
	"time"

	"sluice/batcher/policy/costmodel"
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
	cost   *costmodel.Model
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
	answer  time.Duration            // SchedulerOptions.Answer
	kept    float64                  // nanoseconds that short budgets leave; see headroom.go
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

// refresh brings what was learned of the instance and its device up to date.
func (in *instance) refresh(now clock.Instant) {
	in.device.refresh(now)
	if in.cost.Wake(now) {
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
	if limit > 0 && in.cost.Latency(1) > limit {
		// Not even one row fits half the budget: allow what can still make it at all.
		limit += limit / 2
	}
	if n := in.device.neighbourBudget(in); n > 0 && (limit == 0 || n < limit) {
		limit = n
	}
	in.limit, in.span = min(in.cost.Best(limit), in.model.opts.MaxBatch), limit
	in.fullRun, in.fullMean = in.cost.Latency(in.limit), in.cost.Mean(in.limit)
	lanes := float64(in.device.servers())
	in.target = in.cost.Smallest(in.arrivals.rising()/(lanes*in.share), in.limit)
}

// drain predicts how long one lane needs for so many rows.
func (in *instance) drain(rows int) time.Duration { return in.drainBy(rows, in.limit) }

// drainBy is drain for batches of at most limit rows.
func (in *instance) drainBy(rows, limit int) time.Duration {
	if rows == 0 {
		return 0
	}
	if rows <= limit {
		return in.cost.Mean(rows)
	}
	full, rest := rows/limit, rows%limit
	t := time.Duration(full) * in.cost.Mean(limit)
	if rest > 0 {
		t += in.cost.Mean(rest)
	}
	return t
}
