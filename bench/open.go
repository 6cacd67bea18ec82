package main

import (
	"math"
	"time"

	"sluice/loadtest/result"
)

// openResult is what the load tester finds in an open loop. A quantile is 0 if there are too few
// requests for it.
type openResult struct {
	Offered   float64 `json:"offered_per_s"`
	Good      float64 `json:"good_per_s"` // 200, right and in time
	P50       float64 `json:"p50_ms"`     // of 200s, from the intended instant
	P99       float64 `json:"p99_ms"`
	ShedP50   float64 `json:"shed_p50_ms"` // of 429s and 503s
	ShedP99   float64 `json:"shed_p99_ms"`
	LagP99    float64 `json:"lag_p99_us"` // noticed after the intended instant: the generator's own fault
	CPU       float64 `json:"cpu_us_per_request"`
	Requests  int     `json:"requests"`
	Lost      int     `json:"lost"` // never answered
	Reopened  int     `json:"reopened"`
	LateOKs   int     `json:"late_oks"`
	Checked   int     `json:"answers_compared"`
	ServerCPU float64 `json:"server_cpu_us_per_request"` // filled in by the caller

	Status map[string]int64 `json:"status"`
	// Valid is false if the load tester says that the figures may be its own or the machine's.
	result.Validity

	begun time.Time // the first instant that counts
}

// openOf sums up an open loop of the load tester.
func openOf(r *result.Result) openResult {
	l := &r.Ledger
	out := openResult{
		Offered: round(r.Load.Offered, 1), Good: round(r.Load.InTime, 1),
		P50: ms(&r.Response, 0.5), P99: ms(&r.Response, 0.99), LagP99: round(1e3*ms(&r.PacerLag, 0.99), 1),
		Requests: int(l.Scheduled), Lost: int(l.Timeout + l.Refused + l.FailedBefore + l.LostAfter), Reopened: int(l.Reopened),
		LateOKs: int(l.OK) - int(round(r.Load.InTime*r.Load.Duration, 0)), Checked: int(r.Verify.Checked),
		Status: l.Status, Validity: r.Validity,
	}
	if r.Refusals != nil {
		out.ShedP50, out.ShedP99 = ms(r.Refusals, 0.5), ms(r.Refusals, 0.99)
	}
	if r.Resources != nil {
		out.CPU = round(r.Resources.Tool.CPUPerRequest, 2)
	}
	out.begun, _ = time.Parse(time.RFC3339Nano, r.Start) // written by the same release
	return out
}

// openRun loads a server at a rate and relates its CPU time to the requests.
func (b *bench) openRun(to aim, rate float64, connections int, length, within time.Duration) (openResult, error) {
	before := to.cpu()
	r, err := b.loadtest(to, b.openFlags(rate, connections, warmUp, length, within, 0)...)
	if err != nil {
		return openResult{}, err
	}
	out := openOf(r)
	// The CPU time is of the warm-up too, at the same rate.
	out.ServerCPU = round(micros(to.cpu()-before)/(float64(out.Requests)*(length+warmUp).Seconds()/length.Seconds()), 2)
	return out, nil
}

const warmUp = time.Second

// Half is an open loop at half of what the gateway can do: how much slower it answers than
// the ceiling at that same rate.
type Half struct {
	AddedP99 float64 `json:"added_p99_ms"`
	Rate     float64 `json:"rate_per_s"`
	// Sluice and Ceiling are the runs with the middle p99 of all.
	Sluice      openResult   `json:"sluice"`
	Ceiling     openResult   `json:"ceiling"`
	SluiceRuns  []openResult `json:"sluice_runs"`
	CeilingRuns []openResult `json:"ceiling_runs"`
}

func (b *bench) half() error {
	gateway, limit, err := b.duel("mlp", binaryKind)
	if err != nil {
		return err
	}
	defer limit.stop()
	capacity := 0.0
	if b.result.Binary != nil {
		capacity = b.result.Binary.At[0].Sluice.PerSecond
	} else {
		run, err := b.closedRun(gateway.aim, 64, 2*time.Second)
		if err != nil {
			return err
		}
		capacity = run.PerSecond
	}
	out := &Half{Rate: round(capacity/2, 0)}
	for range b.repeats() {
		for _, side := range []struct {
			aim
			runs *[]openResult
		}{{limit, &out.CeilingRuns}, {gateway.aim, &out.SluiceRuns}} {
			run, err := b.openRun(side.aim, out.Rate, 256, pick(b, 5*time.Second, 3*time.Second), time.Second)
			if err != nil {
				return err
			}
			*side.runs = append(*side.runs, run)
		}
	}
	p99 := func(r openResult) float64 { return r.P99 }
	out.Sluice, out.Ceiling = middle(out.SluiceRuns, p99), middle(out.CeilingRuns, p99)
	out.AddedP99 = round(out.Sluice.P99-out.Ceiling.P99, 3)
	b.result.Half = out
	return nil
}

// middle is the run with the median of a figure.
func middle[T any](runs []T, figure func(T) float64) T {
	want := medianOf(runs, figure)
	best := runs[0]
	for _, r := range runs {
		if math.Abs(figure(r)-want) < math.Abs(figure(best)-want) {
			best = r
		}
	}
	return best
}
