package plan

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sluice/internal/trace"
	"sluice/plan/sim"
)

// Trace is recorded traffic in memory: a study runs it many times.
type Trace struct {
	// Models by number in Arrivals.
	Models []string
	// Arrivals in order of time; a budget of 0 means the model's.
	Arrivals []sim.Arrival
	// Length is from the first arrival to the last.
	Length time.Duration
}

// maxTrace bounds the memory: 40 bytes an arrival.
const maxTrace = 20_000_000

// ReadTrace reads all that next yields until io.EOF, as trace.Reader does.
func ReadTrace(next func(*trace.Arrival) error) (*Trace, error) {
	t := new(Trace)
	var a trace.Arrival
	for {
		if err := next(&a); errors.Is(err, io.EOF) {
			return t, nil
		} else if err != nil {
			return nil, err
		}
		if len(t.Arrivals) == maxTrace {
			return nil, fmt.Errorf("the trace has more than %d arrivals; replay a part of it", maxTrace)
		}
		model := slices.Index(t.Models, a.Model)
		if model < 0 {
			model = len(t.Models)
			t.Models = append(t.Models, a.Model)
		}
		t.Arrivals = append(t.Arrivals, sim.Arrival{At: a.At, Model: model, Rows: a.Rows, Budget: a.Budget, Class: a.Priority})
		t.Length = a.At
	}
}
