package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"sluice/compare"
	"sluice/compare/sequence"
)

// document is what both forms are made from.
type document struct {
	Verdict sequence.Verdict
	Reason  string
	// Subject says what was compared with what.
	Subject string
	Parts   []part
}

// part is a heading with a table, and sentences below it.
type part struct {
	Title string
	Table table
	Notes []string
	// Wide takes the whole width of the page.
	Wide bool
}

// table is aligned cells: the first Words columns to the left, the others to the right.
type table struct {
	Head  []string
	Rows  []row
	Words int
}

type row struct {
	Cells []string
	// Bad marks a row that is not as it should be.
	Bad bool
}

// Word says whether a column is text.
func (t table) Word(i int) bool { return i < max(t.Words, 1) }

func (t *table) add(cells ...string) { t.Rows = append(t.Rows, row{Cells: cells}) }

func (d *document) add(p part) {
	if len(p.Table.Rows) > 0 || len(p.Notes) > 0 {
		d.Parts = append(d.Parts, p)
	}
}

func describe(r *compare.Report) *document {
	d := &document{Verdict: r.Verdict, Reason: r.Reason, Subject: fmt.Sprintf("%s: candidate %s against %s", r.Model, r.Candidate, r.Primary)}
	d.add(verdicts(r))
	d.add(coverage(r))
	d.add(noise(r))
	d.add(differences(r))
	d.add(flips(r))
	d.add(ranks(r))
	d.add(split(r))
	d.add(found(r))
	d.add(defaults(r))
	d.add(latency(r))
	d.add(cost(r))
	d.add(tax(r))
	d.add(worst(r))
	d.add(drift(r))
	d.add(segments(r))
	d.add(provenance(r))
	return d
}

// printable keeps what comes from clients and models from steering a terminal or a page.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '\n' || unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, s)
}

// count writes a whole number with its thousands apart.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// span is an interval in words.
func span(b compare.Bounds, unit string) string {
	if sequence.Interval(b).Empty() {
		return "empty"
	}
	low, high := compare.Number(b.Low, unit), compare.Number(b.High, unit)
	if low == "?" && high == "?" {
		return "not known"
	}
	if at := strings.LastIndexByte(low, ' '); at > 0 && strings.HasSuffix(high, low[at:]) {
		low = low[:at]
	}
	return low + " to " + high
}

func verdicts(r *compare.Report) part {
	p := part{Title: "Criteria", Wide: true, Table: table{Head: []string{"", "criterion", "now", "interval", "limit", "units"}, Words: 2}}
	for i := range r.Criteria {
		j := &r.Criteria[i]
		limit := "<= " + compare.Number(j.Allowed.High, j.Unit)
		if j.Criterion.Within != nil {
			limit = "+- " + compare.Number(j.Allowed.High, j.Unit)
		}
		p.Table.Rows = append(p.Table.Rows, row{[]string{string(j.Verdict), j.Name, compare.Number(j.Excess(), j.Unit), span(j.Interval, j.Unit), limit, count(j.Units)}, j.Verdict == sequence.Fail})
		if j.Note != "" {
			p.Notes = append(p.Notes, j.Name+": "+j.Note+".")
		}
	}
	if slices.ContainsFunc(r.Criteria, func(j compare.Judged) bool { return j.Again != nil }) {
		p.Notes = append(p.Notes, "Shares are those of A/B less those of A/A, where the primary was asked again.")
	}
	if slices.ContainsFunc(r.Criteria, func(j compare.Judged) bool { return j.Default }) {
		p.Notes = append(p.Notes, "The model declares no criteria: these are defaults. Declare what your product can bear under criteria: in model.yaml.")
	}
	if r.LeftOut != "" {
		p.Notes = append(p.Notes, "Not judged here: "+r.LeftOut+".")
	}
	return p
}

