//go:build !race

package longtest

import "testing"

// NotRaced skips nothing here: there is no race detector.
func NotRaced(testing.TB) {}
