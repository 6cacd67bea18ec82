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

// The threshold is the eleventh largest of 1,000 rows in whatever order they come, and 10 rows are above it.
func TestThreshold(t *testing.T) {
	f := func(next func(i int) float64, want float64) {
		t.Helper()
		var th Threshold
		for i := range thresholdRows {
			if _, frozen := th.Value(); frozen {
				t.Fatalf("frozen after %d rows", i)
			}
			if err := th.Add(next(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := th.Add(1e9); err != nil { // too late
			t.Fatal(err)
		}
		if got, frozen := th.Value(); got != want || !frozen {
			t.Errorf("%v, not %v", got, want)
		}
	}
	f(func(i int) float64 { return float64(i) }, 989)
	f(func(i int) float64 { return float64(1000 - i) }, 990)
	f(func(i int) float64 { return float64(i * 7 % 1000) }, 989)
	f(func(i int) float64 { return float64(i / 995) }, 0) // five rows differ: any difference is above the threshold
	f(func(i int) float64 { return 3 }, 3)
	var th Threshold
	for _, d := range []float64{-1, math.NaN(), math.Inf(1)} {
		if err := th.Add(d); err == nil || th.rows != 0 {
			t.Errorf("%v is taken", d)
		}
	}
}
