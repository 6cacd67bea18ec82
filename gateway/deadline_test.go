package gateway

import (
	"testing"
	"time"
)

func TestParseMillis(t *testing.T) {
	f := func(text string, want time.Duration, ok bool) {
		t.Helper()
		if got, gotOK := parseMillis([]byte(text)); gotOK != ok || ok && got != want {
			t.Errorf("%q: got %v, %v", text, got, gotOK)
		}
	}
	f("1", time.Millisecond, true)
	f("2.5", 2500*time.Microsecond, true)
	f("0.001", time.Microsecond, true)
	f("1000000", 1000*time.Second, true)
	f("0", 0, true)
	f("549755813888", 549755813888*time.Millisecond, true)
	for _, bad := range []string{"", ".", "1.", "-1", "+1", "1e3", "1.2345", "1..2", "x", "9999999999999999999999", "6253446240987538", " 1"} {
		f(bad, 0, false)
	}
}
