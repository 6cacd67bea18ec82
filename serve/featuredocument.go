package serve

import (
	"time"

	"sluice/features"
	"sluice/features/look"
)

// FeatureDocument is what GET /v2/features tells.
type FeatureDocument struct {
	CacheBytes    uint64         `json:"cache_bytes"`
	CacheMaxBytes uint64         `json:"cache_max_bytes"`
	CacheRows     int            `json:"cache_rows"`
	Stores        []StoreSummary `json:"stores"`
	Groups        []GroupSummary `json:"groups"`
}

// StoreSummary is a store.
type StoreSummary struct {
	Name     string `json:"name"`
	Breaker  string `json:"breaker"`
	Reads    uint64 `json:"reads"`
	Failures uint64 `json:"failures"`
	Timeouts uint64 `json:"timeouts"`
	// P99 is what 99 of 100 reads took at most lately, in milliseconds; 0 while that is not known.
	P99 float64 `json:"p99_ms"`
}

// GroupSummary is a group that is read.
type GroupSummary struct {
	Store   string            `json:"store"`
	View    string            `json:"view"`
	Group   string            `json:"group"`
	Rows    map[string]uint64 `json:"rows"`
	Hits    uint64            `json:"cache_hits"`
	Columns []ColumnSummary   `json:"features"`
	HotKeys []HotKey          `json:"hot_keys"`
}

// ColumnSummary is what a feature had in rows that came.
type ColumnSummary struct {
	Name    string `json:"name"`
	Present uint64 `json:"present"`
	Missing uint64 `json:"missing"`
	Wrong   uint64 `json:"wrong"`
}

// HotKey is an entity that is asked for often: about Count times lately, and at least AtLeast times, but for sampling.
type HotKey struct {
	Key     map[string]any `json:"key"`
	Count   uint64         `json:"count"`
	AtLeast uint64         `json:"at_least"`
}

func featureDocument(all features.Stats) *FeatureDocument {
	d := &FeatureDocument{CacheBytes: all.CacheBytes, CacheMaxBytes: all.CacheMaxBytes, CacheRows: all.CacheRows, Stores: []StoreSummary{}, Groups: []GroupSummary{}}
	for i := range all.Stores {
		s := &all.Stores[i]
		d.Stores = append(d.Stores, StoreSummary{s.Name, s.Breaker.String(), s.Reads, s.Failures, s.Timeouts, float64(s.Slow) / float64(time.Millisecond)})
	}
	for i := range all.Groups {
		g := &all.Groups[i]
		one := GroupSummary{Store: g.Store, View: g.View, Group: g.Name, Rows: map[string]uint64{}, Hits: g.Hits, HotKeys: []HotKey{}}
		for status, n := range g.Rows {
			one.Rows[status.String()] = n
		}
		for _, c := range g.Columns {
			one.Columns = append(one.Columns, ColumnSummary(c))
		}
		for _, h := range g.HotKeys {
			one.HotKeys = append(one.HotKeys, HotKey{look.KeyValues(g.Keys, h.Key), h.Count, h.AtLeast})
		}
		d.Groups = append(d.Groups, one)
	}
	return d
}
