package loop

import (
	"testing"
	"time"

	"sluice/internal/clock"
)

// The wall clock may be set at any moment.
func TestStamped(t *testing.T) {
	now := time.Now()
	at := clock.At(now)
	for _, c := range []struct {
		name string
		ago  time.Duration
		want clock.Instant
	}{
		{"now", 0, at},
		{"a moment ago", time.Millisecond, at.Add(-time.Millisecond)},
		{"to come: the clock was set back", -time.Hour, at},
	} {
		if got := stamped(now, now.UnixNano()-int64(c.ago)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
