package serve

import (
	"slices"
	"testing"

	"go.uber.org/zap"

	"sluice/features/fill"
)

var someFeature = []usualOf{{Model: "m", Store: "hot", View: "users", Feature: "user:age"}}

// Shares of defaults that leave the usual one are told of, once each way; what is usual follows slowly.
func TestFeatureRates(t *testing.T) {
	r := newRates(nil, someFeature, openUsualShares("", zap.NewNop()))
	var v fill.Values
	f := func(stored, defaulted uint64, left, back string) {
		t.Helper()
		v.Feature, v.Stored, v.Default = "user:age", v.Stored+stored, v.Default+defaulted
		gone, again := r.look([]fill.Values{v})
		one := func(text string) []string {
			if text == "" {
				return nil
			}
			return []string{text}
		}
		if !slices.Equal(gone, one(left)) || !slices.Equal(again, one(back)) {
			t.Errorf("%d and %d defaults: left %q, back %q; want %q, %q", stored, defaulted, gone, again, left, back)
		}
	}
	f(990, 10, "", "") // 1 % is usual
	f(941, 59, "", "") // less than five points above
	f(900, 100, "user:age 10.0%, usually 1.2%", "")
	f(0, 5000, "", "") // told of before
	f(50, 50, "", "")  // still
	f(9, 90, "", "")   // too few to say
	f(9_990, 0, "", "user:age 0.9%, usually 1.1%")
	if got := r.mu.features[0].usual; got < 0.01 || got > 0.02 {
		t.Errorf("%v is usual", got)
	}
	for range 40 {
		f(1000, 0, "", "")
	}
	if got := r.mu.features[0].usual; got > 1e-4 {
		t.Errorf("%v is usual", got)
	}
	f(10_000, 500, "", "")
	f(10_000, 600, "user:age 5.7%, usually 0.2%", "")
}

// Where few values come, chance is not told of; a feature that has defaults from the start is.
func TestFeatureRatesAtTheStart(t *testing.T) {
	f := func(stored, defaulted uint64, told bool) {
		t.Helper()
		r := newRates(nil, someFeature, openUsualShares("", zap.NewNop()))
		if left, _ := r.look([]fill.Values{{Feature: "f", Stored: stored, Default: defaulted}}); (len(left) == 1) != told {
			t.Errorf("%d and %d: told of %q", stored, defaulted, left)
		}
	}
	f(50, 49, false)
	f(50, 50, false)
	f(40, 60, false)
	f(20, 80, true)
	f(0, 100, true)
	f(100, 0, false)
}
