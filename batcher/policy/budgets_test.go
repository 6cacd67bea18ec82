package policy

import (
	"testing"
	"time"
)

// A band of budgets leaves room as long as a shorter one is refused more often.
func TestLongBudgetsLeaveRoomForShortOnes(t *testing.T) {
	r := one(t, 1, ModelOptions{MaxBatch: 32}, line(32, 0, ms))
	m := r.s.models[0]
	in := m.on[0]
	in.budgets.add(r.now, 5*ms)
	f := func(name string, budget time.Duration, parts [4]float64, want time.Duration) {
		t.Helper()
		for i, part := range parts {
			m.budgets[r.item(0, 1, budget).Class].bands[i].part = part
		}
		if got := m.leave(in, r.item(0, 1, budget)); got != want {
			t.Errorf("%s: room of %v, want %v", name, got, want)
		}
	}
	f("the shortest", 5*ms, [4]float64{0.5, 0.5, 0.5, 0.5}, 0)
	f("twice it", 10*ms, [4]float64{0.5, 0.1, 0, 0}, 5*ms/2)
	f("in the second band", 20*ms, [4]float64{0, 0.2, 0, 0}, 3*ms)
	f("in the third", 105*ms, [4]float64{0, 0, 0.9, 0}, 90*ms)
	f("far beyond", 10005*ms, [4]float64{0, 0, 0, 0.5}, 5000*ms)
}

func TestRoomOfBudgetsFollowsWhatIsRefused(t *testing.T) {
	f := func(name string, ofOthers float64, odds [4]odds, part, want [4]float64) {
		t.Helper()
		var b fairBudgets
		for i := range odds {
			b.bands[i].odds, b.bands[i].kept, b.bands[i].part = odds[i], ofOthers*odds[i].refused, part[i]
		}
		b.adjust()
		for i := range want {
			if got := b.bands[i].part; got < want[i]-1e-9 || got > want[i]+1e-9 {
				t.Errorf("%s: band %d is at %g, want %g", name, i, got, want[i])
			}
		}
	}
	some, none, half := odds{}, odds{all: 10}, odds{all: 10, refused: 5}
	step := budgetGain * (0.5 - budgetGap)
	f("the shortest refused", 1, [4]odds{half, none, none, none}, [4]float64{}, [4]float64{0, step, step, step})
	f("two refused alike", 1, [4]odds{half, half, none, some}, [4]float64{0, 0.2, 0, 0}, [4]float64{0, 0.2 - budgetGain*budgetGap, step, 0})
	f("the longest refused", 1, [4]odds{none, none, half, some}, [4]float64{0, 0.2, 0.2, 0.2},
		[4]float64{0, 0.2 - budgetGain*budgetGap, 0.2 - budgetGain*(0.5+budgetGap), 0.2 * fairFall})
	f("nothing shorter", 1, [4]odds{some, some, half, half}, [4]float64{0, 0.2, 0.2, 0.2}, [4]float64{0, 0.2 * fairFall, 0.2 * fairFall, 0.2 - budgetGain*budgetGap})
	f("the shortest refused, but not for what waits", 0, [4]odds{half, none, none, none}, [4]float64{0.2, 0.2, 0, 0}, [4]float64{0.2 * fairFall, 0.2 - budgetGain*budgetGap, 0, 0})
	f("or hardly so", 0.1, [4]odds{half, none, none, none}, [4]float64{}, [4]float64{0, budgetGain * (0.1 - budgetGap), budgetGain * (0.1 - budgetGap), budgetGain * (0.1 - budgetGap)})
	f("at most", 1, [4]odds{half, none, some, some}, [4]float64{0, budgetMost, 0, 0}, [4]float64{0, budgetMost, 0, 0})
}
