package report

import (
	"fmt"

	"sluice/compare"
)

func latency(r *compare.Report) part {
	l := r.Latency
	if l == nil {
		return part{Title: "Latency", Notes: []string{"No device times are known of both versions."}}
	}
	p := part{Title: "Latency", Table: table{Head: []string{"device time", "p50", "p99"}}}
	seconds := func(x float64) string { return compare.Number(x, compare.UnitSeconds) }
	p.Table.add("primary", seconds(l.Primary.P50), seconds(l.Primary.P99))
	p.Table.add("candidate", seconds(l.Candidate.P50), seconds(l.Candidate.P99))
	p.Notes = []string{fmt.Sprintf("The candidate's less the primary's is %s in the mean (%s), over %s units. Quantiles are right to 4 %%.",
		seconds(l.Difference.Mean), span(l.Difference.Interval, compare.UnitSeconds), count(l.Difference.Units))}
	return p
}

func cost(r *compare.Report) part {
	c := r.Cost
	if c == nil {
		return part{}
	}
	p := part{Title: "Cost", Notes: []string{c.Verdict.Text}}
	p.Table = table{Head: []string{"per million rows", c.Currency, "device-seconds", "idle"}}
	for i := range c.Devices {
		d := &c.Devices[i]
		money := "not known"
		if d.PerMillion > 0 {
			money = fmt.Sprintf("%.3g", d.PerMillion)
		}
		p.Table.add(d.Name, money, fmt.Sprintf("%.4g", d.DeviceSeconds), compare.Number(d.Idle, compare.UnitShare))
	}
	return p
}

func tax(r *compare.Report) part {
	t := r.Tax
	if t == nil {
		return part{}
	}
	seconds := func(x float64) string { return compare.Number(x, compare.UnitSeconds) }
	p := part{Title: "Tax on live traffic", Table: table{Head: []string{"with less without", "mean", "interval"}}}
	p.Table.add("p99 of a request", seconds(t.P99), span(t.P99Interval, compare.UnitSeconds))
	p.Table.add("CPU of a request", seconds(t.CPU), span(t.CPUInterval, compare.UnitSeconds))
	p.Notes = []string{fmt.Sprintf("%s pairs of slices; the smallest tax of p99 that these could have seen is %s.", count(int64(t.Pairs)), seconds(t.Smallest))}
	if t.Note != "" {
		p.Notes = append(p.Notes, t.Note)
	}
	return p
}

// shownWorst is how many rows of an output both forms show; JSON has them all.
const shownWorst = 10

func worst(r *compare.Report) part {
	p := part{Title: "Rows that differ most", Wide: true, Table: table{Head: []string{"output", "request", "row", "difference"}, Words: 2}}
	replay := ""
	for i := range r.Outputs {
		o := &r.Outputs[i]
		for _, w := range o.Worst[:min(len(o.Worst), shownWorst)] {
			difference := compare.Number(w.Difference, "")
			if w.Infinite {
				difference = "infinite"
			}
			p.Table.add(o.Name, w.ID, fmt.Sprint(w.Row), difference)
			if replay == "" {
				replay = w.Replay
			}
		}
	}
	if len(p.Table.Rows) == 0 {
		return part{}
	}
	p.Notes = append(p.Notes, "In units of the tolerance; another class or word, and NaN, are infinite. The JSON has each row's request.")
	if replay != "" {
		p.Notes = append(p.Notes, "To ask the first again: "+replay)
	}
	return p
}

func drift(r *compare.Report) part {
	p := part{Title: "Drift", Table: table{Head: []string{"output", "scores of", "PSI", "chance explains", "scores"}, Words: 2}}
	for i := range r.Outputs {
		d := r.Outputs[i].Drift
		if d == nil {
			continue
		}
		p.Table.add(r.Outputs[i].Name, "primary", fmt.Sprintf("%.3g", d.Primary.PSI), fmt.Sprintf("%.3g", d.Primary.Critical), count(d.Primary.Scores))
		p.Table.add(r.Outputs[i].Name, "candidate", fmt.Sprintf("%.3g", d.Candidate.PSI), fmt.Sprintf("%.3g", d.Candidate.Critical), count(d.Candidate.Scores))
	}
	if len(p.Table.Rows) == 0 {
		return part{}
	}
	p.Notes = []string{"Against the primary's first 1,000 scores of this comparison."}
	return p
}

func segments(r *compare.Report) part {
	p := part{Title: "Segments", Table: table{Head: []string{"segment", "output", "differs", "all others", "units", ""}, Words: 2}}
	for i := range r.Outputs {
		o := &r.Outputs[i]
		for _, s := range o.Segments {
			name, mark := s.Input+" "+s.Value, ""
			if s.Other {
				name = s.Input + ", all other"
			}
			if s.Found {
				mark = "*"
			}
			p.Table.Rows = append(p.Table.Rows, row{[]string{name, o.Name, compare.Number(s.Mean, compare.UnitShare), compare.Number(s.Rest, compare.UnitShare), count(s.Units), mark}, s.Found})
		}
	}
	if len(p.Table.Rows) > 0 {
		p.Notes = []string{"* is another share than that of all other units, after Benjamini-Hochberg's correction at 10 %."}
	}
	return p
}

func provenance(r *compare.Report) part {
	p := part{Title: "Provenance", Wide: true, Table: table{Words: 2}}
	for _, v := range []struct {
		name string
		v    compare.Version
	}{{"primary", r.Primary}, {"candidate", r.Candidate}} {
		digest := ""
		if v.v.Digest != "" {
			digest = ", sha256 " + v.v.Digest[:min(len(v.v.Digest), 12)]
		}
		p.Table.add(v.name, v.v.String()+digest)
	}
	for i := range r.Criteria {
		p.Table.add("criterion "+r.Criteria[i].Name, fmt.Sprintf("%s; %s, alpha %g", r.Criteria[i].Sentence, r.Criteria[i].Method, r.Criteria[i].Criterion.Alpha))
	}
	for _, f := range r.Provenance {
		p.Table.add(f.Name, f.Value)
	}
	return p
}
