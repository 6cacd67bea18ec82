package telemetry

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Features is what was read from feature stores.
type Features struct {
	CacheBytes, CacheMaxBytes uint64
	CacheRows                 int
	Stores                    []FeatureStore
	Views                     []FeatureView
}

// FeatureStore is what a store was asked for.
type FeatureStore struct {
	Name string
	// Breaker is one of FeatureBreakers.
	Breaker string
	Trips   uint64
	// Reads have ended well, Failures with an error, Timeouts at their limit; Keys is of how many keys all of them were.
	Reads, Failures, Timeouts, Keys uint64
	// Wanted is how many rows requests waited for.
	Wanted uint64
	// Refused is how many rows were not read, for each reason.
	Refused  []Dropped
	InFlight int64
	// Stages are how long each stage of a read took.
	Stages []FeatureStage
}

// FeatureStage is a stage of a read.
type FeatureStage struct {
	Name  string
	Spent Distribution
}

// FeatureBreakers are the states of a store's breaker.
var FeatureBreakers = []string{"closed", "half-open", "open"}

// FeatureView is what requests got of one view of a store.
type FeatureView struct {
	Store, View string
	// Rows is how many rows had each status, Cache how many the cache answered or did not.
	Rows, Cache []Dropped
	Refreshes   uint64
	// Ages are those of rows with values; Unknown is how many did not say.
	Ages    Distribution
	Unknown uint64
	// Wrong is how many values did not fit their columns.
	Wrong uint64
}

// Distribution is how many values were below each bound. Bounds ascend.
type Distribution struct {
	Bounds []float64
	Below  []uint64
	Count  uint64
	Sum    float64
}

// FeatureValues is how the values of a feature came into being.
type FeatureValues struct {
	Feature         string
	Stored, Default uint64
	// Usual is the usual share of defaults; negative while it is not known.
	Usual float64
}

// maxRungs is the most rungs of a ladder that are counted.
const maxRungs = 8

// noRung is the label of requests that no rung answered.
const noRung = "none"

// maxFeatures is how many features of a model version have series of their own.
const maxFeatures = 500

// otherFeatures is the label of the rest.
const otherFeatures = "(others)"

var (
	byStore   = []string{"store"}
	byView    = []string{"store", "view"}
	byFeature = []string{"model", "version", "feature"}

	descFeatureReads    = describe("sluice_feature_store_reads_total", "Reads of a feature store that have ended: ok, failed or timeout.", "store", "outcome")
	descFeatureKeys     = describe("sluice_feature_store_keys_total", "Keys of those reads.", byStore...)
	descFeatureWanted   = describe("sluice_feature_store_wanted_rows_total", "Rows that requests waited for; by reads it is the coalescing factor.", byStore...)
	descFeatureRefused  = describe("sluice_feature_store_refused_rows_total", "Rows that were not read, by reason.", "store", "reason")
	descFeatureFlight   = describe("sluice_feature_store_in_flight", "Reads that are under way.", byStore...)
	descFeatureBreaker  = describe("sluice_feature_store_breaker", "1 for the state that the breaker of a store is in, 0 for the others.", "store", "state")
	descFeatureTrips    = describe("sluice_feature_store_trips_total", "How often the breaker of a store has opened.", byStore...)
	descFeatureSpent    = describe("sluice_feature_store_duration_seconds", "How long a stage of a read took: waiting, from its first key to its start, and reading.", "store", "stage")
	descFeatureRows     = describe("sluice_feature_rows_total", "Rows that requests asked for, by what became of them.", "store", "view", "status")
	descFeatureCache    = describe("sluice_feature_cache_rows_total", "Those rows by the cache: hit, negative (known to have no values) or miss.", "store", "view", "outcome")
	descFeatureRefresh  = describe("sluice_feature_cache_refreshes_total", "Rows that were read again before their end in the cache.", byView...)
	descFeatureAge      = describe("sluice_feature_age_seconds", "How old the values of rows were when requests got them.", byView...)
	descFeatureUnknown  = describe("sluice_feature_unknown_ages_total", "Rows whose store does not say how old they are.", byView...)
	descFeatureWrong    = describe("sluice_feature_wrong_values_total", "Stored values that do not fit their columns.", byView...)
	descFeatureBytes    = describe("sluice_feature_cache_bytes", "What the cache of features holds.")
	descFeatureMaxBytes = describe("sluice_feature_cache_max_bytes", "What it may hold.")
	descFeatureCached   = describe("sluice_feature_cache_rows", "Rows in it.")

	descFeatureRequests = describe("sluice_feature_requests_total", "Answered requests whose inputs were filled: whole, or degraded by defaults or stale values.", byOutcome...)
	descFeatureRungs    = describe("sluice_feature_rungs_total", "Requests that had too few stored values, by the rung of the model's ladder that answered them.", "model", "version", "rung")
	descFeatureValues   = describe("sluice_feature_values_total", "Values of a feature that were stored, or have a default in their place.", "model", "version", "feature", "source")
	descFeatureUsual    = describe("sluice_feature_usual_default_ratio", "The usual share of defaults of a feature.", byFeature...)
)

// WatchFeatures names the function that a scrape asks for the feature stores.
func (m *Metrics) WatchFeatures(state func() Features) { m.features.Store(&state) }

