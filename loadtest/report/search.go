package report

import (
	"fmt"
	"strings"

	"sluice/compare/sequence"
	"sluice/loadtest/result"
)

func capacity(c *result.Capacity) part {
	p := part{Title: "Capacity", Table: pairs(), Wide: true}
	if c == nil {
		return p
	}
	p.Table.pair("objective", c.Objective)
	if c.Capacity > 0 {
		text := rate(c.Capacity) + ", the highest rate that held in every confirmation"
		if c.AtLeast {
			text = "at least " + text
		}
		if c.Lo > 0 || c.Hi > 0 {
			text += fmt.Sprintf("; 95 %% interval %s to %s", rate(c.Lo), rate(c.Hi))
		}
		p.Table.pair("capacity", text)
	} else {
		p.Table.pair("capacity", "no rate held in every confirmation")
	}
	if c.Upper > 0 {
		p.Table.pair("upper", rate(c.Upper)+", the lowest rate that failed")
	} else {
		p.Table.pair("upper", "no rate failed, so the capacity may be higher")
	}
	p.Table.pair("first limit", c.Limit)
	p.Table.pair("because", c.Why)
	if c.Recovery != nil {
		p.Table.pair("recovery", seconds(*c.Recovery)+" at half of the first failing rate until the objective held again")
	}
	return p
}

func probes(c *result.Capacity) part {
	p := part{Title: "Probes", Wide: true}
	if c == nil || len(c.Probes) == 0 {
		return p
	}
	p.Table = table{Head: []string{"phase", "rate", "for", "p50", "p99", "good", "errors", "CPU", "outcome"}, Words: 1}
	for _, v := range c.Probes {
		outcome := v.Outcome
		if v.Outcome == "fail" {
			outcome = "FAIL"
		}
		if v.Why != "" {
			outcome += ": " + v.Why
		}
		p.Table.Rows = append(p.Table.Rows, row{[]string{v.Phase, rate(v.Rate), seconds(v.Seconds), ms(v.P50), ms(v.P99), rate(v.Good), percent(v.Errors), cores(v.TargetCPU), outcome}, v.Outcome == "fail"})
	}
	p.Notes = []string{"Times are response times; CPU is the target's, in cores. An inconclusive probe had too few requests to tell at 99 % confidence, or was INVALID."}
	return p
}

func ratios(ab *result.AB) part {
	p := part{Title: "B against A", Wide: true}
	if ab == nil {
		return p
	}
	blocks := ""
	if ab.Blocks > 0 {
		blocks = fmt.Sprintf(", %d blocks", ab.Blocks)
	}
	p.Lines = []string{fmt.Sprintf("Both were asked in turn within one run (mode %s%s); A against itself shows what chance alone does here.", ab.Mode, blocks)}
	p.Table = table{Head: []string{"", "A", "B", "B/A", "95 % interval", "A/A", "95 % interval"}}
	for _, m := range ab.Metrics {
		p.Table.Rows = append(p.Table.Rows, row{[]string{m.Name, value(m.A, m.Unit), value(m.B, m.Unit), ratio(m.Ratio), interval(m.Lo, m.Hi, ratio), ratio(m.AARatio), interval(m.AALo, m.AAHi, ratio)}, false})
		p.Notes = append(p.Notes, verdictSentence(m))
	}
	if f := ab.Failures; f != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("failures: %s; %s of B's requests had no right answer, and %s of A's (95 %% interval of the difference %s to %s).",
			f.Verdict, percent(f.B), percent(f.A), percent(f.Lo), percent(f.Hi)))
	}
	for _, note := range ab.Notes {
		p.Notes = append(p.Notes, note+".")
	}
	return p
}

func verdictSentence(m result.Ratio) string {
	if strings.HasPrefix(m.Verdict, "no difference") {
		return fmt.Sprintf("%s: %s; the smallest that this run could have shown is %s.", m.Name, m.Verdict, percent(m.Detectable))
	}
	return fmt.Sprintf("%s: %s, %s times A (%s), beyond what A against itself does (%s).", m.Name, m.Verdict, ratio(m.Ratio), interval(m.Lo, m.Hi, ratio), interval(m.AALo, m.AAHi, ratio))
}

func value(v float64, unit string) string {
	return strings.TrimSpace(with(digits(v), " "+unit))
}

func ratio(v float64) string {
	if v == 0 || !finite(v) {
		return none
	}
	return grouped(v, 3)
}

// mirrored is what comparing both answers to the same request found.
func mirrored(ab *result.AB) part {
	p := part{Title: "Mirrored answers", Wide: true}
	if ab == nil || ab.Mirrored == 0 {
		return p
	}
	if r := ab.Answers; r != nil {
		p.Lines = []string{fmt.Sprintf("%s sent to both; in %s of them an answer is not the one that its target gives alone. Of %s, %s: %s.", some(ab.Mirrored, "request was", "requests were"), count(ab.Different), some(r.Coverage.Compared, "different request", "different requests"), r.Verdict, r.Reason)}
		p.Table.Words = 1
		for i := range r.Criteria {
			j := &r.Criteria[i]
			p.Table.Rows = append(p.Table.Rows, row{[]string{string(j.Verdict) + " " + j.Name, j.Sentence + "; " + j.Words()}, j.Verdict == sequence.Fail})
		}
		return p
	}
	p.Lines = []string{fmt.Sprintf("%s sent to both; the answers differ in %s of them.", some(ab.Mirrored, "request was", "requests were"), count(ab.Different))}
	p.Table.Words = 1
	for i, e := range ab.Examples {
		p.Table.Rows = append(p.Table.Rows, row{[]string{fmt.Sprintf("example %d", i+1), e}, true})
	}
	return p
}
