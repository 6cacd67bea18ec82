package report

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/traffic"
	"sluice/loadtest/result"
)

// document is what both forms are made from.
type document struct {
	// Verdict is the first thing that is said; State is one word or two for it.
	Verdict, State string
	// Good says that there is nothing to warn of.
	Good bool
	// Alarms are what a reader must know before any figure.
	Alarms []alarm
	// Tiles are the figures to remember.
	Tiles []tile
	Parts []part
}

// alarm is something that is not as it should be, with its reasons as sentences.
type alarm struct {
	Word string
	// Note says what the word means here; "" where it speaks for itself.
	Note    string
	Reasons []string
}

func (a alarm) Heading() string {
	if a.Note == "" {
		return a.Word
	}
	return a.Word + ": " + a.Note
}

type tile struct{ Name, Value string }

// part is a heading with what belongs under it.
type part struct {
	Title string
	// Lines are sentences above the table, Notes below it.
	Lines []string
	Table table
	Notes []string
	// Wide takes the whole width of the page.
	Wide bool
}

// table is aligned cells: the first column to the left, the others to the right, except for
// the last Words columns, which are text.
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

func (t *table) add(cells ...string) { t.Rows = append(t.Rows, row{Cells: cells}) }

func (p *part) empty() bool { return len(p.Lines) == 0 && len(p.Table.Rows) == 0 && len(p.Notes) == 0 }

// add appends what has something to say.
func (d *document) add(parts ...part) {
	for _, p := range parts {
		if !p.empty() {
			d.Parts = append(d.Parts, p)
		}
	}
}

// describe makes the document of one result.
func describe(r *result.Result) *document {
	d := &document{Verdict: r.Verdict, Alarms: alarms(r)}
	if d.Verdict == "" {
		d.Verdict = "no verdict was given"
	}
	d.State, d.Good = "OK", len(d.Alarms) == 0 && r.Exit.Code == 0
	switch {
	case len(d.Alarms) > 0:
		d.State = d.Alarms[0].Word
	case !d.Good:
		d.State = "FAILED"
	}
	d.Tiles = tiles(r)
	d.add(capacity(r.Capacity), probes(r.Capacity), ratios(r.AB), mirrored(r.AB))
	d.add(thresholds(r), targets(r), lastRun(r), load(r), validity(r))
	d.add(latencies(r), lags(r), stages(r))
	d.add(ledger(r), verified(r), batches(r), devices(r), resources(r), metrics(r), environment(r))
	d.add(part{Title: "Exit status", Lines: []string{exit(r)}})
	return d
}

// lastRun says whose figures follow in the report of a search, which makes many runs.
func lastRun(r *result.Result) part {
	if r.Capacity == nil || len(r.Capacity.Probes) == 0 || r.Response.N == 0 {
		return part{}
	}
	return part{Title: "The last run", Lines: []string{"what follows is of the last run of the search alone, at " + rate(r.Load.Offered) + ", as an example; the probes above are the search"}}
}

// BareVerdict is the verdict without the words that say its state once more.
func (d *document) BareVerdict() string {
	for _, words := range []string{d.State, "failed", "the ledger is not closed"} {
		if n := len(words) + 2; len(d.Verdict) > n && strings.EqualFold(d.Verdict[:n], words+": ") {
			return d.Verdict[n:]
		}
	}
	return d.Verdict
}

func exit(r *result.Result) string {
	if r.Exit.Reason == "" {
		return fmt.Sprint(r.Exit.Code)
	}
	return fmt.Sprintf("%d: %s", r.Exit.Code, r.Exit.Reason)
}

// alarms come in the order in which the exit status weighs them.
func alarms(r *result.Result) (all []alarm) {
	if reasons := ledgerFaults(&r.Ledger); len(reasons) > 0 {
		all = append(all, alarm{"LEDGER NOT CLOSED", "not every request has one known end", reasons})
	}
	if wrong := max(r.Verify.Wrong, r.Ledger.Wrong); wrong > 0 {
		all = append(all, alarm{"WRONG ANSWERS", "", append([]string{wrongSentence(r, wrong)}, r.Verify.Examples...)})
	}
	if !r.Validity.Valid && measured(r) {
		reasons := r.Validity.Reasons
		if len(reasons) == 0 {
			reasons = []string{"no reason was given"}
		}
		all = append(all, alarm{"INVALID", "the figures below are not about the target", reasons})
	}
	var failed []string
	for _, t := range r.Thresholds {
		if !t.Pass {
			failed = append(failed, thresholdSentence(t))
		}
	}
	if len(failed) > 0 {
		all = append(all, alarm{"THRESHOLD FAILED", "", failed})
	}
	if r.Interrupted {
		all = append(all, alarm{"INTERRUPTED", "", []string{"the run was ended before its time; the figures are of what was measured until then"}})
	}
	return all
}

// measured says whether there are figures at all: a target that was never ready has none to doubt.
func measured(r *result.Result) bool {
	return r.Ledger.Scheduled > 0 || r.Response.N > 0 || r.Capacity != nil || r.AB != nil || len(r.Validity.Reasons) > 0
}

func thresholdSentence(t result.Threshold) string {
	text := fmt.Sprintf("%s does not hold: it is %s", t.Expression, t.Value)
	if t.Abort {
		text += "; the run was ended because of it"
	}
	return text
}

func wrongSentence(r *result.Result, wrong int64) string {
	text := some(wrong, "answer is", "answers are") + " not what belongs to the request"
	if r.Verify.Checked > 0 {
		text += fmt.Sprintf(", of %s that were compared", count(r.Verify.Checked))
	}
	if r.Verify.CrossTalk > 0 {
		text += fmt.Sprintf("; %s of another request", some(r.Verify.CrossTalk, "is the answer", "are answers"))
	}
	return text
}

func tiles(r *result.Result) (all []tile) {
	add := func(name, value string) { all = append(all, tile{name, value}) }
	if c := r.Capacity; c != nil {
		add("capacity", rate(c.Capacity))
		if c.Upper > 0 {
			add("lowest rate that failed", rate(c.Upper))
		}
		add("probes", count(int64(len(c.Probes))))
		return all // what else there is is of one of many runs
	}
	if ab := r.AB; ab != nil {
		for _, m := range ab.Metrics[:min(len(ab.Metrics), 4)] {
			add(m.Name+", B/A", ratio(m.Ratio))
		}
	}
	if r.Response.N > 0 && r.AB == nil {
		for _, q := range []float64{0.5, 0.99, 0.999} {
			if v, ok := r.Response.At(q); ok {
				add("response "+traffic.QuantileName(q), ms(v.Ms))
			}
		}
		add("response max", ms(r.Response.Max))
	}
	if r.Ledger.Scheduled > 0 {
		add("offered", rate(r.Load.Offered))
		add("good", rate(r.Load.Good))
		add("good of scheduled", percent(float64(r.Ledger.OK)/float64(r.Ledger.Scheduled)))
	}
	return all
}

// pairs is a table of names and what they are.
func pairs() table { return table{Words: 1} }

func (t *table) pair(name string, parts ...string) {
	if said := slices.DeleteFunc(parts, func(p string) bool { return p == "" }); len(said) > 0 {
		t.add(name, strings.Join(said, ", "))
	}
}