// WatchFeatures names the function that a scrape asks for the values of a model version's features.
func (m *Model) WatchFeatures(values func() []FeatureValues) { m.features.Store(&values) }

// ObserveFilled counts an answered request whose inputs were filled.
func (m *Model) ObserveFilled(degraded bool) {
	cell := cellFilled
	if degraded {
		cell = cellDegraded
	}
	m.cells.shard()[cell].Add(1)
}

// SetLadder names the rungs of the model's ladder.
func (m *Model) SetLadder(rungs []string) {
	rungs = rungs[:min(len(rungs), maxRungs)]
	m.rungs.Store(&rungs)
}

// ObserveRung counts a request that left the model for its ladder, by the number of the rung that answered; -1 is none.
func (m *Model) ObserveRung(number int) {
	if number < 0 || number >= maxRungs {
		number = maxRungs
	}
	m.cells.shard()[cellRungs+number].Add(1)
}

func (m *Metrics) collectFeatures(ch chan<- prometheus.Metric) {
	state := m.features.Load()
	if state == nil {
		return
	}
	all := (*state)()
	if len(all.Stores) == 0 {
		return
	}
	gauge(ch, descFeatureBytes, float64(all.CacheBytes))
	gauge(ch, descFeatureMaxBytes, float64(all.CacheMaxBytes))
	gauge(ch, descFeatureCached, float64(all.CacheRows))
	for i := range all.Stores {
		all.Stores[i].collect(ch)
	}
	for i := range all.Views {
		all.Views[i].collect(ch)
	}
}

func (s *FeatureStore) collect(ch chan<- prometheus.Metric) {
	counter(ch, descFeatureReads, float64(s.Reads), s.Name, "ok")
	counter(ch, descFeatureReads, float64(s.Failures), s.Name, "failed")
	counter(ch, descFeatureReads, float64(s.Timeouts), s.Name, "timeout")
	counter(ch, descFeatureKeys, float64(s.Keys), s.Name)
	counter(ch, descFeatureWanted, float64(s.Wanted), s.Name)
	counter(ch, descFeatureTrips, float64(s.Trips), s.Name)
	gauge(ch, descFeatureFlight, float64(s.InFlight), s.Name)
	for _, r := range s.Refused {
		counter(ch, descFeatureRefused, float64(r.Count), s.Name, r.Reason)
	}
	for _, state := range FeatureBreakers {
		gauge(ch, descFeatureBreaker, bit(state == s.Breaker), s.Name, state)
	}
	for i := range s.Stages {
		s.Stages[i].Spent.collect(ch, descFeatureSpent, s.Name, s.Stages[i].Name)
	}
}

func (v *FeatureView) collect(ch chan<- prometheus.Metric) {
	for _, r := range v.Rows {
		counter(ch, descFeatureRows, float64(r.Count), v.Store, v.View, r.Reason)
	}
	for _, r := range v.Cache {
		counter(ch, descFeatureCache, float64(r.Count), v.Store, v.View, r.Reason)
	}
	counter(ch, descFeatureRefresh, float64(v.Refreshes), v.Store, v.View)
	counter(ch, descFeatureUnknown, float64(v.Unknown), v.Store, v.View)
	counter(ch, descFeatureWrong, float64(v.Wrong), v.Store, v.View)
	v.Ages.collect(ch, descFeatureAge, v.Store, v.View)
}

func (d *Distribution) collect(ch chan<- prometheus.Metric, desc *prometheus.Desc, labels ...string) {
	below := make(map[float64]uint64, len(d.Bounds))
	for i, bound := range d.Bounds {
		below[bound] = d.Below[i]
	}
	ch <- prometheus.MustNewConstHistogram(desc, d.Count, d.Sum, below, labels...)
}

// collectFeatures tells of a model whose inputs are filled.
func (m *Model) collectFeatures(ch chan<- prometheus.Metric) {
	values := m.features.Load()
	if values == nil {
		return
	}
	counter(ch, descFeatureRequests, float64(m.cells.sum(cellFilled)), m.name, m.version, "whole")
	counter(ch, descFeatureRequests, float64(m.cells.sum(cellDegraded)), m.name, m.version, "degraded")
	if rungs := m.rungs.Load(); rungs != nil {
		for i, name := range *rungs {
			counter(ch, descFeatureRungs, float64(m.cells.sum(cellRungs+i)), m.name, m.version, name)
		}
		counter(ch, descFeatureRungs, float64(m.cells.sum(cellRungs+maxRungs)), m.name, m.version, noRung)
	}
	all := (*values)()
	if len(all) > maxFeatures {
		rest := FeatureValues{Feature: otherFeatures, Usual: -1}
		for _, v := range all[maxFeatures:] {
			rest.Stored += v.Stored
			rest.Default += v.Default
		}
		all = append(slices.Clone(all[:maxFeatures]), rest)
	}
	for _, v := range all {
		counter(ch, descFeatureValues, float64(v.Stored), m.name, m.version, v.Feature, "stored")
		counter(ch, descFeatureValues, float64(v.Default), m.name, m.version, v.Feature, "default")
		if v.Usual >= 0 {
			gauge(ch, descFeatureUsual, v.Usual, m.name, m.version, v.Feature)
		}
	}
}
