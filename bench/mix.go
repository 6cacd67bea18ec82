package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"sluice/internal/task"
	"sluice/internal/trace"
	"sluice/internal/traffic"
	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// mixed is what a run of mixed budgets found.
type mixed struct {
	Kinds      []kindRun `json:"kinds"`
	RefusedP50 float64   `json:"refused_p50_ms"`
	RefusedP99 float64   `json:"refused_p99_ms"`
	result.Validity
}

// kindRun are the requests of one budget and one size, as the client saw them.
type kindRun struct {
	Budget float64 `json:"budget_ms"`
	Rows   int     `json:"rows"`
	kindCounts
}

// kindCounts accounts for requests. A good one had a right answer that the gateway took to be in time; Late
// are those that took the client more than the budget and a millisecond, on the wire and in its own thread, of
// the good ones too.
type kindCounts struct {
	Sent       int     `json:"sent"`
	Good       int     `json:"good"`
	Refused    int     `json:"refused"`
	Expired    int     `json:"answered_504"`
	Late       int     `json:"late"`
	Lost       int     `json:"lost"`
	RefusedP50 float64 `json:"refused_p50_ms,omitempty"`
	RefusedP99 float64 `json:"refused_p99_ms,omitempty"`
}

func (c *kindCounts) add(o kindCounts) {
	c.Sent, c.Good, c.Refused = c.Sent+o.Sent, c.Good+o.Good, c.Refused+o.Refused
	c.Expired, c.Late, c.Lost = c.Expired+o.Expired, c.Late+o.Late, c.Lost+o.Lost
}

// onWire is what an answer may take on its way, beside its budget.
const onWire = time.Millisecond

func (c *kindCounts) count(s *sample.Sample, budget time.Duration) {
	c.Sent++
	switch {
	case s.Outcome == sample.Rejected:
		c.Refused++
	case s.Status == 504:
		c.Expired++
	case !s.Right():
		c.Lost++
	default:
		c.Good++
		if s.Response() > budget+onWire {
			c.Late++
		}
	}
}

// mixFlags are the flags that say what is drawn, and for whom.
func mixFlags(flags *flag.FlagSet) (to, model *string, rate, cv *float64) {
	return flags.String("to", "", "address of the gateway"), flags.String("model", "", "model"), flags.Float64("rate", 100, "requests per second"),
		flags.Float64("cv", 1, "coefficient of variation of the gaps, which are Gamma distributed")
}

// mix replays a drawn trace of mixed budgets and rows and prints what came of each.
func mix(args []string) error {
	flags := flag.NewFlagSet("mix", flag.ExitOnError)
	to, model, rate, cv := mixFlags(flags)
	length := flags.Duration("length", 6*time.Second, "measured, after a second of warm-up")
	seed := flags.Uint64("seed", 1, "of all that is drawn")
	path := flags.String("trace", "", "where to write the trace")
	if err := flags.Parse(args); err != nil {
		return err
	}
	arrivals := drawMix(*model, *rate, *cv, warmUp+*length, *seed)
	if err := writeTrace(*path, arrivals); err != nil {
		return err
	}
	o := loadtest.ReplayOptions{Trace: *path}
	o.Target = loadtest.Target{URL: *to, PID: -1, Metrics: "none", Payload: payload.Options{Protocol: payload.Binary, Range: &payload.Range{Low: -2, High: 2}}}
	o.Seed, o.Connections, o.Timeout, o.Warmup, o.RealTime, o.NoSpin = *seed, openConns, answerLimit, warmUp, true, true
	// Answers to learn from would have to come within 5 ms too; the other parts compare them.
	o.Unverified = true
	r, detail, err := loadtest.Replay(context.Background(), o)
	if err != nil {
		return err
	}
	if len(detail.Samples) != len(arrivals) {
		return fmt.Errorf("%d requests were sent of %d", len(detail.Samples), len(arrivals))
	}
	return json.NewEncoder(os.Stdout).Encode(sumUp(r.Validity, arrivals, detail.Samples, warmUp))
}

// sumUp counts by kind. Samples are in the order of the arrivals.
func sumUp(v result.Validity, arrivals []trace.Arrival, samples []sample.Sample, from time.Duration) mixed {
	out := mixed{Validity: v}
	var refused []float64
	for _, budget := range promised {
		for _, rows := range promisedRows {
			k := kindRun{Budget: millis(budget), Rows: rows}
			for i := range samples {
				s, a := &samples[i], &arrivals[i]
				if a.Budget != budget || a.Rows != rows || s.Intended < from {
					continue
				}
				k.count(s, budget)
				if s.Outcome == sample.Rejected {
					refused = append(refused, millis(s.Response()))
				}
			}
			out.Kinds = append(out.Kinds, k)
		}
	}
	slices.Sort(refused)
	out.RefusedP50, out.RefusedP99 = round(quantile(refused, 0.5), 3), round(quantile(refused, 0.99), 3)
	return out
}

// drawMix draws one stream of arrivals, so that a burst holds all budgets.
func drawMix(model string, rate, cv float64, length time.Duration, seed uint64) (all []trace.Arrival) {
	rng := rand.New(rand.NewPCG(seed, 4711))
	process := traffic.Steady(rate, cv).Start(rng)
	for at := process.Next(); at < length; at = process.Next() {
		all = append(all, trace.Arrival{
			At: at, Model: model, Rows: promisedRows[rng.IntN(len(promisedRows))], Budget: promised[rng.IntN(len(promised))], Priority: task.Normal,
		})
	}
	return all
}

func writeTrace(path string, arrivals []trace.Arrival) error {
	w, err := trace.Create(path)
	if err != nil {
		return err
	}
	for i := range arrivals {
		err = errors.Join(err, w.Write(&arrivals[i]))
	}
	return errors.Join(err, w.Close())
}
