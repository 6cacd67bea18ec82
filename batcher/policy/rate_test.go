package policy

import (
	"math"
	"testing"
	"time"

	"sluice/internal/clock"
)

func TestRate(t *testing.T) {
	f := func(name string, feed func(add func(at time.Duration, rows int)), at time.Duration, mean, rising float64) {
		t.Helper()
		var r rate
		feed(func(at time.Duration, rows int) { r.add(clock.Instant(at), rows) })
		r.roll(clock.Instant(at))
		if math.Abs(r.mean-mean) > 0.01*mean+1e-9 || math.Abs(r.rising()-rising) > 0.01*rising+1e-9 {
			t.Errorf("%s: mean %.1f, rising %.1f; want %.1f and %.1f", name, r.mean, r.rising(), mean, rising)
		}
	}
	steady := func(from, to time.Duration, rows int) func(add func(time.Duration, int)) {
		return func(add func(time.Duration, int)) {
			for at := from; at < to; at += 10 * ms {
				add(at, rows)
			}
		}
	}
	f("nothing yet", func(func(time.Duration, int)) {}, 0, 0, 0)
	f("one window", steady(0, 50*ms, 1), 50*ms, 0.3*100, 100)
	f("steady", steady(0, 2*time.Second, 3), 2*time.Second, 300, 300)
	f("two empty windows after it", steady(0, 2*time.Second, 3), 2100*ms, 300*0.49, 300*0.49)
	f("a long silence after it", steady(0, 2*time.Second, 3), time.Hour, 0, 0)
	f("a burst counts after one window", func(add func(time.Duration, int)) {
		steady(0, 2*time.Second, 1)(add)
		steady(2*time.Second, 2050*ms, 10)(add)
	}, 2050*ms, 100+0.3*900, 1000)
}

func TestShortest(t *testing.T) {
	var s shortest
	f := func(at, budget time.Duration, isNew bool, value time.Duration) {
		t.Helper()
		if got := s.add(clock.Instant(at), budget); got != isNew {
			t.Errorf("at %v: %v is a new minimum: %v", at, budget, got)
		}
		if got := s.value(); got != value {
			t.Errorf("at %v: smallest budget %v, want %v", at, got, value)
		}
	}
	f(0, 20*ms, true, 20*ms)
	f(10*ms, 30*ms, false, 20*ms)
	f(20*ms, 10*ms, true, 10*ms)
	f(1500*ms, 50*ms, false, 10*ms)
	f(2500*ms, 40*ms, true, 40*ms)
	f(9*time.Second, 70*ms, true, 70*ms)
}

func TestLateness(t *testing.T) {
	var l lateness
	f := func(at time.Duration, done, late int, ended, tooMany bool) {
		t.Helper()
		if e, m := l.add(clock.Instant(at), done, late); e != ended || m != tooMany {
			t.Errorf("at %v: ended %v, too many %v; want %v, %v", at, e, m, ended, tooMany)
		}
	}
	f(0, 100, 0, false, false)
	f(500*ms, 99, 2, false, false)
	f(time.Second, 1, 0, true, false) // 2 of 200
	f(1500*ms, 100, 1, false, false)
	f(2*time.Second, 100, 2, true, true) // 3 of 200
	f(3*time.Second, 0, 0, true, false)
}
