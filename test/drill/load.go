package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"sluice/loadtest/result"
)

// loadtest is a run of the load tester in a process of its own. Its answers are timed by the
// kernel, which matters where the figure is a latency.
func loadtest(addr, load string, length time.Duration, more ...string) (*result.Result, error) {
	cmd := loadtestCommand(addr, load, length, more...)
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	var r result.Result
	// A run that the tool calls invalid, or whose answers were refused, has a result all the same.
	if json.Unmarshal(text, &r) != nil {
		return nil, fmt.Errorf("the load tester failed: %w: %s", err, said.String())
	}
	if r.Ledger.Wrong > 0 || !r.Ledger.Closed {
		return nil, fmt.Errorf("of %d requests %d were answered wrong; the ledger closes: %v", r.Ledger.Scheduled, r.Ledger.Wrong, r.Ledger.Closed)
	}
	return &r, nil
}

func loadtestCommand(addr, load string, length time.Duration, more ...string) *exec.Cmd {
	args := []string{"loadtest", "run", addr, "--load", load, "--duration", length.String(), "--warmup", "1s", "--no-spin", "--json", "-", "--ui", "none"}
	return exec.Command(*binary, append(args, more...)...)
}

// together runs two loads at once.
func together(a, b func() (*result.Result, error)) (first, second *result.Result, err error) {
	type outcome struct {
		r   *result.Result
		err error
	}
	other := make(chan outcome, 1)
	go func() {
		r, err := b()
		other <- outcome{r, err}
	}()
	first, err = a()
	o := <-other
	if err == nil {
		err = o.err
	}
	return first, o.r, err
}

// refusalP99 is the 99th percentile of a run's refusals, as the client saw them; 0 without any.
func refusalP99(r *result.Result) time.Duration {
	if r.Refusals == nil {
		return 0
	}
	q, ok := r.Refusals.At(0.99)
	if !ok {
		return 0
	}
	return time.Duration(q.Ms * float64(time.Millisecond))
}
