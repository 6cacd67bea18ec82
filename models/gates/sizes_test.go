package gates

import (
	"fmt"
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	f := func(maxBatch int, perRow time.Duration, want string) {
		t.Helper()
		sizes, skipped := testSizes(maxBatch, perRow, time.Second)
		if got := fmt.Sprint(sizes, skipped); got != want {
			t.Errorf("up to %d at %v a row: %s, want %s", maxBatch, perRow, got, want)
		}
	}
	f(2, time.Hour, "[2] 0")
	f(8, time.Microsecond, "[8 2 3 4 6] 0")
	f(8, 125*time.Millisecond, "[8 2 3 4 6] 0")
	f(8, 126*time.Millisecond, "[6 2 3 4] 1")
	f(8, time.Hour, "[2] 4")
	f(10, 240*time.Millisecond, "[4 2 3] 3")
}
