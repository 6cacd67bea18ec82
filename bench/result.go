package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"sluice/loadtest/result"
)

// Result is everything measured. A part that did not run is absent.
type Result struct {
	Machine     Machine               `json:"machine"`
	ONNXRuntime string                `json:"onnxruntime"`
	Seconds     float64               `json:"seconds"`
	Binary      *Closed               `json:"binary,omitempty"`
	JSON        *Closed               `json:"json,omitempty"`
	Idle        *Idle                 `json:"idle,omitempty"`
	Half        *Half                 `json:"half,omitempty"`
	Goodput     *Goodput              `json:"goodput,omitempty"`
	Overload    *Overload             `json:"overload,omitempty"`
	Storm       *Storm                `json:"storm,omitempty"`
	Promises    *Promises             `json:"promises,omitempty"`
	Retries     *Retries              `json:"retries,omitempty"`
	Predictions []Prediction          `json:"predictions,omitempty"`
	Access      *Access               `json:"access,omitempty"`
	PredLog     *PredLog              `json:"predlog,omitempty"`
	Allocs      *Allocs               `json:"allocs,omitempty"`
	Raw         map[string][]rawPoint `json:"raw,omitempty"`
}

// writeJSON writes figures to a file, in lines for people.
func writeJSON(path string, figures any) error {
	text, err := json.MarshalIndent(figures, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot write the figures: %w", err)
	}
	return nil
}

// target is what a figure should be.
type target struct {
	least bool // value at least; else at most
	value float64
}

func (t target) verdict(got float64) string {
	sign, ok := "<=", got <= t.value
	if t.least {
		sign, ok = ">=", got >= t.value
	}
	if ok {
		return fmt.Sprintf("%s %g  ok", sign, t.value)
	}
	return fmt.Sprintf("%s %g  MISSED", sign, t.value)
}

func atLeast(v float64) target { return target{true, v} }
func atMost(v float64) target  { return target{false, v} }

// lost is a remark on requests without an answer: the server was stopped, or worse.
func lost(groups ...[]openResult) string {
	n := 0
	for _, runs := range groups {
		for _, r := range runs {
			n += r.Lost
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d requests LOST", n)
}

// print writes the figures as a table for people.
func (r *Result) print(out io.Writer) {
	library := ""
	if r.ONNXRuntime != "" { // only some parts load it themselves
		library = "ONNX Runtime " + r.ONNXRuntime + ", "
	}
	fmt.Fprintf(out, "\n%d cores, %s, %s, %s%s\n\n", r.Machine.Cores, r.Machine.CPU, r.Machine.Go, library, r.Machine.Date)
	if r.Machine.BusyCores > busyAtMost {
		fmt.Fprintf(out, "NOT ALONE: other processes took %.2f cores before the run; the figures are of a shared machine\n\n", r.Machine.BusyCores)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var doubts doubts
	line := func(name string, got float64, t target, of []result.Validity, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%g\t%s%s\t%s\n", name, got, t.verdict(got), doubts.mark(name, of), fmt.Sprintf(format, args...))
	}
	if a := r.Allocs; a != nil {
		line("allocs.binary", a.Binary, atMost(0), nil, "per request, gateway + batcher + session")
	}
	r.closedLines(line)
	if i := r.Idle; i != nil {
		line("idle.added_p50_us", i.AddedP50, atMost(20), validities(i.SluiceRuns, i.CeilingRuns), "%.1f less ceiling %.1f and raw run %.1f", i.SluiceP50, i.CeilingP50, i.RawP50)
	}
	if h := r.Half; h != nil {
		line("half.added_p99_ms", h.AddedP99, atMost(1), validities(h.SluiceRuns, h.CeilingRuns), "%.2f less ceiling %.2f, at %.0f/s; lag p99 %.0f and %.0f us%s", h.Sluice.P99, h.Ceiling.P99, h.Rate, h.Sluice.LagP99, h.Ceiling.LagP99, lost(h.SluiceRuns, h.CeilingRuns))
	}
	if g := r.Goodput; g != nil {
		best := slices.Index(goodputShares, g.Share)
		typical := middle(g.Turns, func(t turn) float64 { return t.ratio(best) })
		run := typical.Sluice[best]
		var runs []openResult
		for _, t := range g.Turns {
			runs = append(runs, t.Ceiling, t.Sluice[best])
		}
		line("goodput.ratio", g.Ratio, atLeast(0.90), validities(runs), "%.0f of %.0f/s in 20 ms; row %.0f us in batches of %d, ceiling %.1f, generator %.1f us%s", run.Good, typical.Oracle[best], typical.CPURow[best], g.RawBest.Rows, typical.Ceiling.ServerCPU, typical.Ceiling.CPU, lost(runs))
	}
	if o := r.Overload; o != nil {
		peak, at3x, at5x := o.Runs, []openResult{o.At3x}, []openResult{o.At5x}
		line("overload.ratio_3x", o.Ratio3x, atLeast(0.90), validities(peak, at3x), "%.0f of %.0f/s in 100 ms (raw sessions: %.0f/s)%s", o.At3x.Good, o.Peak, o.Estimate, lost(peak, at3x, at5x))
		line("overload.ratio_5x", o.Ratio5x, atLeast(0.90), validities(peak, at5x), "%.0f of %.0f/s", o.At5x.Good, o.Peak)
		line("overload.shed_p99_ms", o.ShedP99, atMost(2), validities(at3x, at5x), "%d and %d answers 429; lag p99 %.0f and %.0f us", o.At3x.Status["429"], o.At5x.Status["429"], o.At3x.LagP99, o.At5x.LagP99)
	}
	r.stormLines(line)
	r.promiseLines(line)
	r.retryLines(line)
	r.predictionLines(line)
	r.predLogLines(line)
	r.accessLine(w)
	if err := w.Flush(); err != nil {
		return
	}
	doubts.print(out)
	fmt.Fprintf(out, "\n%.0f s in all\n", r.Seconds)
}

func (r *Result) closedLines(line func(string, float64, target, []result.Validity, string, ...any)) {
	for _, c := range []struct {
		name string
		*Closed
		target
	}{{"binary", r.Binary, atLeast(0.70)}, {"json", r.JSON, atLeast(0.55)}} {
		if c.Closed == nil {
			continue
		}
		for _, p := range c.At {
			note := ""
			if !p.Served {
				note = fmt.Sprintf("NOT SERVED: %.1f %% refused; ", 100*p.Sluice.Refused)
			}
			line(fmt.Sprintf("%s.ratio (%d connections)", c.name, p.Connections), p.Ratio, c.target, validities(p.CeilingRuns, p.SluiceRuns),
				"%s(ceiling %.1f + row %.1f) / %.1f us CPU; %.0f/s, ceiling %.0f/s; %.2f allocations live",
				note, p.Ceiling.CPURequest, c.RawBest.CPURow, p.Sluice.CPURequest, p.Sluice.PerSecond, p.Ceiling.PerSecond, c.LiveAllocs)
		}
	}
}
