package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sluice/backends"
	"sluice/backends/onnx"
	"sluice/internal/clock"
	"sluice/internal/cost"
)

// sweep is the model without a server: what a batch costs by its size.
type sweep struct {
	Version string     `json:"onnxruntime"`
	Points  []rawPoint `json:"points"`
	// Turns are runs of two sizes by turns; nil where one was measured.
	Turns *turns `json:"turns,omitempty"`
}

// turns are runs of one row and of more rows, by turns. A device that prepares anew whenever the
// size changes shows it here and nowhere else.
type turns struct {
	Rows int     `json:"rows"`
	P50  float64 `json:"p50_us"` // of a pair
	// Apart is the sum of the medians of both sizes, each run over and over.
	Apart float64 `json:"apart_us"`
}

// rawPoint is one batch size, run over and over on one thread.
type rawPoint struct {
	Rows   int     `json:"rows"`
	CPURow float64 `json:"cpu_us_per_row"`
	P50    float64 `json:"p50_us"`
	P95    float64 `json:"p95_us"`
}

// cheapest is the point with the least CPU per row of those that take at most limit (in
// microseconds; 0: any).
func (s *sweep) cheapest(limit float64) rawPoint {
	best := s.Points[0]
	for _, p := range s.Points {
		if p.CPURow < best.CPURow && (limit == 0 || p.P50 <= limit) {
			best = p
		}
	}
	return best
}

// raw runs the session of a model file at each batch size and prints a sweep.
func raw(args []string) error {
	flags := flag.NewFlagSet("raw", flag.ExitOnError)
	path := flags.String("model", "", "model file")
	device := flags.String("device", "cpu", "where to run it")
	folders := flags.String("library-folders", "", "where the device's libraries lie, separated by colons")
	most := flags.Int("most", 64, "largest batch")
	only := flags.Int("rows", 0, "this batch size alone")
	each := flags.Duration("each", 300*time.Millisecond, "time for each batch size")
	slowest := flags.Duration("slowest", time.Hour, "no larger batch than the first whose median is this long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	session, err := rawSession(*path, *device, *folders, *most)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }() // the process ends
	out := sweep{Version: onnx.Version()}
	sizes := cost.Sizes(*most)
	if *only > 0 {
		sizes = []int{*only}
	}
	for _, rows := range sizes {
		p, err := rawSizes(session, *each, rows)
		if err != nil {
			return err
		}
		out.Points = append(out.Points, p)
		if p.P50 > micros(*slowest) {
			break
		}
	}
	if n := len(out.Points); n > 1 {
		one, other := out.Points[0], out.Points[n/2]
		pair, err := rawSizes(session, *each, one.Rows, other.Rows)
		if err != nil {
			return err
		}
		out.Turns = &turns{Rows: other.Rows, P50: pair.P50, Apart: round(one.P50+other.P50, 2)}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// rawSizes measures batches of these sizes, run one after the other, as one.
func rawSizes(session backends.Session, each time.Duration, sizes ...int) (rawPoint, error) {
	const warm, fewest = 3, 5
	var took []float64
	var begun time.Duration
	end := clock.Never
	for i := 0; ; i++ {
		t := clock.Now()
		if i == warm {
			begun, end = ownCPU(), t.Add(each)
		}
		if t >= end && len(took) >= fewest {
			break
		}
		for _, rows := range sizes {
			if err := session.RunRaw(0, rows); err != nil {
				return rawPoint{}, fmt.Errorf("a run of %d rows failed: %w", rows, err)
			}
		}
		if i >= warm {
			took = append(took, micros(clock.Now().Sub(t)))
		}
	}
	rows := 0
	for _, n := range sizes {
		rows += n
	}
	cpu := micros(ownCPU()-begun) / float64(len(took)*rows)
	slices.Sort(took)
	return rawPoint{rows, round(cpu, 3), round(quantile(took, 0.5), 2), round(quantile(took, 0.95), 2)}, nil
}

// ownCPU is the user and system time of this process.
func ownCPU() time.Duration { return cpuOf(os.Getpid()) }

// rawRun measures a model at one batch size, 0 for all.
func (b *bench) rawRun(model string, rows int, each time.Duration) (*sweep, error) {
	s := new(sweep)
	err := b.measure(s, "raw", "-model", filepath.Join(b.bundle(model), "1", "model.onnx"), "-rows", fmt.Sprint(rows), "-each", each.String())
	return s, err
}

// sweep measures a model once per run.
func (b *bench) sweep(model string) (*sweep, error) {
	if s := b.sweeps[model]; s != nil {
		return s, nil
	}
	s, err := b.rawRun(model, 0, pick(b, 300*time.Millisecond, 100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	b.sweeps[model] = s
	b.result.ONNXRuntime = s.Version
	if b.result.Raw == nil {
		b.result.Raw = map[string][]rawPoint{}
	}
	b.result.Raw[model] = s.Points
	return s, nil
}
