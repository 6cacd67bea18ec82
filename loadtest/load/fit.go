package load

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/internal/task"
	"sluice/internal/trace"
)

// Description is what Fit says of a trace.
type Description struct {
	Arrivals int64 `json:"arrivals"`
	// Start is the wall-clock time of the first arrival, RFC 3339; "" if the trace does not say.
	Start string `json:"start,omitempty"`
	// Length is from the first arrival to the last, in seconds: nothing says how long nothing came
	// before the one and after the other.
	Length float64 `json:"length_s"`
	// Mean is the rate over Length, which is one over the mean gap; 0 if Length is. Peak is that of the
	// busiest second, which begins at PeakAt, counted from the first arrival.
	Mean   float64 `json:"mean_per_s"`
	Peak   float64 `json:"peak_per_s"`
	PeakAt float64 `json:"peak_at_s"`
	// CV is the coefficient of variation of the gaps: 0 is an even beat, 1 Poisson.
	CV float64 `json:"gaps_cv"`
	// KS is the distance of the gaps from an exponential distribution, and Critical what
	// it exceeds in 1 % of the cases if they are exponential.
	KS       float64 `json:"gaps_ks"`
	Critical float64 `json:"gaps_ks_critical"`
	// Dispersion is the index of dispersion of counts by window, of those that fit in
	// ten times or more: 1 is Poisson.
	Dispersion []Index `json:"dispersion"`
	// Profile is the rate over time, ProfileStep seconds each. If Folded, it is over the hours
	// of a day, the mean of all days.
	Profile     []float64 `json:"profile_per_s"`
	ProfileStep float64   `json:"profile_step_s"`
	Folded      bool      `json:"profile_folded,omitempty"`

	Models []Share `json:"models"`
	// Versions are named MODEL/VERSION, and Statuses are what came of the requests. Late is how many were
	// answered after their deadline.
	Versions   []Share `json:"versions"`
	Statuses   []Share `json:"statuses"`
	Late       int64   `json:"late"`
	Rows       Sizes   `json:"rows"`
	Bytes      Sizes   `json:"bytes"` // of those arrivals that tell it
	Budgets    []Share `json:"budgets"`
	Priorities []Share `json:"priorities"`

	// Suggestion is a load expression that resembles the trace, and Why says what it is
	// taken from. It is "" where there is too little to say anything.
	Suggestion string `json:"suggestion"`
	Why        string `json:"why"`
}

// Index is a dispersion at one window.
type Index struct {
	Window  float64 `json:"window_s"`
	Index   float64 `json:"index"`
	Windows int     `json:"windows"`
}

// Share is a part of the arrivals.
type Share struct {
	Name  string  `json:"name"`
	N     int64   `json:"n"`
	Share float64 `json:"share"` // from 0 to 1
}

// Sizes are quantiles of whole numbers; all 0 if N is.
type Sizes struct {
	N    int64   `json:"n"`
	Mean float64 `json:"mean"`
	Min  int64   `json:"min"`
	P50  int64   `json:"p50"`
	P90  int64   `json:"p90"`
	P99  int64   `json:"p99"`
	Max  int64   `json:"max"`
}

// FitFile describes a trace in a file, compressed if its name ends in .gz. Errors name the line.
func FitFile(path string) (*Description, error) {
	src, err := trace.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var d Description
	c := collected{models: tally[string]{}, versions: map[[2]string]int64{}, statuses: tally[string]{}, budgets: tally[time.Duration]{}, priorities: tally[task.Priority]{}, rows: tally[int64]{}, bytes: tally[int64]{}}
	var a trace.Arrival
	for {
		err := src.Next(&a)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(c.at) == MaxArrivals {
			return nil, fmt.Errorf("%s: line %d: the trace has more than %d arrivals: describe a part of it", path, src.Line(), MaxArrivals)
		}
		c.add(&a)
	}
	var start time.Time
	if h := src.Header; !h.Start.IsZero() {
		start = h.Start.UTC()
		d.Start = start.Format(time.RFC3339)
	}
	c.describe(&d, start)
	d.suggest(c.at)
	return &d, nil
}

// collected is what is kept of a trace while it is read.
type collected struct {
	at          []time.Duration
	models      tally[string]
	versions    map[[2]string]int64 // by model and version
	statuses    tally[string]
	late        int64
	budgets     tally[time.Duration]
	priorities  tally[task.Priority]
	rows, bytes tally[int64]
}

func (c *collected) add(a *trace.Arrival) {
	c.at = append(c.at, a.At)
	c.models[a.Model]++
	c.versions[[2]string{a.Model, a.Version}]++
	c.statuses[a.Status]++
	if a.Late {
		c.late++
	}
	c.budgets[a.Budget]++
	c.priorities[a.Priority]++
	c.rows[int64(a.Rows)]++
	if a.Bytes > 0 {
		c.bytes[a.Bytes]++
	}
}

// windows at which dispersion is told.
var windows = []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second}

func (c *collected) describe(d *Description, start time.Time) {
	n := len(c.at)
	length := c.at[n-1]
	d.Arrivals, d.Length = int64(n), length.Seconds()
	if length > 0 {
		d.Mean = float64(n-1) / length.Seconds()
	}
	counts(c.at, time.Second, int(length/time.Second)+1, func(i int, n float64) {
		if n > d.Peak {
			d.Peak, d.PeakAt = n, float64(i)
		}
	})
	gaps := Gaps(c.at)
	d.CV = Variation(gaps)
	d.KS, d.Critical = Exponential(gaps, 0)
	for _, w := range windows {
		if index, n := Dispersion(c.at, w, length); n >= 10 {
			d.Dispersion = append(d.Dispersion, Index{w.Seconds(), index, n})
		}
	}
	d.profile(c.at, start)

	told := func(name string) string { return cmp.Or(name, "(not told)") }
	versions := tally[string]{}
	for v, n := range c.versions {
		versions[told(v[0])+"/"+told(v[1])] += n
	}
	d.Models, d.Versions = shares(c.models, told), shares(versions, told)
	d.Statuses, d.Late = shares(c.statuses, told), c.late
	d.Budgets = shares(c.budgets, func(b time.Duration) string {
		if b == 0 {
			return "the model's own"
		}
		return b.String()
	})
	d.Priorities = shares(c.priorities, func(p task.Priority) string { return [...]string{"high", "normal", "low"}[p] })
	d.Rows, d.Bytes = sizes(c.rows), sizes(c.bytes)
}

// profile fills in the rate over time: by hours, minutes or seconds, so that there are
// enough of them to see a shape.
func (d *Description) profile(at []time.Duration, start time.Time) {
	length := at[len(at)-1]
	step := time.Second
	switch {
	case length > 2*time.Hour:
		step = time.Hour
	case length > 2*time.Minute:
		step = time.Minute
	}
	n := int(length/step) + 1
	rates, covered := make([]float64, n), make([]float64, n)
	place := func(i int) int { return i }
	if length > 48*time.Hour {
		d.Folded = true
		rates, covered = make([]float64, 24), make([]float64, 24)
		place = func(i int) int { return (start.Hour() + i) % 24 }
	}
	for i := range n {
		covered[place(i)] += (min(length, time.Duration(i+1)*step) - time.Duration(i)*step).Seconds()
	}
	counts(at, step, n, func(i int, n float64) { rates[place(i)] += n })
	for i := range rates {
		// The last one may be cut so short that its rate says nothing.
		rates[i] /= max(covered[i], step.Seconds()/10)
	}
	d.Profile, d.ProfileStep = rates, step.Seconds()
}
