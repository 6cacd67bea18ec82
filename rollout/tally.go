package rollout

import (
	"math"
	"time"

	"sluice/compare/measure"
	"sluice/compare/sequence"
)

// bloomBytes is the filter of one arm's units: at 100,000 units it passes over one in a hundred.
const bloomBytes = 128 << 10

// alpha is the chance that a criterion's interval is ever wrong. Each arm has half of it.
const alpha = 0.05

// Sample is one request to the canary or to the live version.
type Sample struct {
	Canary bool
	Unit   uint64
	Failed bool
	// Around says that it may have failed for what is around the version: the client gave it less time than the model's own budget,
	// there was no memory, or the stores of its features failed.
	Around bool
	Took   time.Duration
	// Score is the mean of the first output; NaN if there is none.
	Score float64
	// Values are those that stores should have filled, Defaults those of them that are defaults.
	Values, Defaults int
}

// Tally gathers the evidence of one step of a canary. Its memory is constant.
type Tally struct {
	plan         *Plan
	of           State
	began        time.Time
	canary, live *arm
	alone        bool // the canary has all units, and the live version's figures are of an earlier time
	notFinite    int64
	lost         int64
	slices       []Slice // the last that had enough requests
	slice        Slice   // the one that is open
	at           int64   // its number since began
}

// arm is one of the two versions.
type arm struct {
	Arm
	seen   *measure.Bloom
	errors *sequence.Betting
	score  *sequence.Asymptotic
	// defaults is made with the first request that has such values.
	defaults *sequence.Betting
}

func newArm(units int64) *arm {
	seen, err := measure.NewBloom(bloomBytes)
	score, err2 := sequence.NewAsymptotic(alpha/2, max(units, 1))
	if err != nil || err2 != nil {
		panic("BUG: the figures of a canary are refused")
	}
	return &arm{seen: seen, errors: newBetting(), score: score}
}

func newBetting() *sequence.Betting {
	b, err := sequence.NewBetting(alpha / 2)
	if err != nil {
		panic("BUG: the share of a canary is refused")
	}
	return b
}

// NewTally begins to gather under a state. Before may be the tally of the step before, or nil: a canary that has all units leaves
// none to the live version, whose figures are then those of the step before.
func NewTally(p *Plan, of State, now time.Time, before *Tally) *Tally {
	step := Step{}
	if of.Step >= 1 && of.Step <= len(p.Steps) {
		step = p.Steps[of.Step-1]
	}
	t := &Tally{plan: p, of: of, began: now, canary: newArm(step.Units), live: newArm(step.Units), alone: step.Share == 1}
	if t.alone && before != nil && before.of.Ref == of.Ref {
		t.live = before.live
	}
	return t
}

// Of reports whether the tally was begun under a state.
func (t *Tally) Of(s *State) bool { return t.of.is(s) }

// Add counts a request that has ended by now. What fails for what is around a version counts where both get requests: it meets both
// alike, and a version that is slower than the other fails more of the requests with little time. Where the canary is alone nothing
// tells the two apart.
func (t *Tally) Add(now time.Time, s *Sample) {
	if s.Around && t.alone {
		return
	}
	a := t.live
	if s.Canary {
		a = t.canary
		t.turn(now)
		switch over := t.plan.P99 > 0 && s.Took > t.plan.P99; {
		case over:
			t.slice.Requests++
			t.slice.Over++
		case !s.Around: // else it ended before it could be over the limit
			t.slice.Requests++
		}
	}
	a.Requests++
	failed := 0.0
	if s.Failed {
		a.Failed++
		failed = 1
	}
	if !a.seen.Add(s.Unit) {
		return // a unit that comes again is not independent of its first request
	}
	a.Units++
	_ = a.errors.Add(failed) // 0 and 1 are shares
	if !s.Failed && !math.IsNaN(s.Score) {
		_ = a.score.Add(s.Score) // what is too large for it is left out
	}
	if s.Values > 0 {
		if a.defaults == nil {
			a.defaults = newBetting()
		}
		_ = a.defaults.Add(float64(s.Defaults) / float64(s.Values))
	}
}

// turn closes the slice that is over.
func (t *Tally) turn(now time.Time) {
	at := int64(now.Sub(t.began) / t.plan.Slice)
	if at == t.at {
		return
	}
	if t.slice.Requests >= sliceRequests {
		if len(t.slices) == lastSlices {
			t.slices = append(t.slices[:0], t.slices[1:]...)
		}
		t.slices = append(t.slices, t.slice)
	}
	t.slice, t.at = Slice{}, at
}

// NotFinite counts an answer of the canary that has a NaN or an infinity where the live version has none.
func (t *Tally) NotFinite() { t.notFinite++ }

// Lose counts requests that could not be counted.
func (t *Tally) Lose(n int64) { t.lost += n }

// Evidence is what was gathered until now.
func (t *Tally) Evidence(now time.Time) Evidence {
	t.turn(now)
	e := Evidence{
		Of: t.of, Watched: now.Sub(t.began), Canary: t.canary.figures(), Live: t.live.figures(),
		NotFinite: t.notFinite, Lost: t.lost, Slices: append([]Slice(nil), t.slices...),
	}
	c, l := t.canary.score.Interval(), t.live.score.Interval()
	e.Score = sequence.Excess(c, l)
	return e
}

func (a *arm) figures() Arm {
	f := a.Arm
	f.Errors, f.Mean = a.errors.Interval(), a.score.Mean()
	if f.Defaults = (sequence.Interval{Low: 0, High: 1}); a.defaults != nil {
		f.Defaults = a.defaults.Interval()
	}
	return f
}
