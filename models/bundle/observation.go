package bundle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// MaxWeighed is the most weighings that are believed of a trial process.
const MaxWeighed = 256

const (
	// maxObservedRuns and maxObservedRank bound what is believed of a trial process.
	maxObservedRuns = 256
	maxObservedRank = 64
	// maxObservedText bounds a sentence of it.
	maxObservedText = 1 << 10
)

// Observation is what a file showed when it ran, with every output allocated by the library:
// what an output is, is learned here and not believed from the file.
type Observation struct {
	// Runs are those that gave an answer.
	Runs []ObservedRun `json:"runs"`
	// Refused are requests that the model did not take: the first of each number of rows.
	Refused []RefusedRun `json:"refused,omitempty"`
	// Longest is the longest of each free axis in a request that ran.
	Longest map[string]int64 `json:"longest,omitempty"`
	// Weighed is what rows took of memory by their length. A trial process tells them one by one.
	Weighed []Weighing `json:"-"`
}

// ObservedRun is one request that ran whole.
type ObservedRun struct {
	// Rows is the request's rows; 1 where axis 0 is no batch.
	Rows int `json:"rows"`
	// Outputs are the shapes of the outputs, in the file's order.
	Outputs [][]int64 `json:"outputs"`
}

// RefusedRun is a request that an operator complained about.
type RefusedRun struct {
	Rows int `json:"rows"`
	// Text says what was sent and what is wrong with it; Detail is the library's own text.
	Text   string `json:"text"`
	Detail string `json:"detail,omitempty"`
}

// Ran tells whether requests of so many rows ran, or of any number if rows is 0.
func (o *Observation) Ran(rows int) bool {
	return o != nil && slices.ContainsFunc(o.Runs, func(r ObservedRun) bool { return rows == 0 || r.Rows == rows })
}

// Complaint finds the complaint about a request of so many rows, or of any number.
func (o *Observation) Complaint(rows int) *RefusedRun {
	if o == nil {
		return nil
	}
	for i := range o.Refused {
		if rows == 0 || o.Refused[i].Rows == rows {
			return &o.Refused[i]
		}
	}
	return nil
}

// DecodeObservation reads what a trial process wrote and holds it against its bounds.
func DecodeObservation(text []byte, outputs int) (*Observation, error) {
	o := &Observation{}
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fault.Wrap(fault.ModelLoadFailed, err, "the trial process cannot be understood")
	}
	if len(o.Runs) > maxObservedRuns || len(o.Refused) > maxObservedRuns {
		return nil, fmt.Errorf("the trial process tells of %d runs", len(o.Runs)+len(o.Refused))
	}
	for _, r := range o.Runs {
		if r.Rows < 1 || len(r.Outputs) != outputs {
			return nil, fmt.Errorf("the trial process tells of a run of %d rows with %d outputs; the model has %d", r.Rows, len(r.Outputs), outputs)
		}
		for _, shape := range r.Outputs {
			if _, ok := tensor.Elements(shape); !ok || len(shape) > maxObservedRank {
				return nil, fmt.Errorf("the trial process tells of an output of shape %.200s", fmt.Sprint(shape))
			}
		}
	}
	for i := range o.Refused {
		r := &o.Refused[i]
		r.Text, r.Detail = strings.ToValidUTF8(Clipped(r.Text), "?"), strings.ToValidUTF8(Clipped(r.Detail), "?")
	}
	return o, nil
}

// Clipped keeps the beginning of a text.
func Clipped(s string) string { return s[:min(len(s), maxObservedText)] }

// Weighing is what a row of a length took of memory.
type Weighing struct {
	// Axis is the one that had the length while the others were short; empty if all of the Axes had it.
	Axis   string `json:"axis,omitempty"`
	Axes   int    `json:"axes"`
	Length int64  `json:"length"`
	Bytes  int64  `json:"bytes"`
	// Unfinished is a run of which no end is known, or that ran out of memory: such a row is too long.
	Unfinished bool `json:"unfinished,omitempty"`
}
