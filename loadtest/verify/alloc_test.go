//go:build !race

package verify

import (
	"bytes"
	"testing"

	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

// TestAllocations holds the promise that a right answer costs no memory: not if its bytes are
// known, and not if they are new each time.
func TestAllocations(t *testing.T) {
	for _, protocol := range protocols {
		for _, noTag := range []bool{false, true} {
			s := newTarget()
			s.noTag = noTag
			set := s.start(t, payload.Options{Protocol: protocol, Variants: 2})
			c := New(record(t, set, Options{Classifier: true}), set, Options{Classifier: true})
			x := exchange{addr: set.Target.Addr}
			a, b := ask(t, &x, set, 0), ask(t, &x, set, 1)
			x.close()
			check := func(a *engine.Answer) {
				if got := c.Check(a); got.Kind != engine.Right {
					t.Fatalf("%s: got %+v: %q", protocol, got, c.Report().Examples)
				}
			}
			if n := testing.AllocsPerRun(100, func() { check(a); check(b) }); n != 0 {
				t.Errorf("%s: %v allocations for known bytes, want 0", protocol, n)
			}
			if protocol == payload.Binary {
				continue // its JSON has a fixed length
			}
			var forms []*engine.Answer
			for i := range 2*provenBodies + 1 {
				form := *a
				form.Body = append(bytes.Repeat([]byte{' '}, i), a.Body...)
				forms = append(forms, &form)
			}
			if n := testing.AllocsPerRun(100, func() {
				for _, form := range forms {
					check(form)
				}
			}); n != 0 {
				t.Errorf("%s: %v allocations for new bytes, want 0", protocol, n)
			}
		}
	}
}
