package compare

import (
	"math"
	"slices"
	"time"

	"sluice/compare/measure"
	"sluice/compare/price"
	"sluice/compare/sequence"
)

// Schema is the version of the report's form as JSON. It grows when a field changes its meaning.
const Schema = 1

// Coverage is how much of the traffic a comparison saw, as its caller knows it. What it does not know is 0 and left out.
type Coverage struct {
	// Mode is where the samples came from: live, capsules, mirror, devices.
	Mode string `json:"mode"`
	// From and To are the first and the last moment; zero if they are not known.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Seen requests were there, Sampled of them drawn, and Dropped of these not compared, by reason. Sampled is what was compared
	// and what was dropped.
	Seen    int64            `json:"seen,omitempty"`
	Sampled int64            `json:"sampled,omitempty"`
	Dropped map[string]int64 `json:"dropped,omitempty"`
	// Stands says why nothing more is compared now; empty if something is.
	Stands string `json:"stands,omitempty"`
	// TooLarge says which requests were left out for their size, and what to do; empty if none was.
	TooLarge string `json:"too_large,omitempty"`
}

// Report is what a comparison has shown, as JSON and for package report. docs/compare.md has its fields in a table.
type Report struct {
	Schema    int              `json:"schema"`
	Model     string           `json:"model"`
	Primary   Version          `json:"primary"`
	Candidate Version          `json:"candidate"`
	Verdict   sequence.Verdict `json:"verdict"`
	// Reason is the verdict in a sentence.
	Reason   string    `json:"reason"`
	Criteria []Judged  `json:"criteria"`
	Coverage Covered   `json:"coverage"`
	Outputs  []Figures `json:"outputs"`
	Errors   Figure    `json:"errors"`
	// Pipeline is of a candidate that fills its inputs itself; nil of another one.
	Pipeline *Pipeline `json:"pipeline,omitempty"`
	// LeftOut says which criteria cannot be judged here, and why; empty if all can.
	LeftOut string `json:"left_out,omitempty"`
	// Latency is of device time; nil if no sample had it.
	Latency *Latency `json:"latency,omitempty"`
	// Cost and Tax are what the caller knows: what rows cost on either side, and what the comparison costs live traffic.
	Cost *price.Report `json:"cost,omitempty"`
	Tax  *Tax          `json:"tax,omitempty"`
	// Provenance is what a reader needs to do it again: names with values.
	Provenance []Fact `json:"provenance,omitempty"`
}

// Covered is the coverage with what the study counted.
type Covered struct {
	Coverage
	Counts
	// Chance is how probable it is by now that a new unit is taken for one that was seen.
	Chance float64 `json:"false_repeat_chance"`
}

// Fact is a name with a value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Tax is what a mirror costs live traffic, from slices with and without it.
type Tax struct {
	// Pairs of slices were compared. P99 is in seconds a request, CPU the gateway's, in seconds a request.
	Pairs int     `json:"pairs"`
	P99   float64 `json:"p99"`
	// P99Interval and CPUInterval are at 95 %.
	P99Interval Bounds  `json:"p99_interval"`
	CPU         float64 `json:"cpu"`
	CPUInterval Bounds  `json:"cpu_interval"`
	// Smallest is the smallest p99 tax that so many pairs could have seen.
	Smallest float64 `json:"smallest"`
	// Note says what has become of it, such as that the mirror was switched off.
	Note string `json:"note,omitempty"`
}

// Figure is one figure of an output.
type Figure struct {
	Name string `json:"name"`
	Role string `json:"role"`
	Unit string `json:"unit,omitempty"`
	// Mean is that of units against the candidate, Again of the primary against itself.
	Mean       float64  `json:"mean"`
	Again      *float64 `json:"again,omitempty"`
	Interval   Bounds   `json:"interval"`
	Units      int64    `json:"units"`
	AgainUnits int64    `json:"again_units,omitempty"`
	// P50, P99 and Largest are of a largest; of bins 7 % wide.
	P50     float64 `json:"p50,omitempty"`
	P99     float64 `json:"p99,omitempty"`
	Largest float64 `json:"largest,omitempty"`
}

// Figures are all that is known of an output.
type Figures struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Guessed bool     `json:"guessed,omitempty"`
	Noise   Noise    `json:"noise"`
	Figures []Figure `json:"figures"`
	// Rows and AgainRows are the differences of rows in units of the tolerance; of lists from 0 to 1.
	Rows      []Bar               `json:"rows,omitempty"`
	AgainRows []Bar               `json:"again_rows,omitempty"`
	Pairs     []measure.PairCount `json:"pairs,omitempty"`
	MorePairs int64               `json:"more_pairs,omitempty"`
	Drift     *Drift              `json:"drift,omitempty"`
	Segments  []Segment           `json:"segments,omitempty"`
	Worst     []WorstRow          `json:"worst,omitempty"`
}

// Noise is the threshold of differs and what it comes from.
type Noise struct {
	Threshold float64 `json:"threshold"`
	// Known is false until 1,000 rows were asked again; without A/A it stays so, and the threshold is what the tolerance allows.
	Known    bool    `json:"known"`
	Rows     int     `json:"rows"`
	Quantile float64 `json:"quantile"`
}

// Drift is how far the scores have moved from the primary's first thousand.
type Drift struct {
	Primary   PSI `json:"primary"`
	Candidate PSI `json:"candidate"`
}

