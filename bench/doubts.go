package main

import (
	"fmt"
	"io"

	"sluice/loadtest/result"
)

// doubts gathers which figures come from runs that the load tester calls INVALID. On a machine
// that it shares with the server, near that server's capacity, it often does, and rightly: the
// generator then waits for a core, and what it waited is in the latency. Ratios of CPU times and
// of answers in time bear that better than quantiles do.
type doubts struct{ said []doubt }

type doubt struct {
	figure      string
	invalid, of int
	reasons     []string
}

// mark is what stands beside a figure that comes from these runs.
func (d *doubts) mark(figure string, runs []result.Validity) string {
	found := doubt{figure: figure, of: len(runs)}
	for _, v := range runs {
		if v.Valid {
			continue
		}
		found.invalid++
		if len(found.reasons) == 0 {
			found.reasons = v.Reasons // one run's are enough to read; all are in the file
		}
	}
	if found.invalid == 0 {
		return ""
	}
	d.said = append(d.said, found)
	return fmt.Sprintf(" (INVALID %d of %d)", found.invalid, found.of)
}

// print says why.
func (d *doubts) print(out io.Writer) {
	if len(d.said) == 0 {
		return
	}
	fmt.Fprintf(out, "\nINVALID: the load tester says that these runs may be about itself or the machine\n")
	for _, one := range d.said {
		fmt.Fprintf(out, "  %s, %d of %d runs, for example:\n", one.figure, one.invalid, one.of)
		for _, reason := range one.reasons {
			fmt.Fprintf(out, "    %s\n", reason)
		}
	}
}

// validity makes all runs alike in this respect.
func (r openResult) validity() result.Validity    { return r.Validity }
func (r closedRun) validity() result.Validity     { return r.Validity }
func (r stormRun) validity() result.Validity      { return r.Validity }
func (r promiseRun) validity() result.Validity    { return r.Validity }
func (r predictionRun) validity() result.Validity { return r.Validity }

// validities are those of some runs.
func validities[T interface{ validity() result.Validity }](groups ...[]T) (all []result.Validity) {
	for _, runs := range groups {
		for _, r := range runs {
			all = append(all, r.validity())
		}
	}
	return all
}
