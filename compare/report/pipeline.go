package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sluice/compare"
)

// split says what the difference of a candidate that fills its inputs itself comes from.
func split(r *compare.Report) part {
	if r.Pipeline == nil {
		return part{}
	}
	p := part{Title: "Effect of the model, effect of the features", Wide: true}
	if why := r.Pipeline.NoSplit; why != "" {
		p.Notes = append(p.Notes, "The difference is not split, since the candidate cannot be asked with the primary's inputs: "+printable(why)+".")
		return p
	}
	p.Table = table{Head: []string{"output", "figure", "effect of", "mean", "interval", "units"}, Words: 3}
	for _, s := range r.Pipeline.Split {
		for i := range s.Model {
			for _, e := range []struct {
				output, figure, of string
				f                  *compare.Figure
			}{{s.Output, s.Model[i].Name, "model", &s.Model[i]}, {"", "", "features", &s.Features[i]}} {
				mean, interval := shown(e.f)
				p.Table.add(e.output, e.figure, e.of, mean, interval, count(e.f.Units))
			}
		}
	}
	p.Notes = append(p.Notes, "The model: the candidate's answer to the primary's inputs against the primary's answer. The features: its answer to inputs that it filled itself against "+
		"its answer to the primary's. What stores change between the two reads is in the effect of the features; for A/A the primary reads again, too.")
	return p
}

// found is what both sides found in the stores.
func found(r *compare.Report) part {
	if r.Pipeline == nil {
		return part{}
	}
	p := part{Title: "Stored values", Table: table{Head: []string{"", "values", "defaults", "late", "stale"}}}
	for _, side := range []struct {
		name string
		of   *compare.Found
	}{{"primary", &r.Pipeline.Primary}, {"candidate", &r.Pipeline.Candidate}} {
		f := side.of
		p.Table.add(side.name, count(f.Stored+f.Default), compare.Number(f.DefaultShare, compare.UnitShare), count(f.Late), compare.Number(f.StaleShare, compare.UnitShare))
	}
	d := &r.Pipeline.Defaults
	p.Notes = []string{fmt.Sprintf("The candidate's share of defaults less the primary's is %s in the mean of %s units (%s).", compare.Number(d.Mean, d.Unit), count(d.Units), span(d.Interval, d.Unit))}
	return p
}

// shownFeatures is how many features both forms show; JSON has them all.
const shownFeatures = 10

// defaults are the features whose defaults differ most.
func defaults(r *compare.Report) part {
	if r.Pipeline == nil {
		return part{}
	}
	p := part{Title: "Defaults by feature", Table: table{Head: []string{"feature", "primary", "candidate", "values"}, Words: 1}}
	all := slices.Clone(r.Pipeline.Features)
	gap := func(f *compare.FeatureDefaults) float64 {
		return math.Abs(ratio(f.CandidateDefault, f.CandidateStored) - ratio(f.Default, f.Stored))
	}
	slices.SortStableFunc(all, func(a, b compare.FeatureDefaults) int { return cmp.Compare(gap(&b), gap(&a)) })
	for i := range all[:min(len(all), shownFeatures)] {
		f := &all[i]
		p.Table.add(f.Name, shareOf(f.Default, f.Stored), shareOf(f.CandidateDefault, f.CandidateStored), count(f.CandidateDefault+f.CandidateStored))
	}
	if more := len(all) - shownFeatures; more > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("The JSON has %s more.", count(int64(more))))
	}
	return p
}

// shareOf is the share of the first number in words; nothing is known of none.
func shareOf(of, others int64) string {
	if of+others == 0 {
		return "-"
	}
	return compare.Number(ratio(of, others), compare.UnitShare)
}

// ratio is the share of the first number; 0 of none.
func ratio(of, others int64) float64 { return float64(of) / float64(max(of+others, 1)) }
