package compare

import (
	"fmt"

	"sluice/compare/criteria"
	"sluice/compare/measure"
	"sluice/compare/sequence"
)

// Study is one comparison that goes on.
type Study struct {
	o        Options
	declared bool // the criteria are the model's own, not the defaults
	seen     *measure.Bloom
	outputs  []*output
	// errors and latency are of whole answers; all are followed at the study's alpha for the report, and once more for each criterion
	// that has another one.
	errors, latency *track
	judged          []*track // by criterion
	// defaults and filling are of a pipeline; nil of another study.
	defaults *track
	filling  *filling
	runs     [arms]spread
	counts   Counts
	over     bool
}

// Counts are the samples by what became of them.
type Counts struct {
	Samples  int64            `json:"samples"`  // all that came
	Repeated int64            `json:"repeated"` // of units that were seen
	Compared int64            `json:"compared"` // units
	Rows     int64            `json:"rows"`     // of these
	Again    int64            `json:"again"`    // of these, with A/A
	Degraded int64            `json:"degraded"` // of these
	Failures map[string]int64 `json:"failures"` // of these, by reason
	// First is what the first answer of another form was.
	First string `json:"first,omitempty"`
}

// The arms of a comparison: the candidate against the primary, and the primary against itself. Of device times the first
// is the primary's.
const (
	candidate = iota
	again
	arms
)

// New begins a study.
func New(o Options) (*Study, error) {
	declared, err := o.defaults()
	if err != nil {
		return nil, err
	}
	s := &Study{o: o, declared: declared, counts: Counts{Failures: map[string]int64{}}}
	if s.seen, err = measure.NewBloom(o.UnitBytes); err != nil {
		return nil, err
	}
	for i := range o.Schema.Outputs {
		out, err := s.newOutput(&o.Schema.Outputs[i])
		if err != nil {
			return nil, err
		}
		s.outputs = append(s.outputs, out)
	}
	if s.errors, err = newTrack(measure.Share, false, o.Alpha, o.MostUnits); err != nil {
		return nil, err
	}
	if s.latency, err = newTrack(measure.Mean, false, o.Alpha, o.MostUnits); err != nil {
		return nil, err
	}
	if o.Pipeline {
		s.filling = newFilling()
		if s.defaults, err = newPaired(o.Alpha); err != nil {
			return nil, err
		}
	}
	for i := range s.o.Criteria {
		t, err := s.trackOf(&s.o.Criteria[i])
		if err != nil {
			return nil, err
		}
		s.judged = append(s.judged, t)
	}
	return s, nil
}

// trackOf is what follows a criterion's figure at its alpha: the report's own if that has it.
func (s *Study) trackOf(c *Criterion) (*track, error) {
	alpha, most := c.Or(s.o.Alpha, s.o.MostUnits)
	own := s.errors
	o := s.output(c.Output)
	switch {
	case o != nil:
		own = o.track(c.Figure)
	case c.Figure == criteria.Latency:
		own = s.latency
	case c.Figure == criteria.Defaulted:
		own = s.defaults
	}
	if alpha == s.o.Alpha && (most == s.o.MostUnits || own.role == measure.Share) {
		return own, nil
	}
	t, err := newTrack(own.role, own.shares[again] != nil, alpha, most)
	if err == nil {
		t.paired = own.paired
		own.also = append(own.also, t)
	}
	return t, err
}

func (s *Study) output(name string) *output {
	for _, o := range s.outputs {
		if o.spec.Name == name {
			return o
		}
	}
	return nil
}

// End says that the longest time is reached: nothing waits any more.
func (s *Study) End() { s.over = true }

// NoiseKnown tells whether the noise of all outputs is known. Until then only samples with A/A bring it nearer, and no
// sample counts for differs.
func (s *Study) NoiseKnown() bool {
	for _, o := range s.outputs {
		if s.o.Again && !o.noise.Known() {
			return false
		}
	}
	return true
}

// Units is how many units were compared.
func (s *Study) Units() int64 { return s.counts.Compared }

// track follows one figure of units at one alpha.
type track struct {
	role   measure.Role
	shares [arms]*sequence.Betting // of a share; the second one is nil without A/A
	mean   *sequence.Asymptotic
	sizes  [arms]*spread // of a largest
	paired bool          // the shares are by how much the candidate is above the primary, and below
	also   []*track      // the same figure at other alphas
}

// newPaired makes a track of a share of the candidate less that of the primary in the same unit. Two sequences near 0 show a small difference of
// large shares far sooner than one for each share would.
func newPaired(alpha float64) (*track, error) {
	t, err := newTrack(measure.Share, true, alpha, 0)
	if err == nil {
		t.paired = true
	}
	return t, err
}

func newTrack(role measure.Role, hasAgain bool, alpha float64, tuned int64) (t *track, err error) {
	t = &track{role: role}
	switch role {
	case measure.Largest:
		t.sizes = [arms]*spread{{}, {}}
	case measure.Mean:
		t.mean, err = sequence.NewAsymptotic(alpha, tuned)
	default:
		if hasAgain {
			alpha /= 2
			if t.shares[again], err = sequence.NewBetting(alpha); err != nil {
				return nil, err
			}
		}
		t.shares[candidate], err = sequence.NewBetting(alpha)
	}
	return t, err
}

// add takes a unit's number. One that is not there, NaN, counts for nothing.
func (t *track) add(arm int, x float64) {
	var err error
	switch {
	case x != x: //nolint:gocritic // NaN
	case t.role == measure.Largest:
		t.sizes[arm].add(x)
	case t.role == measure.Mean && arm == candidate:
		err = t.mean.Add(min(max(x, -mostMean), mostMean))
	case t.role == measure.Share && t.shares[arm] != nil:
		err = t.shares[arm].Add(min(max(x, 0), 1)) // rounding
	}
	if err != nil {
		panic(fmt.Sprintf("BUG: a figure of %v: %v", x, err))
	}
	for _, other := range t.also {
		other.add(arm, x)
	}
}

// mostMean is what a mean's differences are cut to, so that squares stay finite.
const mostMean = 1e100

// interval is what is not refuted.
func (t *track) interval() sequence.Interval {
	switch {
	case t.mean != nil:
		return t.mean.Interval()
	case t.shares[again] != nil:
		return sequence.Excess(t.shares[candidate].Interval(), t.shares[again].Interval())
	case t.shares[candidate] != nil:
		return t.shares[candidate].Interval()
	}
	return sequence.Interval{Low: 0, High: t.sizes[candidate].most()}
}

// units is how many units count.
func (t *track) units() int64 {
	switch {
	case t.mean != nil:
		return t.mean.Units()
	case t.shares[candidate] != nil:
		return t.shares[candidate].Units()
	}
	return t.sizes[candidate].count()
}
