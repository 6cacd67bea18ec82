package policy

import (
	"testing"
	"time"

	"sluice/internal/clock"
)

func TestFree(t *testing.T) {
	const idle = -1
	f := func(work, want int, ends ...int) {
		t.Helper()
		d := &device{lanes: make([]lane, len(ends))}
		for i, e := range ends {
			if e != idle {
				d.lanes[i] = lane{state: laneActive, end: clock.Instant(e)}
				d.active++
			}
		}
		if got := d.free(100, time.Duration(work)); got != clock.Instant(want) {
			t.Errorf("free behind %d with lanes until %v: %d, want %d", work, ends, got, want)
		}
	}
	f(0, 100, idle)
	f(7, 107, idle)
	f(0, 110, 110)
	f(7, 117, 110)
	f(7, 117, 90) // overdue by 10
	f(7, 107, 90, idle)
	f(0, 100, idle, 110)
	f(7, 107, idle, 110)
	f(10, 110, idle, 110)
	f(14, 112, idle, 110)
	f(6, 106, idle, 105, 105) // 6 on the first alone is past 105: all three share the rest
	f(0, 105, 105, 120)
	f(100, 134, 105, 110, idle, 120)
}
