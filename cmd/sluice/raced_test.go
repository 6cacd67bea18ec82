//go:build race

package main

import "testing"

// notRaced skips what is long and happens in processes that the race detector sees nothing of.
func notRaced(t *testing.T) {
	t.Helper()
	t.Skip("the race detector sees nothing of the binary: make test runs it, or make long")
}
