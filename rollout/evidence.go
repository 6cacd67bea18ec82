package rollout

import (
	"fmt"
	"math"
	"time"

	"sluice/compare/sequence"
)

// The rule for latency: of the last slices with enough requests, so many must be over the limit for a way back.
const (
	lastSlices    = 5
	slowSlices    = 3
	sliceRequests = 20
)

// Evidence is what was seen since a plan's step began.
type Evidence struct {
	// Of is the state under which it was gathered. Under another one it counts for nothing.
	Of State
	// Watched is how long the canary was watched. It is less than the time since the step began where the gateway was away.
	Watched time.Duration

	// NoShadow says why nothing is shadowed; empty if something is.
	NoShadow    string
	ShadowUnits int64
	Judged      []Judgement

	Canary, Live Arm
	// NotFinite counts the canary's answers with a NaN or an infinity where the live version's answer to the same rows has none.
	NotFinite int64
	// Slices are the last ones of the canary that had enough requests, from old to new.
	Slices []Slice
	// Score holds the canary's mean of the first output less that of the live version.
	Score sequence.Interval
	// Lost counts the requests that nobody had the time to count.
	Lost int64
}

// Judgement is a criterion of the shadow and what it has shown.
type Judgement struct {
	Name, Sentence string
	Verdict        sequence.Verdict
}

// Arm is what one of the two versions was asked. Failed requests are those answered with a status of 500 or more.
type Arm struct {
	Units, Requests, Failed int64
	// Errors holds the share of units whose first request failed.
	Errors sequence.Interval
	// Defaults holds the mean of the share of a request's stored values that are defaults, of units' first requests.
	Defaults sequence.Interval
	// Mean is that of the first output.
	Mean float64
}

// Slice counts the requests of some time, and how many of them took longer than the limit.
type Slice struct{ Requests, Over int64 }

// slow reports whether the 99th percentile is over the limit: more than one of a hundred requests took longer.
func (s Slice) slow() bool { return 100*s.Over > s.Requests }

// Excess is by how much the canary fails more often than the live version at least. A canary that fails more often than
// before has an interval that is empty, and its lower end holds all the same. Where the live version does so, nothing is shown.
func (e *Evidence) Excess() float64 { return e.excess(e.Canary.Errors, e.Live.Errors) }

func (e *Evidence) excess(canary, live sequence.Interval) float64 {
	if e.Live.Units == 0 || live.Empty() {
		return math.Inf(-1)
	}
	return canary.Low - live.High
}

// against is the first criterion that speaks against the canary, and what it says; empty if there is none.
func (p *Plan) against(e *Evidence) (criterion, sentence string) {
	slow := 0
	for _, s := range e.Slices {
		if s.slow() {
			slow++
		}
	}
	switch excess := e.Excess(); {
	case e.NotFinite > 0:
		return "finite", fmt.Sprintf("%d of its answers had a NaN or an infinity where the live version's answer to the same rows has none", e.NotFinite)
	case excess > p.Errors:
		return "errors", fmt.Sprintf("it fails at least %.3g %% more often than the live version, and may by %.3g %%: %s", 100*excess, 100*p.Errors, e.units())
	case p.P99 > 0 && slow >= slowSlices:
		last := e.Slices[len(e.Slices)-1]
		return "p99", fmt.Sprintf("its 99th percentile was over %v in %d of the last %d slices of %v; in the last one %d of %d requests took longer", p.P99, slow, len(e.Slices), p.Slice, last.Over, last.Requests)
	case p.Score > 0 && e.Score.Judge(sequence.Within(p.Score), false) == sequence.Fail:
		return "score", fmt.Sprintf("the mean of its first output is %.4g and that of the live version %.4g: the difference is %.4g to %.4g, and the margin %g", e.Canary.Mean, e.Live.Mean, e.Score.Low, e.Score.High, p.Score)
	}
	if more := e.excess(e.Canary.Defaults, e.Live.Defaults); p.Defaults > 0 && more > p.Defaults {
		return "defaults", fmt.Sprintf("its share of stored values that are defaults is at least %.3g %% above that of the live version, and may be by %.3g %%: %s", 100*more, 100*p.Defaults, e.units())
	}
	return "", ""
}

// units says what was seen of both arms.
func (e *Evidence) units() string {
	return fmt.Sprintf("%d units, %d of %d requests failed (live: %d units, %d of %d)",
		e.Canary.Units, e.Canary.Failed, e.Canary.Requests, e.Live.Units, e.Live.Failed, e.Live.Requests)
}