// PSI is the population stability index, and what it exceeds in one of twenty comparisons of scores that have not moved.
type PSI struct {
	PSI      float64 `json:"psi"`
	Critical float64 `json:"critical"`
	Scores   int64   `json:"scores"`
}

// Segment is the share of rows that differ for one value of an input.
type Segment struct {
	Input string `json:"input"`
	Value string `json:"value"`
	Other bool   `json:"other,omitempty"`
	Units int64  `json:"units"`
	// Mean is of the segment, Rest of all other units. P is the chance of as large a difference if there were none, and Found
	// that it is one after Benjamini-Hochberg's correction at 10 %.
	Mean  float64 `json:"mean"`
	Rest  float64 `json:"rest"`
	P     float64 `json:"p"`
	Found bool    `json:"found,omitempty"`
}

// WorstRow is one of the rows that differ most.
type WorstRow struct {
	ID         string  `json:"id"`
	Row        int     `json:"row"`
	Difference float64 `json:"difference"`
	// Infinite says that no tolerance allows the difference: another class or word, or NaN.
	Infinite bool `json:"infinite,omitempty"`
	// Request is an infer request for the row, if it has a form in JSON and is not too large.
	Request string `json:"request,omitempty"`
	// Replay is a command that asks again.
	Replay string `json:"replay,omitempty"`
}

// Latency is device time of units, in seconds.
type Latency struct {
	Difference Figure    `json:"difference"`
	Primary    Quantiles `json:"primary"`
	Candidate  Quantiles `json:"candidate"`
}

// Quantiles are quantiles and the distribution that they come from.
type Quantiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Bars []Bar   `json:"bars,omitempty"`
}

// Report is what is shown so far.
func (s *Study) Report(c Coverage) *Report {
	judged := s.Judged()
	counted := s.counts
	counted.Failures = make(map[string]int64, len(s.counts.Failures))
	for reason, n := range s.counts.Failures {
		counted.Failures[reason] = n
	}
	r := &Report{
		Schema: Schema, Model: s.o.Model, Primary: s.o.Primary, Candidate: s.o.Candidate, Verdict: together(judged), Criteria: judged,
		Coverage: Covered{c, counted, s.seen.FalsePositives()}, Errors: figureOf("errors", UnitShare, s.errors),
	}
	r.Reason, r.Pipeline = reason(r), s.pipeline()
	if s.o.leftOut {
		r.LeftOut = "defaults needs a shadow that fills its inputs itself (shadow: pipeline)"
	}
	for _, o := range s.outputs {
		r.Outputs = append(r.Outputs, s.figuresOf(o))
	}
	if s.latency.mean.Units() > 0 {
		r.Latency = &Latency{Difference: figureOf("latency", UnitSeconds, s.latency), Primary: quantilesOf(&s.runs[0]), Candidate: quantilesOf(&s.runs[1])}
	}
	return r
}

func quantilesOf(s *spread) Quantiles { return Quantiles{s.quantile(0.5), s.quantile(0.99), s.bars(8)} }

// reason is the verdict in a sentence.
func reason(r *Report) string {
	at := slices.IndexFunc(r.Criteria, func(j Judged) bool { return j.Verdict == r.Verdict })
	if at < 0 {
		return "there is no criterion"
	}
	j := &r.Criteria[at]
	switch r.Verdict {
	case sequence.Pass:
		return "every criterion is shown to hold"
	case sequence.Fail:
		return "shown not to hold: " + j.Sentence + "; " + j.Words()
	case sequence.Look:
		return "a person decides: " + j.Sentence + "; " + j.Words()
	}
	return "not shown yet: " + j.Sentence + "; " + j.Words()
}

func figureOf(name, unit string, t *track) Figure {
	f := Figure{Name: name, Role: t.role.String(), Unit: unit, Mean: t.meanOf(), Again: t.again(), Interval: Bounds(t.interval()), Units: t.units(), AgainUnits: t.againUnits()}
	if t.role == measure.Largest {
		f.P50, f.P99, f.Largest = t.sizes[candidate].quantile(0.5), t.sizes[candidate].quantile(0.99), t.sizes[candidate].most()
		if n := t.sizes[again].count(); n > 0 {
			x := t.sizes[again].most()
			f.Again, f.AgainUnits = &x, n
		}
	}
	return f
}

func (s *Study) figuresOf(o *output) Figures {
	f := Figures{Name: o.spec.Name, Kind: o.kind.String(), Guessed: s.o.Outputs[o.spec.Name].Kind == "", Rows: o.rows[candidate].bars(16), AgainRows: o.rows[again].bars(16)}
	f.Noise = Noise{Threshold: o.noise.Threshold(o.kind), Known: o.noise.Known(), Rows: o.noise.Rows(), Quantile: o.noise.Quantile()}
	for i, t := range o.tracks {
		f.Figures = append(f.Figures, figureOf(o.figures[i].Name, shareUnit(t), t))
	}
	f.Pairs, f.MorePairs = o.pairs.Top(20)
	if both, ok := o.drift.of(); ok {
		f.Drift = &Drift{psiOf(&both[0]), psiOf(&both[1])}
	}
	f.Segments = s.segmentsOf(o)
	for _, row := range o.worst.Rows() {
		w := WorstRow{ID: row.ID, Row: row.Row, Difference: row.Difference, Infinite: row.Difference == math.MaxFloat64, Request: string(row.Content)}
		f.Worst = append(f.Worst, w)
	}
	return f
}

func psiOf(d *measure.Drift) PSI { return PSI{d.PSI, d.Critical, d.Current} }
