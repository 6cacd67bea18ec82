package fill

import (
	"slices"
	"strings"
	"testing"
)

// Each feature has its own count of values and of defaults, whatever the rest of its row has.
func TestValues(t *testing.T) {
	s, session := ranker()
	r := newRig(t, s, session, &memory{})
	f := func(want []Values, inputs ...string) {
		t.Helper()
		if _, _, err := r.fill(strings.Join(inputs, ",")); err != nil {
			t.Fatal(err)
		}
		if got := r.filler.Values(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	users, km := input("user", "INT64", "[3]", "[1,13,-1]"), input("km", "FP32", "[1]", "[9]")
	shops := input("shop", "BYTES", "[3]", `["xx","yy","zzz"]`)
	f([]Values{{"s:c", 3, 0}, {"u:a", 1, 2}, {"u:b", 2, 1}}, users, shops, km)
	f([]Values{{"s:c", 6, 0}, {"u:a", 2, 4}, {"u:b", 4, 2}}, users, shops, km)
	f([]Values{{"s:c", 9, 0}, {"u:a", 2, 4}, {"u:b", 6, 3}}, users, shops, km, input("u:a", "FP32", "[1]", "[5]"))
	f([]Values{{"s:c", 9, 0}, {"u:a", 2, 4}, {"u:b", 6, 3}}, users, input("dense", "FP32", "[3,5]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"), shops, km)
}
