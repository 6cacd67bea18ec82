package sim

import (
	"flag"
	"testing"
	"time"

	"sluice/internal/cost"
)

// -long measures the whole table of policies, over ten times the requests.
var long = flag.Bool("long", false, "measure every policy, over long runs")

const ms = time.Millisecond

// resnet is ResNet-50 under ONNX Runtime's TensorRT provider on an A100, as published
// with the reference results; its best throughput is 2.859 rows per millisecond.
var resnet = cost.Curve{
	{Rows: 1, P50: 2128 * time.Microsecond},
	{Rows: 2, P50: 2194 * time.Microsecond},
	{Rows: 4, P50: 2759 * time.Microsecond},
	{Rows: 8, P50: 3895 * time.Microsecond},
	{Rows: 16, P50: 5793 * time.Microsecond},
	{Rows: 32, P50: 11193 * time.Microsecond},
}

// strong gains all by batching: each run has a fixed cost of 50 rows. Its scale is the one
// at which the eager control reaches its published figure.
var strong = cost.Curve{{Rows: 1, P50: 51 * 122500}, {Rows: 32, P50: 82 * 122500}}

const (
	maxBatch = 32
	margin   = 0.04 // of the controls' estimates: the 97th percentile of the noise
)

func gateway(s setting) Policy {
	cfg := one(s.curve, maxBatch, Arrivals{}, s.budget, 0)
	p, err := NewScheduler(cfg, Tuning{Seeds: [][]cost.Curve{{swept(s.curve)}}})
	if err != nil {
		panic(err)
	}
	return p
}

// swept is what a warm-up sweep under the usual noise finds of a curve.
func swept(curve cost.Curve) cost.Curve {
	out := make(cost.Curve, len(curve))
	for i, p := range curve {
		out[i] = cost.Point{Rows: p.Rows, P50: p.P50, P95: p.P50 + p.P50/30}
	}
	return out
}

// setting is a column of the table.
type setting struct {
	curve  cost.Curve
	budget time.Duration
	cv     float64
}

// candidate is a row.
type candidate struct {
	name string
	make func(setting) Policy
}

var controls = []candidate{
	{"eager, no drop", func(setting) Policy { return NewEager(maxBatch) }},
	{"timeout 5 ms, no drop", func(setting) Policy { return NewTimeout(maxBatch, 5*ms) }},
	{"AIMD, lazy drop", func(setting) Policy { return NewAIMD(maxBatch) }},
	{"sized by head", func(s setting) Policy { return NewHeadSized(maxBatch, s.curve, margin) }},
	{"window, fixed target", func(s setting) Policy { return NewFixedWindow(maxBatch, s.curve, margin, s.budget) }},
}

var real = candidate{"Sluice's scheduler", gateway}

// at simulates a load, as a part of the curve's best throughput, of about so many requests.
func at(t *testing.T, c candidate, s setting, load float64, requests int) *Result {
	t.Helper()
	rate := load * s.curve.RowsPerSecond(maxBatch)
	length := time.Duration(float64(requests) / rate * float64(time.Second))
	cfg := one(s.curve, maxBatch, Arrivals{Constant(rate), s.cv}, s.budget, length)
	cfg.Noise = Usual
	return mustRun(t, cfg, c.make(s))
}

// highest is the largest load of which 99 % is answered in time.
func highest(t *testing.T, c candidate, s setting, requests int) float64 {
	t.Helper()
	return Highest(0.1, 1.1, 0.004, func(load float64) bool {
		return at(t, c, s, load, requests).Attainment() >= 0.99
	})
}

func TestLongTable(t *testing.T) {
	if !*long {
		t.Skip("the whole table takes minutes; run it with -long")
	}
	const requests = 200_000
	for _, c := range append([]candidate{real}, controls...) {
		f := func(curve cost.Curve, budget time.Duration, cv float64) float64 {
			return highest(t, c, setting{curve, budget, cv}, requests)
		}
		over := func(curve cost.Curve) float64 {
			return at(t, c, setting{curve, 25 * ms, 1}, 1.5, requests).Goodput() / curve.RowsPerSecond(maxBatch)
		}
		half := at(t, c, setting{resnet, 25 * ms, 1}, 0.5, requests)
		t.Logf("%-24s D=15 %.3f/%.3f  D=25 %.3f/%.3f  p50/p99 at half %.1f/%.1f ms  1.5x %.3f  strong %.3f 1.5x %.3f", c.name,
			f(resnet, 15*ms, 1), f(resnet, 15*ms, 3), f(resnet, 25*ms, 1), f(resnet, 25*ms, 3),
			half.Latency(0.5).Seconds()*1e3, half.Latency(0.99).Seconds()*1e3,
			over(resnet), f(strong, 25*ms, 1), over(strong))
	}
}
