// Package longtest leaves out tests that take long, where SLUICE_QUICK_TESTS is set, as `make test` sets it. `go test
// -short` would leave out more: properties are drawn fewer times with it. Only tests call it.
package longtest

import (
	"os"
	"testing"
)

// LeftOut tells whether what takes long is left out.
func LeftOut() bool { return os.Getenv("SLUICE_QUICK_TESTS") != "" }

// Skip skips a test that takes long where such tests are left out.
func Skip(t testing.TB) {
	t.Helper()
	if LeftOut() {
		t.Skip("it takes long: make long runs it, or make race")
	}
}
