package units

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(Count(0, "row"), "0 rows")
	f(Count(1, "row"), "1 row")
	f(Bytes(1023), "1023 bytes")
	f(Bytes(1536), "1.5 KiB")
	f(Bytes(3<<20), "3.0 MiB")
	f(Round(123456789).String(), "123ms")
	f(Round(1234567).String(), "1.23ms")
	f(Round(1234*time.Nanosecond).String(), "1.2µs")
}
