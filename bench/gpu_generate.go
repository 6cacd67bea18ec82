package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"
)

// bytesPerGenerator is what one generator can send with time to spare.
const bytesPerGenerator = 400 << 20

// generate loads a server from as many generators as the requests' bytes need. Poisson
// streams add up to one. Of several, the slowest one's quantiles stand for all.
func (c *gpuCheck) generate(addr, file string, rate float64, bytes int, length, budget time.Duration) (openResult, error) {
	n := int(math.Ceil(rate * float64(bytes) / bytesPerGenerator))
	n = max(1, min(n, c.cores/4))
	// Enough that no arrival waits for a connection while answers come in time.
	conns := min(512, max(16, int(3*rate*budget.Seconds())))/n + 1
	type answer struct {
		openResult
		err error
	}
	answers := make(chan answer, n) // one of each
	for k := range n {
		c.seed++
		args := []string{
			"openload", "-addr", addr, "-request", file, "-rate", fmt.Sprint(rate / float64(n)), "-conns", fmt.Sprint(conns),
			"-length", length.String(), "-warm", c.pick(time.Second, 300*time.Millisecond).String(), "-budget", budget.String(),
			"-seed", fmt.Sprint(c.seed), "-core", fmt.Sprint(k),
		}
		go func() {
			var a answer
			a.err = c.measure(&a.openResult, args...)
			answers <- a
		}()
	}
	var all []openResult
	var err error
	for range n {
		a := <-answers
		if a.err != nil {
			err = a.err
		}
		all = append(all, a.openResult)
	}
	return merge(all), err
}

// merge adds up what generators saw that ran at the same time.
func merge(runs []openResult) openResult {
	out := openResult{Status: map[string]int{}}
	for _, r := range runs {
		out.Offered += r.Offered
		out.Good += r.Good
		out.Requests += r.Requests
		out.Lost += r.Lost
		out.Reopened += r.Reopened
		out.LateOKs += r.LateOKs
		for status, n := range r.Status {
			out.Status[status] += n
		}
		out.P50, out.P99 = max(out.P50, r.P50), max(out.P99, r.P99)
		out.ShedP50, out.ShedP99 = max(out.ShedP50, r.ShedP50), max(out.ShedP99, r.ShedP99)
		out.LagP99, out.CPU = max(out.LagP99, r.LagP99), max(out.CPU, r.CPU)
	}
	return out
}

// keep copies what a server said into the output folder, for whoever reads a failure.
func (c *gpuCheck) keep(p *process, name string) {
	if text, err := os.ReadFile(p.log.Name()); err == nil {
		_ = os.WriteFile(filepath.Join(c.out, name), text, 0o644) // a log is not worth a failure
	}
}
