package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
)

// offer is a request of a scene that can be played again.
type offer struct {
	at     clock.Instant
	rows   int
	budget time.Duration
	key    uint64
}

func (o offer) play(r *rig) (*Item, Verdict) {
	r.t.Helper()
	r.advance(o.at)
	it := o.item(r)
	return it, r.arrive(it)
}

func (o offer) item(r *rig) *Item {
	it := r.item(0, o.rows, o.budget)
	it.Key = o.key
	return it
}

// force has the scheduler take an item that it would refuse, and runs all that waits. left is by how much
// the item, and those due later, are done before their deadlines; ok is false if anyone misses it.
func force(r *rig, it *Item) (left clock.Instant, ok bool) {
	in := r.s.models[0].on[0]
	left, ok = clock.Never, true
	r.onMiss = func(*Item) { ok = false }
	r.onDone = func(b *Batch, _ time.Duration) {
		for _, o := range b.Items {
			if o.Deadline >= it.Deadline {
				left = min(left, o.Deadline-r.now)
			}
		}
	}
	r.arrived++
	in.push(r.s, it, r.s.rand())
	r.queued[it] = true
	in.device.offer(r.now, in, &r.out)
	r.follow()
	r.settle()
	return left, ok
}

// steps is by how much the rule may be wrong about an item: the full batch that it counts for the item's
// own, and the first one, which its head may cut short; for each that waits, and the item, what it counts
// with above its rows' share of the cheapest batch; what one that is due later may find wasted; and with
// several keys the last batch of each, twice. A quarter more is for what these leave out.
func steps(r *rig, it *Item) time.Duration {
	in := r.s.models[0].on[0]
	in.index()
	best := in.cost.Best(0)
	share := float64(in.cost.Mean(best)) / float64(best) / float64(in.device.servers())
	share = min(share, (in.tariff.fixed/float64(in.tariff.limit)+in.tariff.perRow)/in.tariff.pace)
	above := func(rows int, own time.Duration) time.Duration {
		return max(own-time.Duration(share*float64(rows)), 0)
	}
	own, room := in.weigh(it.Rows, in.target, in.limitOf(it.Key))
	sum := 2*in.fullRun + above(it.Rows, own) + max(room, 0)
	behind := time.Duration(0)
	for o := range r.queued {
		sum += above(o.Rows, o.order.own)
		behind = max(behind, o.order.room)
	}
	sum += behind
	if in.keys > 1 || in.head(it.Class).Key != it.Key {
		all, _ := in.rounds(newcomer{it.Rows, it.Class, it.Deadline, it.Key})
		sum += 2 * all
	}
	return sum + sum/4
}

// A refusal is wrong if nobody would have missed a deadline had the request been admitted, and runs
// taken their bounds. With nothing waiting none is wrong. Otherwise the rule counts steps so that they do
// no harm: then what it refuses wrongly is what would have been in time by no more than the steps.
func TestWrongRefusalsAreNarrow(t *testing.T) {
	type tally struct{ refused, wrong int }
	var single, all tally
	widest := 0.0 // of single rows of one key, in full batches
	rapid.Check(t, func(t *rapid.T) {
		base := time.Duration(rapid.IntRange(100, 4000).Draw(t, "base")) * time.Microsecond
		row := time.Duration(rapid.IntRange(0, 500).Draw(t, "per row")) * time.Microsecond
		most := rapid.IntRange(1, 16).Draw(t, "max batch")
		lanes := rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "lanes")
		shortest := time.Duration(rapid.IntRange(3, 30).Draw(t, "shortest budget")) * ms
		rows, keys := rapid.SampledFrom([]int{1, 1, most}).Draw(t, "rows"), rapid.SampledFrom([]int{1, 1, 1, 3}).Draw(t, "keys")
		build := func() *rig {
			r := one(t, lanes, ModelOptions{MaxBatch: most, Budget: 5 * ms, UnfairRows: true}, line(16, base, row))
			in := r.s.models[0].on[0]
			in.budgets.add(0, shortest)
			in.retune()
			return r
		}
		var offers []offer
		for r := build(); len(offers) < 40; {
			o := offer{at: r.now, rows: rapid.IntRange(1, rows).Draw(t, "rows"), key: uint64(rapid.IntRange(1, keys).Draw(t, "key"))}
			if gap := rapid.IntRange(-9, 2).Draw(t, "gap"); gap > 0 {
				o.at = o.at.Add(time.Duration(gap) * base / 2)
			}
			o.budget = shortest * time.Duration(rapid.SampledFrom([]int{1, 1, 2, 4, 20}).Draw(t, "budget"))
			_, v := o.play(r)
			offers = append(offers, o)
			if v.Reason != PredictedLate {
				continue
			}
			again := build()
			for _, before := range offers[:len(offers)-1] {
				before.play(again)
			}
			again.advance(o.at)
			it, in := o.item(again), again.s.models[0].on[0]
			in.refresh(again.now)
			idle, full, most := in.items == 0, in.fullRun, time.Duration(0)
			if !idle {
				most = steps(again, it)
			}
			all.refused++
			if rows == 1 && keys == 1 {
				single.refused++
			}
			left, ok := force(again, it)
			if !ok {
				continue
			}
			all.wrong++
			if rows == 1 && keys == 1 {
				single.wrong++
				widest = max(widest, float64(left)/float64(full))
			}
			if idle || time.Duration(left) > most {
				t.Fatalf("%d rows with %v were refused although all had %v to spare; the rule's steps are %v (nothing waits: %v)",
					o.rows, o.budget, time.Duration(left), most, idle)
			}
		}
	})
	t.Logf("%d of %d refusals were wrong; of single rows of one key %d of %d, by at most %.2f full batches", all.wrong, all.refused, single.wrong, single.refused, widest)
	if all.refused < 50 || single.refused == 0 || all.wrong == all.refused {
		t.Error("the test proves little")
	}
}
