package gates

import (
	"strings"
	"testing"
	"time"

	"sluice/internal/cost"
)

func TestNoteSlower(t *testing.T) {
	const ms = time.Millisecond
	on := func(name string, one, four time.Duration) DeviceReport {
		return DeviceReport{Device: name, State: Placed, Measured: true, Target: 1, Curve: cost.Curve{{Rows: 1, P50: one}, {Rows: 4, P50: four}}}
	}
	f := func(name, want string, devices ...DeviceReport) {
		t.Helper()
		r := &Report{Devices: devices, Slower: "as it was"}
		if r.NoteSlower(); !strings.HasPrefix(r.Slower, want) || want == "" && r.Slower != "" {
			t.Errorf("%s: %q, want %q", name, r.Slower, want)
		}
		if noted := strings.Contains(strings.Join(r.Notes(), "; "), "the preferred device is slower than the CPU"); noted != (want != "") {
			t.Errorf("%s: noted %v", name, noted)
		}
	}
	gpu, slow := on("cuda:0", 2*ms, 3*ms), on("cuda:0", 2*ms, 5*ms)
	host := on("cpu", ms, 4*ms)
	f("slower at both sizes", "a batch of 4 rows takes 5ms on cuda:0 and 4ms on cpu; name cpu first in devices, or see whether it pays with sluice compare --devices cuda:0,cpu", slow, host)
	f("faster in full batches", "", gpu, host)
	f("faster at the target", "", on("cuda:0", ms/2, 5*ms), host)
	f("the CPU comes first", "", host, slow)
	f("the CPU alone", "", host)
	away := slow
	away.State = Down
	f("it is down", "", away, host)
	f("the second GPU is preferred, since the first is down", "a batch of 4 rows takes 5ms on cuda:0", away, slow, host)
	guessed := slow
	guessed.Measured = false
	f("it was not measured", "", guessed, host)
	left := host
	left.State = LeftOut
	f("the CPU does not serve", "", slow, left)
}
