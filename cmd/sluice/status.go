package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice/internal/wrap"
	"sluice/loadtest/result"
)

// status is an error with an exit status of its own.
type status struct {
	code int
	error
}

func (s status) Unwrap() error { return s.error }

// usage marks a command line that cannot be understood, as opposed to one that asks for
// something impossible.
func usage(err error) error { return status{2, err} }

// exitStatus is what the process ends with.
func exitStatus(err error) int {
	var s status
	if errors.As(err, &s) {
		return s.code
	}
	return 1
}

// meaning is what an exit status of a command means.
type meaning struct {
	command string
	code    int
	text    string
}

// statusesTopic is for `sluice help statuses`.
func statusesTopic() *cobra.Command {
	return &cobra.Command{Use: "statuses", Short: "What the exit statuses of the commands mean", Long: "What the exit statuses of the commands mean:\n\n" + exitStatuses()}
}

// exitStatuses lists them for the help.
func exitStatuses() string {
	var b strings.Builder
	for _, m := range meanings {
		for i, line := range wrap.Lines(m.text, 60) {
			if i == 0 {
				fmt.Fprintf(&b, "  %-13s %4d  %s\n", m.command, m.code, line)
			} else {
				fmt.Fprintf(&b, "  %-13s %4s  %s\n", "", "", line)
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// meanings are all that a command ends with, as docs/cli.md has them.
var meanings = []meaning{
	{"every command", 0, "all is well"},
	{"every command", 1, "a fault; standard error says it in a sentence, and the settings' faults all at once"},
	{"every command", 2, "a command line that is not understood: an unknown command or flag, an argument too many or too few"},
	{"serve", 0, "stopped in order, on SIGTERM or an interrupt"},
	{"serve", 1, "could not start, a port failed, or requests were still running at the drain deadline"},
	{"check", 1, "a configured device is unusable, a model is refused or required and not there, or one is not served on a device that its settings name"},
	{"health", 1, "the gateway is not ready, or nobody answers"},
	{"verify", 1, "the files of a version have changed since it was loaded, or nobody answers"},
	{"devices", 0, "whatever is found"},
	{"version", 0, "whether or not there is an ONNX Runtime"},
	{"plan", statusNotHeld, "an objective does not hold"},
	{"log find", 1, "there is no record with the id"},
	{"replay", 1, "no row was replayed, or an answer could not be had"},
	{"replay", statusDiffers, "an answer differs from the recorded one"},
	{"compare", 0, "PASS"},
	{"compare", 1, "nothing could be compared"},
	{"compare", statusDiffers, "FAIL: a criterion is shown not to hold"},
	{"compare", statusUndecided, "WAIT or LOOK: not every criterion is shown to hold"},
	{"loadtest", result.ExitNotReady, "the target is not ready"},
	{"loadtest", result.ExitThreshold, "a threshold failed"},
	{"loadtest", result.ExitWrong, "wrong answers"},
	{"loadtest", result.ExitLedger, "the ledger does not close: requests are unaccounted for"},
	{"loadtest", result.ExitInvalid, "the run is INVALID: the load tester was at fault, or there were too few samples"},
	{"loadtest", result.ExitInterrupted, "it was interrupted"},
}
