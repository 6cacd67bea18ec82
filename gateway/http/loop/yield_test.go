package loop

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/clock"
)

func TestHoldFor(t *testing.T) {
	const us, ms = time.Microsecond, time.Millisecond
	f := func(held int, budget, want time.Duration) {
		t.Helper()
		if got := HoldFor(held, budget); got != want {
			t.Errorf("with %d held and a budget of %v: %v, want %v", held, budget, got, want)
		}
	}
	f(1, 100*ms, 64*us)
	f(16, 100*ms, 1024*us)
	f(32, 100*ms, 2*ms)
	f(255, 100*ms, 2*ms)
	f(256, 100*ms, 2*ms)
	f(512, 100*ms, 4*ms)
	f(100_000, 100*ms, 25*ms)
	f(1024, 20*ms, 5*ms)
	f(32, ms, 250*us)
	f(32, 0, 0)
}

func TestAllowance(t *testing.T) {
	var a allowance
	now := clock.Instant(time.Hour)
	a.since.Store(int64(now))
	if !a.spent(now) {
		t.Error("something is left before anything was earned")
	}
	a.answered()
	if a.spent(now) {
		t.Fatal("an answer of a model makes room for none")
	}
	for a.take(); a.left.Load() < 0; a.answered() {
		if !a.spent(now) {
			t.Fatal("a cheap answer is given before it is earned")
		}
	}
	a.pass(now.Add(time.Millisecond), 2, 0, 0)
	if got := a.left.Load(); got != 2*perSecond {
		t.Errorf("a millisecond of two workers adds %d thousandths, want %d", got, 2*perSecond)
	}
	a.pass(now.Add(time.Millisecond+passEvery/2), 2, 0, 0) // too soon, and not lost
	a.pass(now.Add(2*time.Millisecond), 2, 0, 0)
	if got := a.left.Load(); got != 4*perSecond {
		t.Errorf("two milliseconds add %d thousandths, want %d", got, 4*perSecond)
	}
	a.pass(now.Add(time.Hour), 2, 0, 0)
	if got := a.left.Load(); got != savedAnswers {
		t.Errorf("after an hour %d thousandths are saved, want %d", got, savedAnswers)
	}
	for range 3 * savedAnswers / 1000 {
		a.take()
	}
	if got := a.left.Load(); got != -savedAnswers {
		t.Errorf("%d thousandths are left of what was given beforehand, want %d", got, -savedAnswers)
	}
}

// Whatever happens in which order: those who ask before they take get no more than what was saved,
// what the model's answers make room for, and what is due to the time that passed.
func TestAllowanceHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a allowance
		begin := clock.Instant(time.Hour)
		now := begin
		a.since.Store(int64(begin))
		workers := rapid.IntRange(1, 8).Draw(t, "workers")
		answers, taken := 0, 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				answers++
				a.answered()
			case 1:
				now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "us")) * time.Microsecond)
				a.pass(now, workers, 0, 0)
			default:
				for range rapid.IntRange(1, 300).Draw(t, "asked") {
					if !a.spent(now) {
						a.take()
						taken++
					}
				}
			}
		}
		most := float64(answers)*perAnswer/1000 + now.Sub(begin).Seconds()*perSecond*float64(workers) + 1
		if float64(taken) > most {
			t.Fatalf("%d were taken, want at most %.1f", taken, most)
		}
	})
}
