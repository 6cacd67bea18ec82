package models

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/agree"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// Comparer compares live answers of a version: it runs a row that was answered once more, on
// the lane that the scheduler does not use, and the answers must agree within the model's
// tolerance. There are two comparisons.
//
//   - Batches. A row that shared a batch, or was padded, must have the answer that it has
//     alone on the same device, without padding. It is for versions that are batched.
//   - Devices. A row that the preferred device answered must have that answer on a fallback
//     device. It is for versions with fallback.
//
// Each of a version's first 200 requests that shared a batch gives a row, then one in ten up
// to 2,000; later, and for devices from the start, one row in 10,000 is compared. Where the graph
// proves that rows keep apart, it is each of the first 20 and one row in a million. A comparison that cannot be made when it is due is made with a later request.
//
// The batches come first: a row that differs alone on its own device speaks against
// batching, or padding, and never against the other device. What is refuted is switched off
// for the version, once. Numbers without tolerance flip where two scores are nearly equal, so
// two rows must differ in them, or one whose scores are clear; and two rows must differ where the
// graph proves the contrary.
//
// A caller pays one atomic addition for each comparison, and a copy of at most 1 MiB when a
// row is due. One goroutine compares, one row at a time; what waits for it is bounded. In
// memory a version has one lane more on each device.
type Comparer struct {
	version  *Version
	limit    time.Duration // of a run
	findings func(finding)

	planning sync.Mutex // orders calls of refresh
	plan     atomic.Pointer[comparePlan]
	shelf    *shelf
	batches  comparison
	devices  comparison
	turn     uint64 // which fallback device is next; belongs to run
	misfits  chan finding
}

// comparison is one of the two, with its schedule and its counts.
type comparison struct {
	schedule schedule
	compared atomic.Uint64
	differed atomic.Uint64
	failed   atomic.Uint64
	worst    atomic.Uint64 // a float64
	doubt    doubt         // belongs to Comparer.run
}

// ParityStats counts what one of the comparisons has done.
type ParityStats struct {
	// Compared rows include the Differed ones, which differed beyond the tolerance.
	Compared, Differed uint64
	// Failed rows could not be run again, or could not be taken out of their request.
	Failed uint64
	// Deferred comparisons were due while too many rows waited, and were put off until a
	// later request.
	Deferred uint64
	// Worst is the largest difference so far over what the tolerance allows: above 1 is
	// beyond it, and infinite where no tolerance applies.
	Worst float64
}

// finding is what live answers have shown against a version.
type finding struct {
	off    sharing // what has to be switched off; 0 if it is the fallback
	device string
	text   string // a sentence with figures
	// answers are the row's own, as it was given and as it should be, for the operator.
	given, right string
}

func newComparer(v *Version) *Comparer { return &Comparer{version: v, misfits: make(chan finding, 1)} }

// begin starts the counting: one row of every once the first requests have been seen, each
// run bounded by limit. findings is told what differs, by the goroutine that compares.
func (w *Comparer) begin(every int, limit time.Duration, findings func(finding)) {
	if w.version.surelyApart() {
		w.batches.schedule.init(provenEach, provenEach, uint64(every)*provenThin, rand.Uint64N)
	} else {
		w.batches.schedule.init(firstEach, firstTenth, uint64(every), rand.Uint64N)
	}
	w.devices.schedule.init(0, 0, uint64(every), rand.Uint64N)
	w.limit, w.findings, w.shelf = limit, findings, newShelf()
	w.refresh()
}

// refresh takes up the version's placements and what is switched off.
func (w *Comparer) refresh() {
	w.planning.Lock()
	defer w.planning.Unlock()
	if w.shelf != nil {
		w.plan.Store(newComparePlan(w.version))
	}
}

// run compares what waits until ctx ends.
func (w *Comparer) run(ctx context.Context) {
	for {
		select {
		case f := <-w.misfits:
			w.findings(f)
			w.refresh()
		case h := <-w.shelf.rows:
			began := clock.Now()
			w.compare(ctx, h)
			w.shelf.free(h)
			w.rest(ctx, clock.Now().Sub(began))
		case <-ctx.Done():
			return
		}
	}
}

// rest keeps comparisons to a part of a device's time, for live requests wait for it too: a
// twentieth where the graph proves that rows keep apart, a fifth once the first requests have been
// looked at. What is due meanwhile waits.
func (w *Comparer) rest(ctx context.Context, took time.Duration) {
	share := time.Duration(0)
	switch {
	case w.version.surelyApart():
		share = 19
	case w.batches.compared.Load() >= firstEach:
		share = 4
	}
	if share == 0 || took <= 0 {
		return
	}
	select {
	case <-time.After(share * took):
	case <-ctx.Done():
	}
}

// discard gives up what waits, when nothing is offered and compared any more.
func (w *Comparer) discard() {
	if w.shelf != nil {
		w.shelf.clear()
	}
}

// Offer shows a task that has ended; its buffers must stay as they are until Offer
// returns. It never blocks and may be called from any goroutine.
func (w *Comparer) Offer(t *task.Task) {
	plan := w.plan.Load()
	if plan == nil || t.Err != nil || len(t.Optional) > 0 {
		return
	}
	var due checks
	row := 0
	if plan.sharedRun(t) {
		if at, ok := w.batches.schedule.due(t.Rows, w.shelf.room()); ok {
			row, due = at, dueAlone
		}
	}
	if len(plan.others) > 0 && t.Trace.Device == plan.preferred {
		if at, ok := w.devices.schedule.due(t.Rows, w.shelf.room()); ok {
			if due == 0 {
				row = at
			}
			due |= dueElsewhere
		}
	}
	if due != 0 {
		w.take(t, row, due)
	}
}

// Misfit tells of a batch on a device whose output had not a row for each of its rows, so that
// nobody can say whose they are: no batch of the version is to be trusted. It never blocks.
func (w *Comparer) Misfit(device string, rows int, err error) {
	if plan := w.plan.Load(); plan == nil || !plan.batches {
		return
	}
	select {
	case w.misfits <- finding{off: batchingOff, device: device, text: fmt.Sprintf("%s: a batch of %d rows failed on %s, since %s", batchingOff, rows, device, fault.Sentence(err))}:
	default: // one tells as much as many
	}
}

// take keeps the row, or puts off what it is due for.
func (w *Comparer) take(t *task.Task, row int, due checks) {
	h := cutRow(t, row, w.version.Schema)
	if h != nil {
		h.due = due
		if w.shelf.put(h, t) {
			return
		}
	}
	for check, c := range map[checks]*comparison{dueAlone: &w.batches, dueElsewhere: &w.devices} {
		switch {
		case due&check == 0:
		case h == nil:
			c.failed.Add(1)
		default:
			c.schedule.postpone()
		}
	}
}

// Batches counts the comparisons of rows with their answers alone.
func (w *Comparer) Batches() ParityStats { return w.batches.stats() }

// Devices counts the comparisons of devices.
func (w *Comparer) Devices() ParityStats { return w.devices.stats() }

func (c *comparison) stats() ParityStats {
	return ParityStats{
		Compared: c.compared.Load(), Differed: c.differed.Load(), Failed: c.failed.Load(), Deferred: c.schedule.deferred.Load(),
		Worst: math.Float64frombits(c.worst.Load()),
	}
}

// count takes a comparison into the counts.
func (c *comparison) count(found *agree.Contrast) {
	c.compared.Add(1)
	if found.Failed() {
		c.differed.Add(1)
	}
	if excess := found.Worst().Excess; excess > math.Float64frombits(c.worst.Load()) {
		c.worst.Store(math.Float64bits(excess))
	}
}
