package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// Where runs take what is predicted, or less, each admitted request of one key is answered in time. With
// several keys a batch that takes later ones of its key along may pass an earlier one of another key: it is
// counted, and rare.
func TestPromisesAreKept(t *testing.T) {
	admitted, refused, passed := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		base := time.Duration(rapid.IntRange(100, 4000).Draw(t, "base")) * time.Microsecond
		row := time.Duration(rapid.IntRange(0, 500).Draw(t, "per row")) * time.Microsecond
		opts := ModelOptions{MaxBatch: rapid.IntRange(1, 16).Draw(t, "max batch"), Budget: 5 * ms}
		lanes := rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "lanes")
		r := one(t, lanes, opts, line(opts.MaxBatch, base, row))
		keys := rapid.SampledFrom([]int{1, 1, 1, 2, 5}).Draw(t, "keys")
		mostRows := rapid.IntRange(1, opts.MaxBatch).Draw(t, "most rows")
		shortest := rapid.IntRange(3, 30).Draw(t, "shortest budget")
		probes := map[*Item]bool{}
		r.onBatch = func(b *Batch) {
			if b.Probe {
				for _, it := range b.Items {
					probes[it] = true
				}
			}
		}
		r.s.models[0].on[0].budgets.add(0, time.Duration(shortest)*ms)
		r.s.models[0].on[0].retune()
		for range rapid.IntRange(1, 200).Draw(t, "arrivals") {
			if gap := rapid.IntRange(-9, 2).Draw(t, "gap"); gap > 0 {
				r.advance(r.now.Add(time.Duration(gap) * base / 2))
			}
			budget := time.Duration(shortest) * ms * time.Duration(rapid.SampledFrom([]int{1, 1, 2, 4, 20}).Draw(t, "budget"))
			it := r.item(0, rapid.IntRange(1, mostRows).Draw(t, "rows"), budget)
			it.Key = uint64(rapid.IntRange(1, keys).Draw(t, "key"))
			if r.arrive(it).Admitted {
				admitted++
			} else {
				refused++
			}
		}
		r.settle()
		broken := r.late + r.dropped - len(probes)
		if keys > 1 {
			passed += max(broken, 0)
		} else if broken > 0 {
			t.Fatalf("%d late and %d dropped of %d admitted; %d ran as probes", r.late, r.dropped, r.arrived-r.refused, len(probes))
		}
	})
	if admitted < 1000 || refused < 200 {
		t.Errorf("%d were admitted, %d refused: the test proves little", admitted, refused)
	}
	if passed > admitted/1000 {
		t.Errorf("%d of %d admitted missed where there are several keys", passed, admitted)
	}
}

// Preview knows neither class nor rows nor key: it refuses nothing that Arrive would admit.
func TestPreviewRefusesNothingThatArriveAdmits(t *testing.T) {
	both := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, sceneOptions{noise: true, faults: rapid.Bool().Draw(t, "faults")})
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			s.play(t)
			m := ModelID(rapid.IntRange(0, s.models-1).Draw(t, "asked"))
			it := &Item{
				Model: m, Rows: rapid.IntRange(1, s.s.models[m].opts.MaxBatch).Draw(t, "rows"), Arrived: s.now,
				Deadline: s.now.Add(time.Duration(rapid.IntRange(0, 60000).Draw(t, "budget")) * time.Microsecond),
				Class:    task.Priority(rapid.IntRange(0, task.Priorities-1).Draw(t, "class")),
				Key:      uint64(max(0, rapid.IntRange(-80, 40).Draw(t, "key"))),
			}
			early := s.s.Preview(s.now, m, 1, it.Arrived, it.Deadline)
			v := s.arrive(it)
			s.items = append(s.items, it)
			if !early.Admitted && v.Admitted {
				t.Fatalf("the early check refused for %v what was admitted", early.Reason)
			}
			if !early.Admitted && !v.Admitted {
				both++
			}
		}
		s.settle()
	})
	if both < 100 {
		t.Errorf("only %d were refused by both", both)
	}
}

// The demand must know what a sorted slice does.
func TestDemandIsASortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(SchedulerOptions{})
		var d demand
		var want []*Item
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			if len(want) > 0 && rapid.IntRange(0, 2).Draw(t, "what") == 0 {
				i := rapid.IntRange(0, len(want)-1).Draw(t, "which")
				d.remove(want[i])
				want = append(want[:i:i], want[i+1:]...)
			} else {
				it := &Item{Deadline: clock.Instant(rapid.IntRange(0, 30).Draw(t, "deadline")), Rows: rapid.IntRange(1, 9).Draw(t, "rows"), weight: s.rand()}
				it.order.own = time.Duration(rapid.IntRange(0, 9).Draw(t, "work"))
				it.order.room = time.Duration(rapid.IntRange(-5, 5).Draw(t, "room"))
				at := len(want)
				for at > 0 && want[at-1].Deadline > it.Deadline {
					at--
				}
				want = append(want[:at:at], append([]*Item{it}, want[at:]...)...)
				d.insert(it)
			}
			due := clock.Instant(rapid.IntRange(-1, 31).Draw(t, "until"))
			most := rapid.IntRange(0, 60).Draw(t, "rows")
			var rows, taken, before int
			var work, takenWork, done time.Duration
			least, full := clock.Never, false
			var behind *Item
			for _, it := range want {
				if it.Deadline <= due {
					rows, work = rows+it.Rows, work+it.order.own
				}
				if full = full || taken+it.Rows > most; !full {
					taken, takenWork = taken+it.Rows, takenWork+it.order.own
				}
				if before >= most {
					if behind == nil {
						behind = it
					}
					if it.Deadline > due {
						least = min(least, it.Deadline-clock.Instant(done+it.order.room))
					}
				}
				before, done = before+it.Rows, done+it.order.own
			}
			if r, w := d.until(due); r != rows || w != work {
				t.Fatalf("until %d: %d rows, %d of work; want %d, %d", due, r, w, rows, work)
			}
			if r, w := d.prefix(most); r != taken || w != takenWork {
				t.Fatalf("prefix of %d: %d rows, %d of work; want %d, %d", most, r, w, taken, takenWork)
			}
			if got := d.behind(most); got != behind {
				t.Fatalf("behind %d rows is another item", most)
			}
			if got := d.least(due, most); got != least && !(least == clock.Never && got > clock.Never/2) {
				t.Fatalf("least after %d and %d rows: %d, want %d", due, most, got, least)
			}
		}
	})
}
