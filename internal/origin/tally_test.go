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

// A trail is counted as its text is.
func TestCount(t *testing.T) {
	var trail Trail
	trail.Begin([]Column{{Input: "x", Name: "u:a"}, {Input: "x", Name: "u:b"}}, 1, 3)
	trail.Row(0)[0], trail.Row(1)[0], trail.Row(2)[0] = Present, Missing, Stale
	trail.Row(0)[1], trail.Row(1)[1], trail.Row(2)[1] = Request, Timeout, Default
	if got := fmt.Sprint(trail.Count(0)); got != "2 1" {
		t.Error(got)
	}
	if got := fmt.Sprint(trail.Count(1)); got != "0 2" {
		t.Error(got)
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
