package features

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
)

// TestBreaker walks the machine. A step is a time in milliseconds, what happens, and the state that this leaves.
func TestBreaker(t *testing.T) {
	f := func(name, steps string) {
		t.Helper()
		b := breaker{opt: BreakerOptions{Share: 0.25, MinReads: 8, Window: 100 * time.Millisecond, InARow: 4, Sleep: 10 * time.Millisecond}}
		epoch := uint32(0)
		for words := strings.Fields(steps); len(words) > 0; words = words[3:] {
			ms, err := strconv.Atoi(words[0])
			if err != nil {
				t.Fatal(err)
			}
			now := clock.Instant(0).Add(time.Duration(ms) * time.Millisecond)
			switch what := words[1]; what {
			case "good", "bad":
				b.report(now, epoch, what == "good")
			case "old-good", "old-bad":
				b.report(now, epoch-1, what == "old-good")
			default:
				e, ok := b.allow(now)
				if ok {
					epoch = e
				}
				if ok != (what == "goes") {
					t.Errorf("%s: at %d ms a read is allowed: %v", name, ms, ok)
				}
			}
			if b.state.String() != words[2] {
				t.Errorf("%s: at %d ms, %s: it is %s, want %s", name, ms, words[1], b.state, words[2])
			}
		}
	}
	f("four in a row", "0 bad closed 1 bad closed 2 bad closed 3 bad open")
	f("a good one between", "0 bad closed 1 bad closed 2 bad closed 3 good closed 4 bad closed 5 bad closed")
	f("a quarter of eight", "0 good closed 1 good closed 2 bad closed 3 good closed 4 good closed 5 good closed 6 good closed 7 bad open")
	f("a quarter of seven", "0 good closed 1 good closed 2 bad closed 3 good closed 4 good closed 5 good closed 6 bad closed")
	f("in the other half of the window", "0 bad closed 0 bad closed 0 good closed 0 good closed 60 good closed 60 good closed 60 good closed 60 bad open")
	f("outside of the window", "0 bad closed 0 bad closed 0 good closed 0 good closed 120 good closed 120 good closed 120 good closed 120 bad closed")
	f("opens and closes", "0 bad closed 0 bad closed 0 bad closed 0 bad open 9 waits open 10 goes half-open 11 waits half-open "+
		"12 good half-open 12 goes half-open 13 good half-open 13 goes half-open 14 good closed 14 goes closed 15 bad closed")
	f("a bad probe", "0 bad closed 0 bad closed 0 bad closed 0 bad open 10 goes half-open 12 good half-open 12 goes half-open 15 bad open 24 waits open 25 goes half-open")
	f("a probe that is not heard of", "0 bad closed 0 bad closed 0 bad closed 0 bad open 10 goes half-open 19 waits half-open 20 goes half-open")
	f("reads from before", "0 bad closed 0 bad closed 0 bad closed 0 bad open 1 good open 10 goes half-open 11 old-bad half-open 11 old-good half-open 11 waits half-open")
}
