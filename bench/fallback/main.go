// Command fallback measures what falling back from a GPU to the CPU brings: `make
// bench-fallback`. The GPU is a fake session that sleeps for what a batch costs on one (an A100
// with TensorRT, by Triton's own figures); the CPU is a real ONNX Runtime session on this
// machine's cores. Requests come straight to the scheduler, without HTTP.
//
// Each offered load is served by three policies in turns, so that they meet the same machine: by
// the GPU alone, by the GPU with spilling, and, as a control, by a fixed threshold: with more
// than 16 requests waiting for the GPU the next goes to the CPU.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"sluice/internal/cost"
)

const (
	budget   = 25 * time.Millisecond
	maxBatch = 32
	turns    = 3
)

// table is l(b) of an A100 behind Triton with ONNX Runtime and TensorRT.
var table = cost.Curve{
	{Rows: 1, P50: 2128 * time.Microsecond},
	{Rows: 2, P50: 2194 * time.Microsecond},
	{Rows: 4, P50: 2759 * time.Microsecond},
	{Rows: 8, P50: 3895 * time.Microsecond},
	{Rows: 16, P50: 5793 * time.Microsecond},
	{Rows: 32, P50: 11193 * time.Microsecond},
}

// sharing is how requests are shared between the devices.
type sharing string

const (
	alone     sharing = "gpu alone"
	spilling  sharing = "spilling"
	threshold sharing = "threshold"
)

var sharings = []sharing{alone, spilling, threshold}

// load is an arrival process: a rate as a share of the GPU's capacity, and the coefficient of
// variation of the gaps.
type load struct {
	Share float64 `json:"share"`
	CV    float64 `json:"cv"`
}

var loads = []load{{0.5, 1}, {0.8, 1}, {0.8, 3}, {1, 1}, {1.3, 1}, {2, 1}}

// point is one load under one policy: the medians of its turns.
type point struct {
	load
	Policy     sharing `json:"policy"`
	Goodput    float64 `json:"goodput_per_s"`
	Attainment float64 `json:"attainment"`
	P99        float64 `json:"p99_ms"`
	OnCPU      float64 `json:"cpu_share"`
}

// Result is what is written to bench/fallback.json.
type Result struct {
	Date    string     `json:"date"`
	Cores   int        `json:"cores"`
	GPU     cost.Curve `json:"gpu"`
	CPU     cost.Curve `json:"cpu"`
	GPURate float64    `json:"gpu_rows_per_s"`
	CPURate float64    `json:"cpu_rows_per_s"`
	Points  []point    `json:"points"`

	// Agreements compare the real run with sluice plan.
	Agreements []agreement `json:"agreements"`

	// Recovered is, at 1.3 times the GPU's capacity, the goodput that spilling adds, as a share
	// of the CPU's capacity.
	Recovered float64 `json:"recovered"`
	// Bursty is the attainment of spilling at 0.8 times the capacity and CV 3, and Control that of
	// the threshold.
	Bursty  float64 `json:"bursty_attainment"`
	Control float64 `json:"control_attainment"`
	// Least is, over all loads, the smallest goodput of spilling as a share of the GPU's alone.
	Least float64 `json:"least_ratio"`
}

func main() {
	length := flag.Duration("length", 4*time.Second, "measured time of a turn")
	out := flag.String("out", "bench/fallback.json", "where to write the figures")
	flag.Parse()
	if err := run(*length, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench-fallback:", err)
		os.Exit(1)
	}
}

func run(length time.Duration, out string) (err error) {
	r, err := newRig()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	result := Result{Date: time.Now().UTC().Format(time.DateOnly), Cores: runtime.NumCPU(), GPU: r.gpu, CPU: r.cpu, GPURate: r.gpuRate, CPURate: r.cpuRate}
	fmt.Printf("gpu %.0f rows/s in batches of %d, cpu %.0f rows/s on %d lanes (1 row in %v), budget %v\n\n",
		r.gpuRate, maxBatch, r.cpuRate, r.lanes, r.cpu[0].P50.Round(10*time.Microsecond), budget)
	fmt.Printf("%-10s  %5s  %3s  %10s  %10s  %8s  %7s\n", "policy", "load", "cv", "good/s", "attainment", "p99 ms", "on cpu")
	for _, l := range loads {
		seen := map[sharing][]point{}
		for turn := range turns {
			for _, p := range sharings {
				got, err := r.serve(p, l, length, uint64(turn))
				if err != nil {
					return err
				}
				seen[p] = append(seen[p], got)
			}
		}
		for _, p := range sharings {
			mid := middle(seen[p])
			result.Points = append(result.Points, mid)
			fmt.Printf("%-10s  %5.2f  %3.0f  %10.0f  %10.4f  %8.2f  %6.1f%%\n", p, l.Share, l.CV, mid.Goodput, mid.Attainment, mid.P99, 100*mid.OnCPU)
		}
	}
	for _, l := range []load{{0.8, 1}, {0.8, 3}, {1.3, 1}} {
		a, err := r.middleAgreement(l, length)
		if err != nil {
			return err
		}
		result.Agreements = append(result.Agreements, a)
	}
	result.conclude()
	result.print()
	text, err := json.MarshalIndent(&result, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the figures: %w", err)
	}
	if err := os.WriteFile(out, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write the figures: %w", err)
	}
	return nil
}

// middle is the turn of the median goodput.
func middle(turns []point) point {
	slices.SortFunc(turns, func(a, b point) int { return int(a.Goodput - b.Goodput) })
	return turns[len(turns)/2]
}

func (r *Result) at(p sharing, l load) point {
	return r.Points[slices.IndexFunc(r.Points, func(q point) bool { return q.Policy == p && q.load == l })]
}

func (r *Result) conclude() {
	over, bursts := load{1.3, 1}, load{0.8, 3}
	r.Recovered = (r.at(spilling, over).Goodput - r.at(alone, over).Goodput) / r.CPURate
	r.Bursty, r.Control = r.at(spilling, bursts).Attainment, r.at(threshold, bursts).Attainment
	r.Least = 1
	for _, l := range loads {
		r.Least = min(r.Least, r.at(spilling, l).Goodput/r.at(alone, l).Goodput)
	}
}

func (r *Result) print() {
	verdict := func(what string, got, want float64) {
		word := "held"
		if got < want {
			word = "MISSED"
		}
		fmt.Printf("%-66s %6.3f  (at least %.3f)  %s\n", what, got, want, word)
	}
	fmt.Println()
	verdict("of the CPU's capacity, recovered by spilling at 1.3 times the GPU's", r.Recovered, 0.70)
	verdict("answered in time at 0.8 times with CV 3, spilling", r.Bursty, 0.98)
	verdict("goodput with spilling over without, the least of all loads", r.Least, 0.995)
	fmt.Printf("%-66s %6.3f  (the control)\n", "answered in time at 0.8 times with CV 3, threshold", r.Control)
	fmt.Printf("\n%-22s  %10s  %10s  %6s  %8s  %8s  %6s  %12s\n", "real run and plan", "good/s", "planned", "off", "p99 ms", "planned", "off", "on cpu")
	for _, a := range r.Agreements {
		fmt.Printf("load %.2f, cv %.0f          %10.0f  %10.0f  %5.1f%%  %8.2f  %8.2f  %5.1f%%  %4.1f%% %4.1f%%\n",
			a.Share, a.CV, a.Goodput, a.Planned, 100*a.GoodputDiff, a.P99, a.PlannedP99, 100*a.P99Diff, 100*a.OnCPU, 100*a.PlannedCPU)
	}
}