func coverage(r *compare.Report) part {
	c := &r.Coverage
	p := part{Title: "Coverage"}
	t := &p.Table
	t.add("mode", c.Mode)
	if !c.From.IsZero() {
		t.add("from", c.From.UTC().Format("2006-01-02 15:04:05Z"))
		t.add("to", c.To.UTC().Format("2006-01-02 15:04:05Z"))
	}
	some := func(name string, n int64) {
		if n > 0 {
			t.add(name, count(n))
		}
	}
	some("requests seen", c.Seen)
	some("sampled", c.Sampled)
	for _, reason := range slices.Sorted(maps.Keys(c.Dropped)) {
		some("dropped, "+strings.ReplaceAll(reason, "_", " "), c.Dropped[reason])
	}
	t.add("units compared", count(c.Compared))
	t.add("rows of these", count(c.Rows))
	t.add("units asked again (A/A)", count(c.Again))
	some("requests of known units", c.Repeated)
	some("units with a degraded answer", c.Degraded)
	for _, reason := range slices.Sorted(maps.Keys(c.Failures)) {
		t.Rows = append(t.Rows, row{[]string{"candidate failed, " + printable(reason), count(c.Failures[reason])}, true})
	}
	if c.Stands != "" {
		p.Notes = append(p.Notes, "Nothing more is compared now: "+printable(c.Stands)+".")
	}
	if c.TooLarge != "" {
		p.Notes = append(p.Notes, "The comparison is of smaller requests than there are: "+printable(c.TooLarge)+".")
	}
	if c.First != "" {
		p.Notes = append(p.Notes, "The first answer that could not be compared: "+c.First+".")
	}
	if c.Chance > 0.01 {
		p.Notes = append(p.Notes, fmt.Sprintf("A new unit is taken for a known one, and left out, with a chance of %s by now.", compare.Number(c.Chance, compare.UnitShare)))
	}
	return p
}

func noise(r *compare.Report) part {
	p := part{Title: "Noise floor", Table: table{Head: []string{"output", "kind", "rows asked again", "differs above"}, Words: 2}}
	for i := range r.Outputs {
		o := &r.Outputs[i]
		kind := o.Kind
		if o.Guessed {
			kind += ", guessed"
		}
		p.Table.add(o.Name, kind, count(int64(o.Noise.Rows)), compare.Number(o.Noise.Threshold, ""))
	}
	p.Notes = append(p.Notes, "In units of the tolerance; of a ranked list, its distance. The threshold is the 0.99 quantile of the first 1,000 rows of A/A, or what the tolerance allows if that is more or they are not there.")
	return p
}

// apart are the figures that have parts of their own.
var apart = map[string]func(*compare.Figures) bool{
	"flip": flipped, "flip_up": flipped, "flip_down": flipped,
	"top1_change": ranked, "topk_change": ranked, "tau_distance": ranked, "rbo_distance": ranked, "ndcg_loss": ranked,
}

func flipped(o *compare.Figures) bool { return o.Kind == "probability" }
func ranked(o *compare.Figures) bool  { return o.Kind == "ranked" }

// figures are rows of the figures that are wanted.
func figures(r *compare.Report, wanted func(name string) bool) (t table) {
	t = table{Head: []string{"output", "figure", "A/B", "A/A", "interval", "units"}, Words: 2}
	for i := range r.Outputs {
		o := &r.Outputs[i]
		for k := range o.Figures {
			f := &o.Figures[k]
			if !wanted(f.Name) {
				continue
			}
			aa := ""
			mean, interval := shown(f)
			if f.Again != nil && f.AgainUnits > 0 {
				aa = compare.Number(*f.Again, f.Unit)
			}
			t.add(o.Name, f.Name, mean, aa, interval, count(f.Units))
		}
	}
	return t
}

// shown is a figure's mean and its interval; of a largest that and quantiles.
func shown(f *compare.Figure) (mean, interval string) {
	if f.Role == "largest" {
		return compare.Number(f.Largest, ""), "p50 " + compare.Number(f.P50, "") + ", p99 " + compare.Number(f.P99, "")
	}
	return compare.Number(f.Mean, f.Unit), span(f.Interval, f.Unit)
}

func differences(r *compare.Report) part {
	p := part{Title: "Differences", Wide: true, Table: figures(r, func(name string) bool { return apart[name] == nil })}
	if len(p.Table.Rows) > 0 {
		p.Notes = []string{"Means over units; of max_abs, max_relative and max_ulp the largest. An interval holds with 95 % at every look, and is that of A/B less A/A where a share has both."}
	}
	return p
}

func flips(r *compare.Report) part {
	p := part{Title: "Flips", Table: figures(r, func(name string) bool { return strings.HasPrefix(name, "flip") })}
	for i := range r.Outputs {
		o := &r.Outputs[i]
		var pairs []string
		for _, c := range o.Pairs[:min(len(o.Pairs), 8)] {
			pairs = append(pairs, fmt.Sprintf("%s -> %s %s", c.Primary, c.Candidate, count(c.Rows)))
		}
		if len(pairs) > 0 {
			p.Notes = append(p.Notes, o.Name+", rows by class of the primary and of the candidate: "+strings.Join(pairs, "; ")+".")
		}
	}
	return p
}

func ranks(r *compare.Report) part {
	return part{Title: "Ranks", Table: figures(r, func(name string) bool { return apart[name] != nil && !strings.HasPrefix(name, "flip") })}
}
