package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"sluice/loadtest/result"
)

// The load comes from `sluice loadtest run`, the tool that the gateway is shipped with, as a
// process of its own. What that tool calls INVALID is kept beside each figure and told.
//
// The gateway's answers are compared with known ones in the same runs: each of sixteen rows
// was asked for alone and twice before. That costs the generator some 0.3 us of the 10 that it uses for a
// request, and the gateway nothing; a run of its own would show less, because an answer is wrong, if
// at all, under the load that the figures are of. The ceiling has no answers to compare.

// aim is a server and how the load tester is to ask it.
type aim struct {
	*process
	// ask are flags: a model and what is sent to it, or a template.
	ask []string
}

// answerLimit is how long the load tester waits for an answer.
const answerLimit = 5 * time.Second

// loadtest runs the load tester and returns what it found. That it calls the run invalid is not
// an error; wrong answers, and requests that are not accounted for, are. The tool looks at nothing
// else of the server meanwhile: this command reads its CPU time itself, and more exactly.
func (b *bench) loadtest(to aim, flags ...string) (*result.Result, error) {
	text, err := b.tool(slices.Concat([]string{
		"run", to.addr, "--json", "-", "--ui", "none", "--pid", "-1", "--metrics", "none", "--timeout", answerLimit.String(),
	}, to.ask, flags)...)
	var exit *exec.ExitError
	if err != nil && (len(text) == 0 || !errors.As(err, &exit)) {
		return nil, fmt.Errorf("cannot load %s: %w", to.name, err)
	}
	r, err := result.Read(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("cannot load %s: %w", to.name, err)
	}
	switch code := r.Exit.Code; {
	case code == result.ExitWrong && len(r.Verify.Examples) > 0:
		return nil, fmt.Errorf("the load on %s: %s (%s)", to.name, r.Exit.Reason, r.Verify.Examples[0])
	case code != result.ExitOK && code != result.ExitInvalid:
		return nil, fmt.Errorf("the load on %s: %s", to.name, r.Exit.Reason)
	case answered(r) == 0:
		return nil, fmt.Errorf("the load on %s: none of %d requests had an answer", to.name, r.Ledger.Scheduled)
	}
	return r, nil
}

// closedLoop loads a server with callers who each wait for an answer before they ask again.
func (b *bench) closedLoop(to aim, callers int, warm, length time.Duration, flags ...string) (*result.Result, error) {
	b.seed++
	return b.loadtest(to, append([]string{
		"--load", fmt.Sprint("closed:", callers), "--conns", fmt.Sprint(callers), "--warmup", warm.String(),
		"--duration", length.String(), "--seed", fmt.Sprint(b.seed),
	}, flags...)...)
}

// answered counts the answers of any status.
func answered(r *result.Result) (n int64) {
	for _, k := range r.Ledger.Status {
		n += k
	}
	return n
}

// tool runs a command of the load tester and returns what it printed, also if it failed.
func (b *bench) tool(args ...string) ([]byte, error) {
	cmd := exec.Command(b.binPath, append([]string{"loadtest"}, args...)...)
	cmd.Env = b.env()
	text, said, err := output(cmd)
	if err != nil {
		return text, fmt.Errorf("sluice loadtest %s failed (%w): %s", args[0], err, said)
	}
	return text, nil
}

// openFlags are an open loop at a rate. The thread that sends has real-time priority and stays on
// one core, counted from the last, so that nothing comes between the clock and the wire; on a small
// machine it sleeps until each instant, because the server needs the core.
func (b *bench) openFlags(rate float64, connections int, warm, length, within time.Duration, core int) []string {
	b.seed++
	flags := []string{
		"--load", "poisson:" + strconv.FormatFloat(rate, 'f', -1, 64), "--conns", fmt.Sprint(connections), "--warmup", warm.String(),
		"--duration", length.String(), "--within", within.String(), "--seed", fmt.Sprint(b.seed), "--realtime",
	}
	if b.cores < coresToSpare {
		flags = append(flags, "--no-spin")
	}
	cpus := allowed()
	if len(cpus) == 0 {
		return flags
	}
	return append(flags, pin(cpus[len(cpus)-1-core%len(cpus)])...)
}

// coresToSpare is from how many cores on one may be spent on looking at the clock.
const coresToSpare = 4

// pin keeps the thread that sends on a processor. The load tester takes none beyond the number of
// those that it may use; then the thread runs anywhere.
func pin(cpu int) []string {
	if cpu >= runtime.NumCPU() {
		return nil
	}
	return []string{"--pin", fmt.Sprint("gen=", cpu)}
}

// ms is a quantile of a latency; 0 if there are too few requests for one.
func ms(l *result.Latency, q float64) float64 {
	v, _ := l.At(q)
	return round(v.Ms, 3)
}
