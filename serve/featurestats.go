package serve

import (
	"sluice/features"
	"sluice/internal/telemetry"
)

// featureMetrics is what the engine has counted, as a scrape wants it.
func featureMetrics(all features.Stats) telemetry.Features {
	r := telemetry.Features{CacheBytes: all.CacheBytes, CacheMaxBytes: all.CacheMaxBytes, CacheRows: all.CacheRows}
	for i := range all.Stores {
		s := &all.Stores[i]
		r.Stores = append(r.Stores, telemetry.FeatureStore{
			Name: s.Name, Breaker: s.Breaker.String(), Trips: s.Opened,
			Reads: s.Reads - min(s.Failures+s.Timeouts, s.Reads), Failures: s.Failures, Timeouts: s.Timeouts, Keys: s.Keys, Wanted: s.Wanted, InFlight: s.InFlight,
			Refused: []telemetry.Dropped{{Reason: "breaker", Count: s.Refused}, {Reason: "full", Count: s.Full}, {Reason: "expired", Count: s.Expired}},
			Stages:  []telemetry.FeatureStage{{Name: "waiting", Spent: latencies(s.Waiting)}, {Name: "reading", Spent: latencies(s.Reading)}},
		})
	}
	for i := 0; i < len(all.Groups); {
		end := i + 1
		for end < len(all.Groups) && all.Groups[end].Store == all.Groups[i].Store && all.Groups[end].View == all.Groups[i].View {
			end++
		}
		r.Views = append(r.Views, featureView(all.Groups[i:end]))
		i = end
	}
	return r
}

// featureView adds up the groups of one view. Models that read it with other columns or options have groups of their own.
func featureView(groups []features.GroupStats) telemetry.FeatureView {
	v := telemetry.FeatureView{Store: groups[0].Store, View: groups[0].View}
	rows := map[features.Status]uint64{}
	var hits, negative, misses uint64
	var ages features.Histogram
	for i := range groups {
		g := &groups[i]
		for status, n := range g.Rows {
			rows[status] += n
		}
		hits, negative, misses = hits+g.Hits-min(g.NegativeHits, g.Hits), negative+g.NegativeHits, misses+g.Misses
		v.Refreshes += g.Renewed
		v.Unknown += g.UnknownAges
		for k := range g.Columns {
			v.Wrong += g.Columns[k].Wrong
		}
		ages = joined(ages, g.Ages)
	}
	for status := features.Present; status <= features.Failed; status++ {
		v.Rows = append(v.Rows, telemetry.Dropped{Reason: status.String(), Count: rows[status]})
	}
	v.Cache = []telemetry.Dropped{{Reason: "hit", Count: hits}, {Reason: "negative", Count: negative}, {Reason: "miss", Count: misses}}
	v.Ages = distribution(ages, 1e-3, 4, 26, 2)
	return v
}

func joined(a, b features.Histogram) features.Histogram {
	r := features.Histogram{Sum: a.Sum + b.Sum, Counts: make([]uint64, len(b.Counts))}
	copy(r.Counts, a.Counts)
	for i, n := range b.Counts {
		r.Counts[i] += n
	}
	return r
}

// latencies are nanoseconds: bounds of 66 µs to 17 s.
func latencies(h features.Histogram) telemetry.Distribution { return distribution(h, 1e-9, 10, 28, 1) }

// distribution leaves of a histogram the bounds that are powers of two, 64<<from to 64<<to of its numbers.
func distribution(h features.Histogram, unit float64, from, to, step int) telemetry.Distribution {
	d := telemetry.Distribution{Sum: float64(h.Sum) * unit}
	const perOctave = 4 // buckets
	for i, n := range h.Counts {
		d.Count += n
		if i%perOctave == 0 && i/perOctave >= from && i/perOctave <= to && (i/perOctave-from)%step == 0 {
			d.Bounds, d.Below = append(d.Bounds, float64(features.UpTo(i))*unit), append(d.Below, d.Count)
		}
	}
	return d
}
