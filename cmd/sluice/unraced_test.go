//go:build !race

package main

import "testing"

// notRaced skips nothing here: there is no race detector.
func notRaced(*testing.T) {}
