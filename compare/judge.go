package compare

import (
	"encoding/json"
	"fmt"
	"math"

	"sluice/compare/criteria"
	"sluice/compare/measure"
	"sluice/compare/sequence"
)

// Bounds is an interval whose ends may be open, which JSON writes as null.
type Bounds sequence.Interval

type boundsText struct {
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
}

// MarshalJSON writes an open end as null.
func (b Bounds) MarshalJSON() ([]byte, error) {
	var t boundsText
	if !math.IsInf(b.Low, 0) {
		t.Low = &b.Low
	}
	if !math.IsInf(b.High, 0) {
		t.High = &b.High
	}
	return json.Marshal(t)
}

// UnmarshalJSON reads null as an open end.
func (b *Bounds) UnmarshalJSON(data []byte) error {
	var t boundsText
	if err := decode(data, &t); err != nil {
		return err
	}
	*b = Bounds{math.Inf(-1), math.Inf(1)}
	if t.Low != nil {
		b.Low = *t.Low
	}
	if t.High != nil {
		b.High = *t.High
	}
	return nil
}

// Judged is a criterion and what is shown of it so far.
type Judged struct {
	// Name tells it from the others, such as "score differs".
	Name string `json:"name"`
	// Sentence is the criterion in words.
	Sentence string `json:"sentence"`
	// Default says that nobody declared it.
	Default   bool             `json:"default,omitempty"`
	Criterion Criterion        `json:"criterion"`
	Verdict   sequence.Verdict `json:"verdict"`
	// Unit is what the numbers are in: share, seconds, or empty.
	Unit string `json:"unit,omitempty"`
	// Allowed is what the criterion allows, Interval what is not refuted.
	Allowed  Bounds `json:"allowed"`
	Interval Bounds `json:"interval"`
	// Mean is that of the candidate's units, Again that of the primary against itself. An excess is the first less the second.
	Mean  float64  `json:"mean"`
	Again *float64 `json:"again,omitempty"`
	// Units count; AgainUnits are those of A/A.
	Units      int64 `json:"units"`
	AgainUnits int64 `json:"again_units,omitempty"`
	MostUnits  int64 `json:"most_units"`
	// Method is the interval's.
	Method string `json:"method"`
	// Note says why there is nothing to count yet.
	Note string `json:"note,omitempty"`
}

// The methods, as reports name them.
const (
	methodBetting    = "betting confidence sequence"
	methodExcess     = "excess over A/A of two betting confidence sequences"
	methodPaired     = "two betting confidence sequences, of what is above and of what is below"
	methodAsymptotic = "asymptotic confidence sequence"
)

// The units of numbers.
const (
	UnitShare   = "share"
	UnitSeconds = "seconds"
)

// Judged is each criterion, in the order of the settings.
func (s *Study) Judged() []Judged {
	list := make([]Judged, len(s.judged))
	for i := range s.judged {
		list[i] = s.judge(i)
	}
	return list
}

func (s *Study) judge(i int) Judged {
	c, t := s.o.Criteria[i], s.judged[i]
	alpha, most := c.Or(s.o.Alpha, s.o.MostUnits)
	c.Alpha, c.MostUnits = alpha, most
	j := Judged{Name: c.Name(), Sentence: sentence(&c, t), Default: !s.declared, Criterion: c, Units: t.units(), MostUnits: most}
	var allowed sequence.Interval
	if c.AtMost != nil {
		allowed = sequence.AtMost(float64(*c.AtMost))
	} else {
		allowed = sequence.Within(float64(*c.Within))
	}
	j.Mean, j.Again, j.AgainUnits, j.Method = t.meanOf(), t.again(), t.againUnits(), t.method()
	j.Unit = unitOf(&c, t.role)
	interval := t.interval()
	j.Allowed, j.Interval = Bounds(allowed), Bounds(interval)
	// The units that were compared are what the most counts, or a study in which a figure never has a value would wait for ever.
	j.Verdict = interval.Judge(allowed, s.over || s.counts.Compared >= most)
	if o := s.output(c.Output); o != nil && c.Figure == "differs" && s.o.Again && !o.noise.Known() {
		j.Note = fmt.Sprintf("the noise is not known: %d of 1000 rows were asked again", o.noise.Rows())
	}
	if c.Figure == criteria.Defaulted && j.Units == 0 && s.counts.Compared > 0 {
		j.Note = "no unit has stored values on both sides"
	}
	return j
}

// Verdict is FAIL if a criterion fails, and PASS if all pass. Else it is LOOK if one is, and WAIT.
func (s *Study) Verdict() sequence.Verdict { return together(s.Judged()) }

