package models

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sluice/internal/cost"
)

// Outcome is how a gate ended.
type Outcome string

// The outcomes. Only Refused keeps a version from serving.
const (
	Passed  Outcome = "passed"
	Changed Outcome = "changed" // passed after the version was restricted; the text says how
	Skipped Outcome = "skipped" // nothing to check; the text says why
	Refused Outcome = "refused"
)

// Verdict is what one gate found.
type Verdict struct {
	Gate    string  `json:"gate"`
	Outcome Outcome `json:"outcome"`
	// Text is a sentence with figures. It may be shown to clients.
	Text string `json:"text"`
	// Detail is a library's own message; it is for the operator alone.
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

// Report is what the load gates found out about a version.
type Report struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Digest  string    `json:"digest,omitempty"`
	Schema  string    `json:"schema,omitempty"`
	Gates   []Verdict `json:"gates"`
	// Curve is the measured cost of a batch by rows; empty if no row is known that the
	// model accepts.
	Curve cost.Curve `json:"curve,omitempty"`
	// MaxBatch is the most rows of one run, 0 for a model that is served unbatched.
	MaxBatch int `json:"max_batch"`
	// Target is the batch size of highest throughput within half the budget.
	Target int           `json:"target,omitempty"`
	Budget time.Duration `json:"budget_ns,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

// Refusal returns the verdict that keeps the version from serving, or nil.
func (r *Report) Refusal() *Verdict {
	for i := range r.Gates {
		if r.Gates[i].Outcome == Refused {
			return &r.Gates[i]
		}
	}
	return nil
}

// WriteText prints the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	state := "ready to serve"
	if r.Refusal() != nil {
		state = "REFUSED"
	}
	fmt.Fprintf(&b, "%s/%s: %s (%s)\n", r.Name, r.Version, state, round(r.Took))
	if r.Digest != "" {
		fmt.Fprintf(&b, "  digest  %s\n", r.Digest)
	}
	if r.Schema != "" {
		fmt.Fprintf(&b, "  schema  %s\n", r.Schema)
	}
	for _, v := range r.Gates {
		fmt.Fprintf(&b, "  %-10s %-7s  %s\n", v.Gate, v.Outcome, v.Text)
		if v.Detail != "" {
			fmt.Fprintf(&b, "  %-10s          %s\n", "", v.Detail)
		}
	}
	r.writeCurve(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeCurve prints the cost table with the target marked.
func (r *Report) writeCurve(b *strings.Builder) {
	if len(r.Curve) == 0 {
		return
	}
	fmt.Fprintf(b, "%10s %10s %10s %10s\n", "batch", "p50", "p95", "rows/s")
	for _, p := range r.Curve {
		fmt.Fprintf(b, "%10d %10s %10s %10.0f", p.Rows, round(p.P50), round(p.P95), r.Curve.RowsPerSecond(p.Rows))
		if p.Rows == r.Target {
			b.WriteString("  <- target")
		}
		b.WriteByte('\n')
	}
	if r.Target > 0 && !r.measured(r.Target) {
		fmt.Fprintf(b, "  target: batches of %d, between two measured sizes\n", r.Target)
	}
}

func (r *Report) measured(rows int) bool {
	for _, p := range r.Curve {
		if p.Rows == rows {
			return true
		}
	}
	return false
}

// WriteJSON prints the report as one JSON object on a line.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// round keeps three digits or so, for people.
func round(d time.Duration) time.Duration {
	switch {
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	default:
		return d.Round(100 * time.Nanosecond)
	}
}
