package servertest

import (
	"testing"
)

// ending is a test that is not run: it notes how it ends.
type ending struct {
	testing.TB
	skipped, failed bool
}

func (e *ending) Helper()               {}
func (e *ending) Skip(...any)           { e.skipped = true }
func (e *ending) Fatalf(string, ...any) { e.failed = true }

// What is missing is skipped, but in CI it is a failure.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f := func(ci string, fails bool) {
		t.Helper()
		t.Setenv("CI", ci)
		e := &ending{TB: t}
		if Redis(e); e.failed != fails || e.skipped == fails {
			t.Errorf("CI=%q: skipped %v, failed %v", ci, e.skipped, e.failed)
		}
	}
	f("", false)
	f("true", true)
}
