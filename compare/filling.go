package compare

import (
	"errors"
	"fmt"

	"sluice/internal/origin"
)

// mostFeatures bounds the features that are told apart: those that come first.
const mostFeatures = 2048

// filling counts what both sides of a pipeline found in the stores, of the same units.
type filling struct {
	Units    int64             `json:"units"`
	Sums     [sides]Sums       `json:"sums"`
	Features []FeatureDefaults `json:"features,omitempty"`
	More     int64             `json:"more,omitempty"` // values of features beyond the bound

	at map[string]int // the features by name
}

// The sides of a filling.
const (
	primary = iota
	own     // the candidate's
	sides
)

// Sums are stored values: a list counts as one, and each row's own.
type Sums struct {
	// Stored were found, Default have a default in their place, Late are those of them that did not come in time. Stale are older than they
	// may be, whether they were used or not.
	Stored  int64 `json:"stored"`
	Default int64 `json:"default"`
	Stale   int64 `json:"stale"`
	Late    int64 `json:"late"`
}

// FeatureDefaults is what both sides found of one feature, INPUT.GROUP:FEATURE. One that a side does not have has no values there.
type FeatureDefaults struct {
	Name             string `json:"name"`
	Stored           int64  `json:"stored"`
	Default          int64  `json:"default"`
	CandidateStored  int64  `json:"candidate_stored"`
	CandidateDefault int64  `json:"candidate_default"`
}

func newFilling() *filling { return &filling{at: map[string]int{}} }

// add counts a unit, and returns by how much the candidate's share of defaults is above that of the primary, or below: of the two one is
// 0. It is false if a side has no stored values: nothing is known of its share then.
func (f *filling) add(first, second *origin.Tally) (above, below float64, known bool) {
	f.Units++
	for side, t := range [sides]*origin.Tally{primary: first, own: second} {
		s := &f.Sums[side]
		s.Stored += int64(t.Stored)
		s.Default += int64(t.Default)
		s.Late += int64(t.Late)
		s.Stale += int64(t.Stale)
		for i := range t.Features {
			f.feature(side, &t.Features[i])
		}
	}
	if first.Stored+first.Default == 0 || second.Stored+second.Default == 0 {
		return 0, 0, false
	}
	more := share(int64(second.Default), int64(second.Stored)) - share(int64(first.Default), int64(first.Stored))
	return max(more, 0), max(-more, 0), true
}

func (f *filling) feature(side int, t *origin.FeatureTally) {
	i, known := f.at[t.Name]
	switch {
	case !known && len(f.Features) == mostFeatures:
		f.More += int64(t.Stored + t.Default)
		return
	case !known:
		i = len(f.Features)
		f.at[t.Name] = i
		f.Features = append(f.Features, FeatureDefaults{Name: t.Name})
	}
	to := &f.Features[i]
	if side == primary {
		to.Stored, to.Default = to.Stored+int64(t.Stored), to.Default+int64(t.Default)
	} else {
		to.CandidateStored, to.CandidateDefault = to.CandidateStored+int64(t.Stored), to.CandidateDefault+int64(t.Default)
	}
}

// share is that of the first number; 0 of none.
func share(of, others int64) float64 {
	if of+others == 0 {
		return 0
	}
	return float64(of) / float64(of+others)
}

// restore makes a filling that was read whole, and refuses one that nothing leads to.
func (f *filling) restore() error {
	if len(f.Features) > mostFeatures {
		return fmt.Errorf("its state has %d features; the most are %d", len(f.Features), mostFeatures)
	}
	counts := []int64{f.Units, f.More}
	for _, s := range f.Sums {
		counts = append(counts, s.Stored, s.Default, s.Stale, s.Late)
	}
	f.at = make(map[string]int, len(f.Features))
	for i, t := range f.Features {
		if _, twice := f.at[t.Name]; twice || t.Name == "" {
			return fmt.Errorf("its state has the feature %.64q twice, or without a name", t.Name)
		}
		f.at[t.Name] = i
		counts = append(counts, t.Stored, t.Default, t.CandidateStored, t.CandidateDefault)
	}
	for _, n := range counts {
		if n < 0 || n > maxCount {
			return errors.New("its state has counts of stored values that are none")
		}
	}
	return nil
}

// Pipeline is what is known of a candidate that fills its inputs itself.
type Pipeline struct {
	// NoSplit says why the difference is not split; empty if it is, where units have come.
	NoSplit string `json:"no_split,omitempty"`
	// Split is what the difference of each output comes from.
	Split []Split `json:"split,omitempty"`
	// Units are those whose stored values were counted: Primary and Candidate are what they found.
	Units     int64 `json:"units"`
	Primary   Found `json:"primary"`
	Candidate Found `json:"candidate"`
	// Defaults is by how much the candidate's share of defaults is above the primary's, per unit.
	Defaults Figure            `json:"defaults"`
	Features []FeatureDefaults `json:"features,omitempty"`
	// MoreValues are those of features that are not shown.
	MoreValues int64 `json:"more_values,omitempty"`
}

// Found is what one side found in the stores.
type Found struct {
	Sums
	// DefaultShare and StaleShare are parts of all stored values.
	DefaultShare float64 `json:"default_share"`
	StaleShare   float64 `json:"stale_share"`
}

func (s Sums) found() Found {
	all := s.Stored + s.Default
	return Found{s, share(s.Default, s.Stored), share(s.Stale, all-s.Stale)}
}

// pipeline is what is known so far; nil of another study.
func (s *Study) pipeline() *Pipeline {
	f := s.filling
	if f == nil {
		return nil
	}
	p := &Pipeline{
		Units: f.Units, Primary: f.Sums[primary].found(), Candidate: f.Sums[own].found(), Defaults: figureOf("defaults", UnitShare, s.defaults),
		Features: append([]FeatureDefaults(nil), f.Features...), MoreValues: f.More,
	}
	for _, o := range s.outputs {
		p.Split = append(p.Split, o.split())
	}
	return p
}
