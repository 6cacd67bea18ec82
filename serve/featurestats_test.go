package serve

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"sluice/features"
	"sluice/features/store"
	"sluice/internal/telemetry"
)

func counts(of map[int]uint64) (h features.Histogram) {
	h.Counts = make([]uint64, 129)
	for bucket, n := range of {
		h.Counts[bucket] += n
		h.Sum += n * uint64(features.UpTo(bucket))
	}
	return h
}

// Groups of one view are one in the metrics, and histograms keep what is below each bound.
func TestFeatureMetrics(t *testing.T) {
	rows := func(present, missing uint64) map[features.Status]uint64 {
		return map[features.Status]uint64{features.Present: present, features.Missing: missing}
	}
	got := featureMetrics(features.Stats{
		CacheRows: 5,
		Stores: []features.StoreStats{{
			Name: "hot", Breaker: features.HalfOpen, Reads: 10, Failures: 2, Timeouts: 3, Keys: 40, Wanted: 50, Refused: 1, Full: 2, Expired: 3, Reading: counts(map[int]uint64{0: 1, 40: 2, 41: 4}),
		}},
		Groups: []features.GroupStats{
			{Store: "hot", View: "user", Name: "a", Rows: rows(7, 1), Hits: 3, NegativeHits: 1, Misses: 5, Ages: counts(map[int]uint64{1: 2}), Columns: []features.ColumnStats{{Wrong: 1}, {Wrong: 2}}},
			{Store: "hot", View: "user", Name: "b", Rows: rows(10, 0), Hits: 10, Ages: counts(map[int]uint64{0: 1}), Columns: []features.ColumnStats{{Wrong: 4}}},
			{Store: "hot", View: "shop", Name: "c", Rows: rows(1, 0), Misses: 1},
		},
	})
	s := got.Stores[0]
	if s.Breaker != "half-open" || s.Reads != 5 || !reflect.DeepEqual(s.Refused, []telemetry.Dropped{{Reason: "breaker", Count: 1}, {Reason: "full", Count: 2}, {Reason: "expired", Count: 3}}) {
		t.Errorf("the store is %+v", s)
	}
	spent := s.Stages[1].Spent
	if spent.Count != 7 || len(spent.Bounds) != 19 || spent.Bounds[0] != 65536e-9 || spent.Below[0] != 3 || spent.Below[1] != 7 || spent.Below[18] != 7 {
		t.Errorf("reads took %+v", spent)
	}
	if len(got.Views) != 2 {
		t.Fatalf("there are %d views", len(got.Views))
	}
	v := got.Views[0]
	if v.Rows[0].Count != 17 || v.Rows[2].Count != 1 || v.Rows[2].Reason != "missing" || v.Wrong != 7 || v.Ages.Count != 3 || v.Ages.Bounds[0] != 1.024 || v.Ages.Below[0] != 3 {
		t.Errorf("the view is %+v", v)
	}
	if want := []telemetry.Dropped{{Reason: "hit", Count: 12}, {Reason: "negative", Count: 1}, {Reason: "miss", Count: 5}}; !reflect.DeepEqual(v.Cache, want) {
		t.Errorf("the cache is %+v", v.Cache)
	}
}

// Keys are told of with the names of their values.
func TestFeatureDocument(t *testing.T) {
	key := store.AppendText(store.AppendInt(nil, store.Int32, -7), "c-1")
	d := featureDocument(features.Stats{
		Stores: []features.StoreStats{{Name: "hot", Slow: 1500 * time.Microsecond}},
		Groups: []features.GroupStats{{
			Store: "hot", View: "user", Keys: []store.KeyColumn{{Name: "zone", Type: store.Int32}, {Name: "customer", Type: store.Text}},
			Rows: map[features.Status]uint64{features.TimedOut: 4}, HotKeys: []features.HotKey{{Key: key, Count: 64, AtLeast: 48}},
		}},
	})
	if d.Stores[0].P99 != 1.5 || d.Groups[0].Rows["timeout"] != 4 {
		t.Errorf("got %+v", d)
	}
	if want := []HotKey{{map[string]any{"zone": json.Number("-7"), "customer": "c-1"}, 64, 48}}; !reflect.DeepEqual(d.Groups[0].HotKeys, want) {
		t.Errorf("the hot keys are %v", d.Groups[0].HotKeys)
	}
}
