package plan

import (
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/internal/trace"
	"sluice/internal/traffic"
)

// Load is when the requests of a Traffic arrive: drawn, or recorded.
type Load struct {
	traffic.Load
	// recorded are the instants of a trace, at its own speed.
	recorded []time.Duration
}

// ParseLoad reads a load expression (see traffic.Parse), and the trace that it names. A study
// takes all but a closed loop, whose callers wait for answers of a server.
func ParseLoad(text string) (Load, error) {
	parsed, err := traffic.Parse(text)
	if err != nil {
		return Load{}, err
	}
	l := Load{Load: parsed}
	if _, closed := l.Closed(); closed {
		return Load{}, fmt.Errorf("cannot simulate the load %q: the callers of a closed loop wait for a server's answers; use one with a rate, such as poisson:500, or sluice loadtest", text)
	}
	if path, speed, recorded := l.Trace(); recorded {
		l.recorded, err = readInstants(path, speed)
	}
	return l, err
}

func readInstants(path string, speed float64) (all []time.Duration, err error) {
	f, err := trace.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for {
		var a trace.Arrival
		switch err := f.Next(&a); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case len(all) == maxTrace:
			return nil, fmt.Errorf("the trace %s has more than %d arrivals; replay a part of it", path, maxTrace)
		}
		all = append(all, time.Duration(float64(a.At)/speed))
	}
}