func together(list []Judged) sequence.Verdict {
	rank := map[sequence.Verdict]int{sequence.Pass: 0, sequence.Wait: 1, sequence.Look: 2, sequence.Fail: 3}
	worst := sequence.Pass
	for i := range list {
		if rank[list[i].Verdict] > rank[worst] {
			worst = list[i].Verdict
		}
	}
	return worst
}

// meanOf is the mean of the candidate's units.
func (t *track) meanOf() float64 {
	switch {
	case t.mean != nil:
		return t.mean.Mean()
	case t.paired:
		return t.shares[candidate].Mean() - t.shares[again].Mean()
	case t.shares[candidate] != nil:
		return t.shares[candidate].Mean()
	}
	return 0
}

func (t *track) again() *float64 {
	if t.shares[again] == nil || t.paired {
		return nil
	}
	x := t.shares[again].Mean()
	return &x
}

func (t *track) againUnits() int64 {
	if t.shares[again] == nil || t.paired {
		return 0
	}
	return t.shares[again].Units()
}

func (t *track) method() string {
	switch {
	case t.mean != nil:
		return methodAsymptotic
	case t.paired:
		return methodPaired
	case t.shares[again] != nil:
		return methodExcess
	}
	return methodBetting
}

func unitOf(c *Criterion, role measure.Role) string {
	switch {
	case role == measure.Share:
		return UnitShare
	case c.Figure == criteria.Latency:
		return UnitSeconds
	}
	return ""
}

// says is each figure in words.
var says = map[string]string{
	"differs": "rows of %s that differ by more than the noise", "mismatch": "rows of %s with NaN or infinity in place of a number",
	"bias": "mean difference of %s", "abs_difference": "mean absolute difference of %s", "cosine_distance": "mean cosine distance of %s",
	"logit_difference": "mean difference of the logits of %s", "flip": "rows of %s that are decided otherwise",
	"flip_up": "rows of %s that become positive", "flip_down": "rows of %s that become negative", "top1_change": "lists of %s with another first item",
	"topk_change": "items of %s that leave the top of the list", "tau_distance": "rank distance (tau-b) of %s", "rbo_distance": "rank distance (RBO) of %s", "ndcg_loss": "loss of NDCG of %s",
	criteria.Errors: "requests that the candidate does not answer", criteria.Latency: "device time of the candidate less that of the primary",
	criteria.Defaulted: "stored values of the candidate that are defaults, less those of the primary",
}

// sentence is a criterion in words, such as "rows of score that differ by more than the noise: at most 0.2 % more than A/A".
func sentence(c *Criterion, t *track) string {
	what := says[c.Figure]
	if c.Figure == "differs" && t.shares[again] == nil {
		what = "rows of %s that differ by more than the tolerance"
	}
	if c.Output != "" {
		what = fmt.Sprintf(what, c.Output)
	}
	text, unit := "", unitOf(c, t.role)
	if c.AtMost != nil {
		text = what + ": at most " + Number(float64(*c.AtMost), unit)
	} else {
		text = what + ": within " + Number(float64(*c.Within), unit) + " of 0"
	}
	if t.shares[again] != nil && !t.paired {
		text += " more than A/A"
	}
	return text
}

// Number writes a number in a unit for people: 0.2 %, 0.5 ms.
func Number(x float64, unit string) string {
	switch {
	case math.IsInf(x, 0) || math.IsNaN(x):
		return "?"
	case unit == UnitShare:
		return short(100*x) + " %"
	case unit == UnitSeconds && math.Abs(x) >= 1:
		return short(x) + " s"
	case unit == UnitSeconds && math.Abs(x) < 1e-3:
		return short(1e6*x) + " us"
	case unit == UnitSeconds:
		return short(1e3*x) + " ms"
	}
	return short(x)
}

// short is a number with three digits that count.
func short(x float64) string {
	if x == 0 {
		return "0"
	}
	if a := math.Abs(x); a >= 1000 && a < 1e6 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// Words are what is known of a criterion's figure.
func (j *Judged) Words() string {
	if math.IsInf(j.Interval.Low, 0) && math.IsInf(j.Interval.High, 0) {
		return fmt.Sprintf("nothing is known after %d units", j.Units)
	}
	if sequence.Interval(j.Interval).Empty() {
		return fmt.Sprintf("it is %s after %d units, and has changed while it was measured", Number(j.Excess(), j.Unit), j.Units)
	}
	return fmt.Sprintf("it is %s (%s to %s) after %d units", Number(j.Excess(), j.Unit), Number(j.Interval.Low, j.Unit), Number(j.Interval.High, j.Unit), j.Units)
}

// Excess is the mean that the interval is about.
func (j *Judged) Excess() float64 {
	if j.Again != nil {
		return j.Mean - *j.Again
	}
	return j.Mean
}
