package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sluice/loadtest/watch"
)

// The verdicts.
const (
	heldVerdict = "held"
	missed      = "missed"
	undecided   = "not decided here"
)

// judge gives each kind its verdict. Of the kinds with a candidate, the one whose bounds are widest within the limits is held at the strictest
// level, as Holm's rule has it: levels go from 0.05 over the number of kinds to 0.05, and end where one is not held.
func judge(results []result) {
	var order []*result
	for i := range results {
		r := &results[i]
		if r.kind != kinds[0].name {
			order = append(order, r)
		}
		r.upperP99, r.upperCPU, _ = r.account.Upper(0.95)
		r.verdict = "the control"
	}
	// The surest first.
	slices.SortFunc(order, func(a, b *result) int {
		switch x, y := margin(a), margin(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	open := true
	for i, r := range order {
		level := 1 - 0.05/float64(len(order)-i)
		r.upperP99, r.upperCPU, _ = r.account.Upper(level)
		within := r.upperP99 <= limits.P99.Seconds() && r.upperCPU <= limits.CPU
		switch open = open && within; {
		case open:
			r.verdict = heldVerdict
		case r.figures.P99.Low != nil && (*r.figures.P99.Low > limits.P99.Seconds() || *r.figures.CPUShare.Low > limits.CPU):
			r.verdict = missed
		default:
			r.verdict = undecided
		}
	}
}

// margin is the larger upper bound as a share of its limit.
func margin(r *result) float64 {
	p99, cpu, _ := r.account.Upper(0.95)
	return max(p99/limits.P99.Seconds(), cpu/limits.CPU)
}

func markdown(results []result) string {
	var b strings.Builder
	b.WriteString("| Candidate | Pairs | p99 without, ms | p99 more, ms | Upper bound | Smallest seen | CPU a request without, us | CPU more | Upper bound | Smallest seen | Mirrored | Compared | Restarts | Wrong live answers | Verdict |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for i := range results {
		r := &results[i]
		f := r.figures
		verdict := r.verdict
		if r.unaccounted != 0 {
			verdict += fmt.Sprintf("; %d mirrored requests are not accounted for", r.unaccounted)
		}
		fmt.Fprintf(&b, "| %s | %d | %.2f | %+.3f | %.3f | %.3f | %.1f | %+.2f %% | %.2f %% | %.2f %% | %d | %d | %d | %d | %s |\n",
			r.kind, f.Pairs, 1e3*r.p99, 1e3*f.P99.Mean, 1e3*r.upperP99, 1e3*or0(f.P99.Smallest), 1e6*r.cpu, 100*f.CPUShare.Mean, 100*r.upperCPU, 100*or0(f.CPUShare.Smallest),
			r.seen, r.compared, r.restarts, r.wrong, verdict)
	}
	return b.String()
}

// raw is each pair of slices.
func raw(results []result) []byte {
	text := []byte("candidate,p99_on_ms,p99_off_ms,cpu_on_us,cpu_off_us,answers_on,answers_off\n")
	for i := range results {
		for _, p := range results[i].pairs {
			on, off := &p[0], &p[1]
			text = fmt.Appendf(text, "%s,%.3f,%.3f,%.2f,%.2f,%d,%d\n", results[i].kind,
				1e3*on.P99.Seconds(), 1e3*off.P99.Seconds(), 1e6*on.CPU.Seconds(), 1e6*off.CPU.Seconds(), on.Answers, off.Answers)
		}
	}
	return text
}

func or0(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

// The lines of a page between which the section stands.
const (
	sectionBegins = "<!-- the section below is written by test/shadowtax -->\n"
	sectionEnds   = "<!-- the section above is written by test/shadowtax -->\n"
)

// writePage replaces the section of a page.
func writePage(path, setting, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), sectionBegins)
	_, after, ok2 := strings.Cut(rest, sectionEnds)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the section: put these two lines into it:\n%s%s", path, sectionBegins, sectionEnds)
	}
	e := watch.Environment("")
	section := fmt.Sprintf("%s, `go run ./test/shadowtax %s`, %s, %d cores. %s\n\n%s",
		time.Now().UTC().Format(time.DateOnly), strings.Join(os.Args[1:], " "), e.CPU, e.Cores, setting, table)
	return os.WriteFile(path, []byte(before+sectionBegins+section+sectionEnds+after), 0o644)
}
