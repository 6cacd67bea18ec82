package policy

import (
	"time"

	"sluice/internal/clock"
)

// repairBooks is what a rig knows of failed batches and of the time of their repair.
type repairBooks struct {
	failed                   map[*Batch]Outcome
	since                    map[*Batch]clock.Instant // begin of the repair run
	repairs, others, longest map[*instance]time.Duration
	runs, apart              int
}

// pick draws a number below n, 0 without a source.
func (r *rig) pick(n int) int {
	if r.draw == nil {
		return 0
	}
	return r.draw(n)
}

// outcome is how the run of a batch has ended, and whether its lane runs some of it again.
func (r *rig) outcome(i int) (o Outcome, again bool) {
	r.t.Helper()
	b := r.running[i]
	in := r.s.models[b.Model].instance(r.s.devices[b.Device])
	o, known := r.repair.failed[b]
	if known {
		spent := r.now.Sub(r.repair.since[b])
		r.repair.repairs[in] += spent
		r.repair.longest[in] = max(r.repair.longest[in], spent)
		o = r.passSome(b, o)
	} else {
		r.repair.others[in] += r.now.Sub(b.Start)
		o = r.fails(b)
		if r.draw == nil || o != Failed && o != RowsFailed {
			return o, false
		}
		o = Failed
	}
	if r.pick(3) > 0 && r.s.Retry(r.now, b, 1+r.pick(b.Rows), false) {
		r.repair.failed[b], r.repair.since[b] = o, r.now
		r.repair.runs++
		r.ends[i] = r.now.Add(r.took(b))
		return o, true
	}
	delete(r.repair.failed, b)
	r.checkRepairs(in)
	return r.isolate(b, o), false
}

// passSome has some members run well.
func (r *rig) passSome(b *Batch, o Outcome) Outcome {
	var well []*Item
	for _, it := range b.Items {
		if !r.good[it] && r.pick(2) == 0 {
			well = append(well, it)
			r.good[it] = true
			r.completed++
			if it.Deadline < r.now {
				r.late++
			}
		}
	}
	if len(well) == 0 {
		return o
	}
	r.s.Passed(r.now, b, well)
	return RowsFailed
}

// isolate has some of the members that have not run well run alone.
func (r *rig) isolate(b *Batch, o Outcome) Outcome {
	r.t.Helper()
	before := len(b.Items)
	suspect := func(it *Item) Turn {
		if r.good[it] {
			return TurnShared
		}
		return Turn(r.pick(int(turns)))
	}
	r.s.Isolate(r.now, b, suspect, o == RowsFailed, &r.out)
	moved, drops := r.out.Requeued, r.out.Dropped
	if len(moved)+len(drops)+len(b.Items) != before {
		r.t.Fatalf("of %d items %d were set apart, %d dropped and %d stayed", before, len(moved), len(drops), len(b.Items))
	}
	for _, it := range moved {
		r.note("apart %d %d", r.now, it.Device)
		delete(r.sealed, it)
		r.queued[it] = true
	}
	for _, d := range drops {
		delete(r.sealed, d.Item)
		r.queued[d.Item] = true
	}
	r.repair.apart += len(moved)
	r.follow()
	if o == Failed && len(moved) > 0 {
		return Undecided
	}
	return o
}

// checkRepairs wants repair runs to have taken a quarter of an instance's time at most, and
// one run on each lane more.
func (r *rig) checkRepairs(in *instance) {
	r.t.Helper()
	if in.device.opts.Stage > 0 {
		return // a lane waits for the other there, and its time is no device time
	}
	book := &r.repair
	most := book.others[in]/3 + time.Duration(len(in.device.lanes))*book.longest[in] + time.Microsecond
	if book.repairs[in] > most {
		r.t.Fatalf("repair runs took %v beside %v of others; %v is the most", book.repairs[in], book.others[in], most)
	}
}
