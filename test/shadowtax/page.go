package main

import (
	"cmp"
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
		r.verdict = "the control"
		r.bound(0.95)
		if r.Kind != kinds[0].name && len(r.Pairs) > 0 {
			order = append(order, r)
		}
	}
	// The surest first.
	slices.SortFunc(order, func(a, b *result) int {
		return cmp.Compare(max(a.upperP99/limits.p99, a.upperCPU/limits.cpu), max(b.upperP99/limits.p99, b.upperCPU/limits.cpu))
	})
	open := true
	for i, r := range order {
		lowP99, lowCPU := r.bound(1 - 0.05/float64(len(order)-i))
		within := r.upperP99 <= limits.p99 && r.upperCPU <= limits.cpu
		switch open = open && within; {
		case open:
			r.verdict = heldVerdict
		case lowP99 > limits.p99 || lowCPU > limits.cpu:
			r.verdict = missed
		default:
			r.verdict = undecided
		}
	}
}

// bound sets the upper bounds at a level of one side, and returns the lower ones.
func (r *result) bound(level float64) (lowP99, lowCPU float64) {
	lowP99, r.upperP99 = r.p99().bounds(level)
	lowCPU, r.upperCPU = r.cpu().bounds(level)
	return lowP99, lowCPU
}

func markdown(results []result) string {
	var b strings.Builder
	b.WriteString("| Candidate | Pairs | p99 without, ms | p99 more, ms | 95 % | Upper bound | CPU a request without, us | CPU more, % | 95 % | Upper bound | Mirrored | Compared | Restarts | Wrong live answers | Verdict |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for i := range results {
		r := &results[i]
		if len(r.Pairs) == 0 {
			continue
		}
		verdict := r.verdict
		if r.Unaccounted != 0 {
			verdict += fmt.Sprintf("; %d mirrored requests are not accounted for", r.Unaccounted)
		}
		offP99, offCPU := r.without()
		p99, cpu := r.p99(), r.cpu()
		lowP99, highP99 := p99.bounds(0.975)
		lowCPU, highCPU := cpu.bounds(0.975)
		fmt.Fprintf(&b, "| %s | %d | %.2f | %+.3f | %+.3f to %+.3f | %.3f | %.1f | %+.2f | %+.2f to %+.2f | %.2f | %d | %d | %d | %d | %s |\n",
			r.Kind, len(r.Pairs), 1e3*offP99, 1e3*p99.median(), 1e3*lowP99, 1e3*highP99, 1e3*r.upperP99,
			1e6*offCPU, 100*cpu.median(), 100*lowCPU, 100*highCPU, 100*r.upperCPU, r.Seen, r.Compared, r.Restarts, r.Wrong, verdict)
	}
	return b.String()
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
