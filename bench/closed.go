package main

import (
	"fmt"
	"time"

	"sluice/loadtest/result"
)

// Closed loop: the load tester keeps so many connections busy, each with one request at a time.
// It finds what a server can do at most, and what a request then costs.

// closedRun is one run of the load tester.
type closedRun struct {
	PerSecond  float64 `json:"requests_per_s"`
	CPURequest float64 `json:"cpu_us_per_request"`
	P99        float64 `json:"p99_ms"`
	// Refused is the share of answers that were not good.
	Refused float64 `json:"refused"`
	Checked int     `json:"answers_compared"`
	// Valid is false if the load tester says that the figures may be its own or the machine's.
	result.Validity
}

// refusedAtMost is the share of answers in a closed loop that a stutter of the machine
// may push past their budget. With more of them the ratio is that of something else.
const refusedAtMost = 0.001

// closedRun loads a server and relates its CPU time to the requests answered. There is no warm-up,
// so that the CPU time and the requests are of the same time: the servers are warm before.
func (b *bench) closedRun(to aim, connections int, length time.Duration) (closedRun, error) {
	before := to.cpu()
	r, err := b.closedLoop(to, connections, 0, length)
	if err != nil {
		return closedRun{}, err
	}
	used := to.cpu() - before
	n := float64(answered(r))
	if silent := r.Ledger.Scheduled - answered(r); silent > 0 {
		return closedRun{}, fmt.Errorf("the load on %s with %d connections: %d of %d requests had no answer", to.name, connections, silent, r.Ledger.Scheduled)
	}
	return closedRun{
		PerSecond: n / length.Seconds(), CPURequest: micros(used) / n, P99: ms(&r.Response, 0.99),
		Refused: 1 - float64(r.Ledger.OK)/n, Checked: int(r.Verify.Checked), Validity: r.Validity,
	}, nil
}

// Closed is the closed loop's result for one kind of body.
type Closed struct {
	// Ratio is the smaller of the two below.
	Ratio float64 `json:"ratio"`
	// LiveAllocs are the objects that the whole gateway allocated per request.
	LiveAllocs float64      `json:"live_allocs_per_request"`
	RawBest    rawPoint     `json:"raw_best"`
	At         []ClosedPair `json:"connections"`
}

// ClosedPair compares the gateway with the ceiling at one number of connections:
// ratio = (HTTP ceiling + cheapest row) / gateway, in CPU time.
type ClosedPair struct {
	Connections int     `json:"connections"`
	Served      bool    `json:"served"` // hardly any request was refused
	Ratio       float64 `json:"ratio"`
	// Ceiling and Sluice are medians of the runs.
	Ceiling     closedRun   `json:"ceiling"`
	Sluice      closedRun   `json:"sluice"`
	CeilingRuns []closedRun `json:"ceiling_runs"`
	SluiceRuns  []closedRun `json:"sluice_runs"`
}

func (b *bench) binary() (err error) {
	b.result.Binary, err = b.closed(binaryKind)
	return err
}

func (b *bench) json() (err error) {
	b.result.JSON, err = b.closed(jsonKind)
	return err
}

func (b *bench) closed(k kind) (*Closed, error) {
	rows, err := b.sweep("mlp")
	if err != nil {
		return nil, err
	}
	gateway, limit, err := b.duel("mlp", k)
	if err != nil {
		return nil, err
	}
	defer limit.stop()
	for _, to := range []aim{limit, gateway.aim} { // warm up
		if _, err := b.closedRun(to, 64, time.Second); err != nil {
			return nil, err
		}
	}
	out := &Closed{RawBest: rows.cheapest(0)}
	for _, connections := range []int{64, 256} {
		pair, allocs, err := b.pair(limit, gateway.aim, connections)
		if err != nil {
			return nil, err
		}
		pair.Ratio = round((pair.Ceiling.CPURequest+out.RawBest.CPURow)/pair.Sluice.CPURequest, 3)
		if out.Ratio == 0 || pair.Ratio < out.Ratio {
			out.Ratio = pair.Ratio
		}
		out.LiveAllocs = max(out.LiveAllocs, round(allocs, 3))
		out.At = append(out.At, pair)
	}
	return out, nil
}

// pair lets the two servers take turns.
func (b *bench) pair(limit, gateway aim, connections int) (ClosedPair, float64, error) {
	length := pick(b, 5*time.Second, 2*time.Second)
	pair := ClosedPair{Connections: connections}
	var allocs []float64
	for range b.repeats() {
		run, err := b.closedRun(limit, connections, length)
		if err != nil {
			return pair, 0, err
		}
		pair.CeilingRuns = append(pair.CeilingRuns, run)
		before, err := b.mallocs("mlp")
		if err != nil {
			return pair, 0, err
		}
		if run, err = b.closedRun(gateway, connections, length); err != nil {
			return pair, 0, err
		}
		pair.SluiceRuns = append(pair.SluiceRuns, run)
		after, err := b.mallocs("mlp")
		if err != nil {
			return pair, 0, err
		}
		allocs = append(allocs, (after-before)/(run.PerSecond*length.Seconds()))
	}
	pair.Ceiling, pair.Sluice = typical(pair.CeilingRuns), typical(pair.SluiceRuns)
	pair.Served = pair.Sluice.Refused <= refusedAtMost
	return pair, median(allocs), nil
}

// typical is the median of each figure. It is valid if all runs are; why not is said there.
func typical(runs []closedRun) closedRun {
	out := closedRun{
		PerSecond:  round(medianOf(runs, func(r closedRun) float64 { return r.PerSecond }), 0),
		CPURequest: round(medianOf(runs, func(r closedRun) float64 { return r.CPURequest }), 2),
		P99:        round(medianOf(runs, func(r closedRun) float64 { return r.P99 }), 3),
		Refused:    round(medianOf(runs, func(r closedRun) float64 { return r.Refused }), 6),
		Validity:   result.Validity{Valid: true},
	}
	for _, r := range runs {
		out.Checked += r.Checked
		out.Valid = out.Valid && r.Valid
	}
	return out
}
