package result

import "fmt"

// Exit statuses.
const (
	ExitOK = 0
	// ExitUsage and ExitNotReady end a command before there is a result.
	ExitUsage       = 2
	ExitNotReady    = 3
	ExitThreshold   = 10
	ExitWrong       = 11
	ExitLedger      = 12
	ExitInvalid     = 20
	ExitInterrupted = 130
)

// ExitStatus says how a finished run ends and why: by the worst that can be said of it. A ledger that
// is not closed makes every other count doubtful; wrong answers are a fault of the target whoever was
// late; figures that are not the target's decide nothing about it, so they come before a threshold; an
// interrupted run says so if there is nothing worse to say. The ledger must have been closed
// (Ledger.Close), the thresholds checked and the validity judged before.
func ExitStatus(r *Result) Exit {
	if !r.Ledger.Closed {
		l := r.Ledger // a copy: nothing is changed here
		why := l.Close()
		if why == "" {
			why = "it was never closed"
		}
		return Exit{ExitLedger, "the ledger is not closed: " + why}
	}
	if n := max(r.Ledger.Wrong, r.Verify.Wrong); n > 0 {
		return Exit{ExitWrong, wrongAnswers(r, n)}
	}
	if !r.Validity.Valid {
		return Exit{ExitInvalid, "INVALID: " + firstOf(r.Validity.Reasons, "no reason is given")}
	}
	if failed := failures(r.Thresholds); len(failed) > 0 {
		return Exit{ExitThreshold, "failed: " + firstOf(failed, "")}
	}
	if r.Interrupted {
		return Exit{ExitInterrupted, "interrupted"}
	}
	return Exit{ExitOK, "ok"}
}

func wrongAnswers(r *Result, n int64) string {
	verb := "answers are"
	if n == 1 {
		verb = "answer is"
	}
	text := fmt.Sprintf("%s %s wrong", Thousands(n), verb)
	if r.Verify.Checked > 0 {
		text += fmt.Sprintf(", of %s that were compared", Thousands(r.Verify.Checked))
	}
	if k := r.Verify.CrossTalk; k > 0 {
		text += fmt.Sprintf("; %s of them belong to other requests", Thousands(k))
	}
	return text
}

// failures are the thresholds that were not held, in words.
func failures(all []Threshold) []string {
	var failed []string
	for _, t := range all {
		if !t.Pass {
			failed = append(failed, fmt.Sprintf("%s is %s", t.Expression, t.Value))
		}
	}
	return failed
}

// firstOf is the first of several sentences, and how many more there are.
func firstOf(all []string, none string) string {
	switch len(all) {
	case 0:
		return none
	case 1:
		return all[0]
	default:
		return fmt.Sprintf("%s; and %d more", all[0], len(all)-1)
	}
}
