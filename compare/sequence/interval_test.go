package sequence

import (
	"math"
	"testing"
)

func TestJudge(t *testing.T) {
	f := func(low, high float64, allowed Interval, want, over Verdict) {
		t.Helper()
		i := Interval{low, high}
		if got := i.Judge(allowed, false); got != want {
			t.Errorf("%v in %v: %v", i, allowed, got)
		}
		if got := i.Judge(allowed, true); got != over {
			t.Errorf("%v in %v, when it is over: %v", i, allowed, got)
		}
	}
	limit := AtMost(0.002)
	f(0, 0.001, limit, Pass, Pass)
	f(-0.5, 0.002, limit, Pass, Pass)
	f(0, 0.0021, limit, Wait, Look)
	f(0.002, 0.003, limit, Wait, Look)
	f(0.0021, 0.003, limit, Fail, Fail)
	f(0.001, 0.0005, limit, Look, Look)
	margin := Within(0.1)
	f(-0.1, 0.1, margin, Pass, Pass)
	f(-0.11, 0.05, margin, Wait, Look)
	f(0.05, 0.2, margin, Wait, Look)
	f(0.11, 0.2, margin, Fail, Fail)
	f(-0.2, -0.11, margin, Fail, Fail)
	f(-1, 1, margin, Wait, Look)
	f(math.Inf(-1), math.Inf(1), margin, Wait, Look)
}

func TestExcess(t *testing.T) {
	f := func(ab, aa, want Interval) {
		t.Helper()
		if got := Excess(ab, aa); got != want {
			t.Errorf("%v less %v: %v, not %v", ab, aa, got, want)
		}
	}
	f(Interval{0.5, 0.75}, Interval{0.125, 0.25}, Interval{0.25, 0.625})
	f(Interval{0, 1}, Interval{0, 1}, Interval{-1, 1})
	if !Excess(Interval{0.5, 0.25}, Interval{0, 1}).Empty() || !Excess(Interval{0, 1}, Interval{0.5, 0.25}).Empty() {
		t.Error("an arm that is empty has an excess")
	}
}
