package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sluice/loadtest/payload"
)

const (
	// bytesPerGenerator is what one generator can send with time to spare.
	bytesPerGenerator = 400 << 20
	// deviceRows are different rows, few enough that images among them fit any memory.
	deviceRows = 7
)

// loose is how answers are compared: a device may round in other places for a batch of another
// size, and the CPU does so anyway. It is far less than what two rows' answers differ by. Parity
// and golden rows, which are held against tighter bounds, are the load gates' matter.
var loose = []string{"--tol", "0.01,0.01"}

// ask learns a served model's answers on the device. Free axes have the length freeAxis, and whole
// numbers are small and above 0, which are words to a model of words and true to a mask.
func (c *gpuCheck) ask(gateway *process, model string, budget time.Duration) (asked, error) {
	inferred, err := schemaOf(c.modelFile(model), c.most())
	if err != nil {
		return asked{}, err
	}
	k := kind{protocol: payload.Binary, budget: budget, variants: deviceRows, compare: loose}
	whole := false
	for _, in := range inferred.Schema.Inputs {
		whole = whole || !in.Type.Float()
		for axis, d := range in.Shape {
			if axis > 0 && d < 0 {
				k.draw = append(k.draw, "--dim", fmt.Sprintf("%s.%d=%d", in.Name, axis, freeAxis))
			}
		}
	}
	if whole {
		k.draw = append(k.draw, "--range", "1..64")
	}
	return c.prepare(gateway, model, k)
}

// generate loads a server from as many load testers as the requests' bytes need. Poisson
// streams add up to one. Of several, the slowest one's quantiles stand for all.
func (c *gpuCheck) generate(to asked, rate float64, warm, length, budget time.Duration) (openResult, error) {
	n := int(math.Ceil(rate * float64(len(to.wire)) / bytesPerGenerator))
	n = max(1, min(n, c.cores/4))
	// Enough that no arrival waits for a connection while answers come in time.
	conns := min(512, max(16, int(3*rate*budget.Seconds())))/n + 1
	runs, faults := make([]openResult, n), make([]error, n)
	var running sync.WaitGroup
	for k := range n {
		flags := c.openFlags(rate/float64(n), conns, warm, length, budget, k)
		running.Go(func() {
			r, err := c.loadtest(to.aim, flags...)
			if err != nil {
				faults[k] = err
				return
			}
			runs[k] = openOf(r)
		})
	}
	running.Wait()
	return merge(runs), errors.Join(faults...)
}

// warm is left out at the start of a run.
func (c *gpuCheck) warm() time.Duration { return pick(c.bench, time.Second, 300*time.Millisecond) }

// merge adds up what load testers saw that ran at the same time. One that is not valid makes
// all invalid.
func merge(runs []openResult) openResult {
	out := openResult{Status: map[string]int64{}}
	out.Valid = len(runs) > 0
	for _, r := range runs {
		out.Offered += r.Offered
		out.Good += r.Good
		out.Requests += r.Requests
		out.Lost += r.Lost
		out.Reopened += r.Reopened
		out.LateOKs += r.LateOKs
		out.Checked += r.Checked
		for status, n := range r.Status {
			out.Status[status] += n
		}
		out.P50, out.P99 = max(out.P50, r.P50), max(out.P99, r.P99)
		out.ShedP50, out.ShedP99 = max(out.ShedP50, r.ShedP50), max(out.ShedP99, r.ShedP99)
		out.LagP99, out.CPU = max(out.LagP99, r.LagP99), max(out.CPU, r.CPU)
		out.Valid = out.Valid && r.Valid
		for _, reason := range r.Reasons {
			if !slices.Contains(out.Reasons, reason) {
				out.Reasons = append(out.Reasons, reason)
			}
		}
		if r.begun.After(out.begun) {
			out.begun = r.begun
		}
	}
	return out
}

// keep copies what a server said into the output folder, for whoever reads a failure.
func (c *gpuCheck) keep(p *process, name string) {
	if text, err := os.ReadFile(p.log.Name()); err == nil {
		_ = os.WriteFile(filepath.Join(c.out, name), text, 0o644) // a log is not worth a failure
	}
}
