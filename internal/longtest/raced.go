//go:build race

package longtest

import "testing"

// NotRaced skips what is long and happens where the race detector sees nothing, as in other processes.
func NotRaced(t testing.TB) {
	t.Helper()
	t.Skip("the race detector sees nothing of it: make test runs it, or make long")
}
