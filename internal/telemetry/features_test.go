package telemetry

import (
	"fmt"
	"strings"
	"testing"
)

func oneStore() Features {
	return Features{
		CacheBytes: 1000, CacheMaxBytes: 4000, CacheRows: 3,
		Stores: []FeatureStore{{
			Name: "hot", Breaker: "open", Trips: 2, Reads: 90, Failures: 7, Timeouts: 3, Keys: 800, Wanted: 1200, InFlight: 4,
			Refused: []Dropped{{"breaker", 11}, {"full", 0}},
			Stages:  []FeatureStage{{"reading", Distribution{Bounds: []float64{0.001, 0.002}, Below: []uint64{80, 95}, Count: 100, Sum: 0.09}}},
		}},
		Views: []FeatureView{{
			Store: "hot", View: "user", Rows: []Dropped{{"present", 900}, {"missing", 100}}, Cache: []Dropped{{"hit", 700}, {"miss", 300}},
			Refreshes: 12, Unknown: 13, Wrong: 14, Ages: Distribution{Bounds: []float64{60}, Below: []uint64{880}, Count: 887, Sum: 31000},
		}},
	}
}

// A model with very many features does not have as many series.
func TestFeaturesAreBounded(t *testing.T) {
	metrics := New("test")
	m := metrics.NewModel("wide", "1", 1)
	m.WatchFeatures(func() (all []FeatureValues) {
		for i := range maxFeatures + 3 {
			all = append(all, FeatureValues{Feature: fmt.Sprint("f", i), Stored: 10, Default: 1, Usual: 0.5})
		}
		return all
	})
	text := ownText(t, metrics)
	f := func(part string, want int) {
		t.Helper()
		if got := strings.Count(text, part); got != want {
			t.Errorf("%q is there %d times, want %d", part, got, want)
		}
	}
	f("sluice_feature_values_total{", 2*maxFeatures+2)
	f(`sluice_feature_values_total{feature="(others)",model="wide",source="stored",version="1"} 30`, 1)
	f(`sluice_feature_values_total{feature="(others)",model="wide",source="default",version="1"} 3`, 1)
	f("sluice_feature_usual_default_ratio{", maxFeatures)
}
