package origin

import (
	"fmt"
	"testing"
)

func TestCountRuns(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := fmt.Sprint(CountRuns([]byte(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	f("cached*180,missing", "180 1 true")
	f("present", "1 0 true")
	f("stale*2,timeout*3,default,request*7", "2 4 true")
	for _, text := range []string{"", "present,", "gone", "present*0", "present*-1", "present*x", "present*99999999999", "present*2*2"} {
		f(text, "0 0 false")
	}
}

// FuzzCountRuns: no text brings its reader down, and counts are none that could not be.
func FuzzCountRuns(f *testing.F) {
	f.Add([]byte("cached*180,missing"))
	f.Add([]byte("present*2147483648,stale"))
	f.Fuzz(func(t *testing.T, text []byte) {
		stored, defaulted, ok := CountRuns(text)
		if stored < 0 || defaulted < 0 || !ok && stored+defaulted > 0 {
			t.Errorf("%q: %d and %d, %v", text, stored, defaulted, ok)
		}
	})
}
