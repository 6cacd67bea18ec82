package fill

import (
	"strings"
	"testing"

	"sluice/features/spec"
	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// Where too little is there, the task has what the request gave, so that somebody else may answer it. With a ladder that is looked at
// first; then what is required is.
func TestBelow(t *testing.T) {
	users, shops, km := input("user", "INT64", "[2]", "[1,-9]"), input("shop", "BYTES", "[2]", `["x","yyy"]`), input("km", "FP32", "[1]", "[0.5]")
	f := func(share float64, ladder []spec.Rung, kind fault.Kind, text string, counts Counts) {
		t.Helper()
		s, session := ranker()
		s.MinPresent, s.Ladder = share, ladder
		tk, got, err := newRig(t, s, session, &memory{}).fill(strings.Join([]string{users, shops, km}, ","))
		if !fault.Is(err, kind) || !strings.HasPrefix(err.Error(), text) || got != counts {
			t.Errorf("got %v, %+v\nwant %s, %+v", err, got, text, counts)
		}
		if !counts.Below {
			return
		}
		var names []string
		for i := range tk.Inputs {
			if in := &tk.Inputs[i]; in.Type != tensor.Invalid {
				names = append(names, in.Name+tensor.ShapeText(in.Shape))
			}
		}
		if got := strings.Join(names, " "); got != "user[2] shop[2] km[1]" {
			t.Errorf("the request has %s", got)
		}
	}
	const missing = "feature 's:c' of row 1, for shop 'yyy', user -9, is not in the store"
	previous := []spec.Rung{{Previous: true}}
	// Of the six values of two rows, three are there, and one that is not is required. Without a ladder nothing is looked at after that.
	f(0.8, nil, fault.FeatureMissing, missing, Counts{Stored: 1})
	f(0.8, previous, fault.FeatureUnavailable, "3 of 6 stored values were found, less than the share of 0.8", Counts{Stored: 3, Default: 3, Below: true})
	f(0.5, previous, fault.FeatureMissing, missing, Counts{Stored: 3, Default: 3})
}

// Values that are too old to be used count as not there, and refuse the request where enough of the others are.
func TestBelowOfStale(t *testing.T) {
	f := func(share float64, want string) {
		t.Helper()
		s, session := ranker()
		s.MinPresent, s.Ladder = share, []spec.Rung{{Previous: true}}
		g := s.Groups["u"]
		g.MaxAge, g.OnStale = 3600e9, spec.OnStaleFail
		s.Groups["u"] = g
		_, _, err := newRig(t, s, session, &memory{age: 2 * 3600e9}).fill(strings.Join([]string{
			input("user", "INT64", "[1]", "[1]"), input("shop", "BYTES", "[1]", `["x"]`), input("km", "FP32", "[1]", "[0.5]"),
		}, ","))
		if !fault.Is(err, fault.FeatureUnavailable) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(0.5, "1 of 3 stored values were found")
	f(0.2, "the stored values of 'u' for user 1 are older than 1h0m0s")
}
