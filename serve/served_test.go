package serve

import (
	"testing"

	"sluice/models/gates"
)

// A model is ready while one of its devices runs something.
func TestAllAway(t *testing.T) {
	f := func(first, second, want string) {
		t.Helper()
		reasons := map[string]string{"fake": first, "cpu": second}
		got := allAway([]*gates.Placement{{Device: "fake"}, {Device: "cpu"}}, func(device string) string { return reasons[device] })
		if got != want {
			t.Errorf("%q and %q: %q, want %q", first, second, got, want)
		}
	}
	f("", "", "")
	f("fake is closed", "", "")
	f("", "cpu is closed", "")
	f("fake is closed", "cpu is closed", "fake is closed; cpu is closed")
}
