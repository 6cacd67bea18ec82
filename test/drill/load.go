package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"sluice/loadtest/result"
	"sluice/test/rig"
)

// loadtest is a run of the load tester in a process of its own. Its answers are timed by the
// kernel, which matters where the figure is a latency.
func loadtest(addr, load string, length time.Duration, more ...string) (*result.Result, error) {
	args := []string{"loadtest", "run", addr, "--load", load, "--duration", length.String(), "--warmup", "1s", "--no-spin", "--json", "-", "--ui", "none"}
	cmd := exec.Command(*binary, append(args, more...)...)
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

// closed is how many requests a second a gateway answers to so many who wait for each.
func (t *trial) closed(g *rig.Gateway, workers int, more ...string) float64 {
	r, err := loadtest(g.Predict, fmt.Sprintf("closed:%d", workers), scaled(4*time.Second), more...)
	t.must(err)
	return r.Load.Good
}

// poisson is a run at a rate.
func (t *trial) poisson(addr string, rate float64, length time.Duration, more ...string) *result.Result {
	r, err := loadtest(addr, fmt.Sprintf("poisson:%.0f", rate), length, more...)
	t.must(err)
	return r
}

// refusalP99 is the 99th percentile of a run's refusals, as the client saw them; 0 without any.
func refusalP99(r *result.Result) time.Duration {
	if r.Refusals == nil {
		return 0
	}
	q, _ := r.Refusals.At(0.99)
	return time.Duration(q.Ms * float64(time.Millisecond))
}
