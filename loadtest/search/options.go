package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"sluice/loadtest/result"
)

// Options are the settings of a search. Zero stands for the default.
type Options struct {
	// Objective is what a rate has to hold. A wrong answer never does.
	Objective result.Objective
	// Low is the rate per second that the grid starts from (default 50). If it is too much
	// already, the grid goes down instead.
	Low float64
	// High is the rate that is never exceeded; 0 is no limit but the number of runs.
	High float64
	// Seed decides the seeds of all probes.
	Seed uint64
	// Precision is how near the highest passing and the lowest failing rate are brought
	// together, as a share (default 0.05), and the step down if a confirmation fails.
	Precision float64
	// ProbeLength is how long a first look at a rate takes (default 10 s). A rate so low that
	// too few requests for any judgement come in that time gets up to six times as long.
	ProbeLength time.Duration
	// ConfirmLength is how long a confirmation takes (default 60 s), and Confirmations how many
	// are needed (default 3).
	ConfirmLength time.Duration
	Confirmations int
	// MaxRuns bounds the calls of the probe function, extensions included (default 80).
	MaxRuns int
	// Quick makes the defaults 3 s a probe and one confirmation of 10 s: an answer in a minute
	// or two that is worth less.
	Quick bool
	// Recover, if given, drives the target at the high rate, drops to the low one and returns
	// the seconds from the drop until the objective holds again.
	Recover func(ctx context.Context, high, low float64) (seconds float64, err error)
	// OnProbe, if given, hears of each probe that is done, with an estimate of the time that is left.
	OnProbe func(done result.Probe, left time.Duration)
}

const (
	// confidence of a judgement: 1 - alpha = 99 %, as in MLPerf's early stopping.
	alpha = 0.01
	// gridFactor is the step of the grid: small enough not to jump over the rates at which a
	// batching server is at its best.
	gridFactor = 1.5
	// extensions is how often an inconclusive probe is made twice as long.
	extensions = 2
	// descents is how many steps the grid goes below the low rate: to less than a tenth of it.
	descents = 6
	// stepsDown is how often a rate that was not confirmed is lowered.
	stepsDown = 6
	// stretch is how many times its length a probe may take at a low rate.
	stretch = 6
)

func (o Options) withDefaults() Options {
	length, confirm, confirmations := 10*time.Second, 60*time.Second, 3
	if o.Quick {
		length, confirm, confirmations = 3*time.Second, 10*time.Second, 1
	}
	o.Low = cmp.Or(o.Low, 50)
	o.Precision = cmp.Or(o.Precision, 0.05)
	o.ProbeLength = cmp.Or(o.ProbeLength, length)
	o.ConfirmLength = cmp.Or(o.ConfirmLength, confirm)
	o.Confirmations = cmp.Or(o.Confirmations, confirmations)
	o.MaxRuns = cmp.Or(o.MaxRuns, 80)
	return o
}

// Check says what is wrong with options, in a sentence; nil if Find takes them.
func Check(o Options) error { return o.withDefaults().validate() }

// validate wants the defaults filled in.
func (o Options) validate() error {
	b := o.Objective
	switch {
	case !(b.Quantile > 0 && b.Quantile < 1) || b.Limit <= 0:
		return errors.New("cannot search for a capacity without a latency to hold; give an objective such as p99<10ms")
	case !(b.Errors >= 0 && b.Errors <= 1):
		return fmt.Errorf("cannot search with an error share of %g; it must be from 0 to 1", b.Errors)
	case !(o.Low > 0) || math.IsInf(o.Low, 0):
		return fmt.Errorf("cannot start a search at %g requests per second; give a low rate above 0", o.Low)
	case !(o.High >= 0) || o.High > 0 && o.High < o.Low:
		return fmt.Errorf("cannot search from %g up to %g requests per second; the high rate must be the larger one", o.Low, o.High)
	case !(o.Precision >= 0.001 && o.Precision <= 0.5):
		return fmt.Errorf("cannot search to a precision of %g; it must be a share from 0.001 to 0.5", o.Precision)
	case o.ProbeLength <= 0 || o.ConfirmLength <= 0:
		return fmt.Errorf("cannot probe for %v and confirm for %v; both must be above 0", o.ProbeLength, o.ConfirmLength)
	case o.Confirmations < 1:
		return fmt.Errorf("cannot search with %d confirmations; at least 1 is needed", o.Confirmations)
	case o.MaxRuns <= o.Confirmations:
		return fmt.Errorf("cannot search with %d runs of which %d confirm; allow more runs", o.MaxRuns, o.Confirmations)
	}
	return nil
}

// length of a probe at a rate: enough for a judgement even if a few requests are slow.
func (o Options) length(rate float64, base time.Duration) time.Duration {
	need := 1.5 * math.Log(alpha) / math.Log(o.Objective.Quantile) / rate * float64(time.Second)
	return max(base, time.Duration(min(need, float64(stretch*base))))
}

// narrowing is how many probes bring a step of the grid down to the precision.
func (o Options) narrowing() int {
	return int(math.Ceil(math.Log2(math.Log(gridFactor) / math.Log1p(o.Precision))))
}

// Plan estimates how long a search takes: a grid up to the high rate (or of eight steps if
// there is none), the narrowing, the confirmations at the second try, and a recovery. One in
// four probes of the grid, and half of those near the answer, are taken to need extensions. Warm-ups and pauses of the probe function are
// not in it.
func Plan(o Options) time.Duration {
	o = o.withDefaults()
	steps := 8
	if o.High > o.Low {
		steps = min(steps, 1+int(math.Ceil(math.Log(o.High/o.Low)/math.Log(gridFactor))))
	}
	var total time.Duration
	rate := o.Low
	for range steps {
		total += o.length(rate, o.ProbeLength)
		rate *= gridFactor
	}
	total += total / 4
	return total + o.afterGrid(o.narrowing(), o.Confirmations+1, rate/gridFactor)
}

// afterGrid estimates the time that so many narrowing probes and confirmations take.
func (o Options) afterGrid(narrowings, confirmations int, rate float64) time.Duration {
	probe := o.length(rate, o.ProbeLength)
	left := time.Duration(2*narrowings)*probe + time.Duration(confirmations)*o.length(rate, o.ConfirmLength)
	if o.Recover != nil {
		left += o.ProbeLength
	}
	return left
}
