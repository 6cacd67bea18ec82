package result

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func seconds(p99 ...float64) []Second {
	var all []Second
	for i, v := range p99 {
		s := Second{T: float64(i), Offered: 100, Sent: 100, Good: 100, P99: v, Every: [3]float64{v, v, v}, Max: v, Outcomes: map[string]int64{"ok": 100}}
		if v == 0 { // a second in which nothing is answered
			s.Good, s.Outcomes = 0, map[string]int64{"timeout": 100}
		}
		all = append(all, s)
	}
	return all
}

func TestThresholdsOfTheSeries(t *testing.T) {
	f := func(expr string, duration float64, series []Second, value string, pass bool) {
		t.Helper()
		c, err := ParseThreshold(expr)
		if err != nil {
			t.Fatal(err)
		}
		r := &Result{Load: Load{Duration: duration}, Series: series}
		if got := c.Check(r); got.Value != value || got.Pass != pass {
			t.Errorf("%s: got %q %v, want %q %v", expr, got.Value, got.Pass, value, pass)
		}
	}
	f("p99<20ms for 3s", 6, seconds(1, 30, 30, 1, 30, 30), "broken for 2 s from 1 s on, at worst 30 ms", true)
	f("p99<20ms for 2s", 6, seconds(1, 30, 40, 30, 1, 30), "broken for 3 s from 1 s on, at worst 40 ms", false)
	f("p99<20ms for 2s", 4, seconds(1, 2, 3, 4), "held in every second", true)
	f("p99<20ms for 2s", 4, seconds(1, 0, 0, 4), "broken for 2 s from 1 s on: too few right answers", false)
	f("p99<20ms for 2s", 3, seconds(1, 0, 25), "broken for 2 s from 1 s on, at worst 25 ms", false)
	f("p99<20ms for 5s", 3, seconds(1, 1, 1), "only 3 whole seconds were measured", false)
	f("max<20ms for 1s", 2, seconds(1, 21), "broken for 1 s from 1 s on, at worst 21 ms", false)
	f("goodput>=100/s for 1s", 3, seconds(1, 0, 1), "broken for 1 s from 1 s on, at worst 0/s", false)
	f("timeout<1% for 1s", 3, seconds(1, 0, 1), "broken for 1 s from 1 s on, at worst 100 %", false)
	f("err<=99 for 1s", 3, seconds(1, 0, 1), "broken for 1 s from 1 s on, at worst 100", false)
	f("failed<=99 for 1s", 3, seconds(1, 0, 1), "broken for 1 s from 1 s on, at worst 100", false)
	f("achieved>=99% for 1s", 3, seconds(1, 1, 1), "held in every second", true)
	// The last half second has half a second's answers, and is not looked at.
	half := seconds(1, 1, 1)
	half[2].Good = 50
	f("goodput>=100/s for 1s", 2.5, half, "held in every second", true)
	f("goodput>=100/s for 1s", 3, half, "broken for 1 s from 2 s on, at worst 50/s", false)
	// Seconds without traffic say nothing of a latency.
	quiet := seconds(1, 30, 1, 30)
	quiet[2] = Second{T: 2}
	f("p99<20ms for 2s", 4, quiet, "broken for 1 s from 1 s on, at worst 30 ms", true)
	f("service.p99<1ms for 1s", 2, quiet[2:3], "not measured", false)
	// Refusals are slower than any answer, but not to a condition on right answers.
	refusing := seconds(1, 1)
	refusing[1].Good, refusing[1].Every, refusing[1].Outcomes = 90, [3]float64{1, 1, 0}, map[string]int64{"ok": 90, "rejected": 10}
	f("p99<20ms for 1s", 2, refusing, "broken for 1 s from 1 s on: too few right answers", false)
	f("p90<20ms for 1s", 2, refusing, "held in every second", true)
	f("ok.p99<20ms for 1s", 2, refusing, "held in every second", true)
}

func TestAborts(t *testing.T) {
	f := func(expr string, series []Second, value string, over bool) {
		t.Helper()
		c, err := ParseAbort(expr)
		if err != nil {
			t.Fatal(err)
		}
		got := Aborts([]Condition{c}, series)
		if !over {
			if len(got) > 0 {
				t.Errorf("%s ends the run: %+v", expr, got)
			}
			return
		}
		if want := (Threshold{Expression: expr, Value: value, Abort: true}); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %+v, want %+v", expr, got, want)
		}
	}
	f("p99<20ms", nil, "", false)
	f("p99<20ms", seconds(30, 10), "", false)
	f("p99<20ms", seconds(10, 30), "broken for 1 s from 1 s on, at worst 30 ms", true)
	f("p99<20ms for 2s", seconds(30), "", false)
	f("p99<20ms for 2s", seconds(30, 10, 30), "", false)
	f("p99<20ms for 2s", seconds(30, 10, 30, 0), "broken for 2 s from 2 s on, at worst 30 ms", true)
	f("timeout==0", seconds(1, 1), "", false)
	f("timeout==0", seconds(1, 0, 1), "100 so far", true)
	f("err<25%", seconds(0, 1, 1, 1), "25 % so far", true)
	f("err<26%", seconds(0, 1, 1, 1), "", false)
	f("timeout>=500", seconds(1, 0, 1), "", false) // there may be more
	f("goodput>=100", seconds(1, 0), "broken for 1 s from 1 s on, at worst 0/s", true)
	f("cpu.target<1", seconds(1, 1), "", false) // not known: no reason to end a run
	if _, err := ParseAbort("p95<1s"); err == nil || !strings.Contains(err.Error(), "a second has no p95; it has p50") {
		t.Errorf("p95 ends a run: %v", err)
	}
	if _, err := ParseAbort("nothing"); err == nil {
		t.Error("nothing ends a run")
	}
}

// A series without a break as long as the condition's is held, whatever else is in it.
func TestPropertyOfStretches(t *testing.T) {
	c, err := ParseThreshold("p99<20ms for 3s")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		bad := rapid.SliceOfN(rapid.Bool(), 3, 30).Draw(t, "bad")
		var series []Second
		longest, now := 0, 0
		for i, b := range bad {
			s := Second{T: float64(i), Offered: 10, Good: 10, Every: [3]float64{1, 1, 1}}
			if now++; b {
				s.Every[2] = 30
			} else {
				now = 0
			}
			longest = max(longest, now)
			series = append(series, s)
		}
		if got := c.Check(&Result{Series: series}); got.Pass != (longest < 3) {
			t.Fatalf("%v: %+v", bad, got)
		}
	})
}

// A rest of a second is no second: in a chart, and to a condition, it would look like a fall.
func TestWholeSeconds(t *testing.T) {
	f := func(duration float64, seconds, want int) {
		t.Helper()
		r := &Result{Load: Load{Duration: duration}, Series: make([]Second, seconds)}
		for i := range r.Series {
			r.Series[i].T = float64(i)
		}
		if got := len(r.Whole()); got != want || len(r.Series) != seconds {
			t.Errorf("of %d seconds in %g s %d are shown, want %d", seconds, duration, got, want)
		}
	}
	f(3, 3, 3)
	f(2.9999, 3, 3)
	f(2.5, 3, 2)
	f(3.000000001, 4, 3)
	f(0.5, 1, 0)
	f(0, 3, 3) // not known
}
