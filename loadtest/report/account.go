package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// meanings of the outcomes in the ledger, and whether a request that ended so is not as it should be.
var meanings = [sample.Outcomes]struct {
	text string
	bad  bool
}{
	sample.OK:          {"status 200, and right or not compared", false},
	sample.Wrong:       {"status 200 with an answer that is not the request's", true},
	sample.Rejected:    {"429 or 503: an honest no", false},
	sample.ClientError: {"another 4xx", true},
	sample.ServerError: {"another 5xx, or no HTTP", true},
	sample.Timeout:     {"no answer within the tool's patience", true},
	sample.Refused:     {"the connection could not be opened", true},
	sample.Unsent:      {"never written", true},
	sample.Lost:        {"written, and the connection ended before the answer", true},
}

func ledgerFaults(l *result.Ledger) (faults []string) {
	if l.Scheduled == 0 && l.Extra == 0 {
		return nil // nothing was sent that could be missing
	}
	sum := l.Ended()
	switch missing := l.Scheduled - sum; {
	case missing > 0:
		faults = append(faults, fmt.Sprintf("%s scheduled, %s with a known end: %s missing", some(l.Scheduled, "request was", "requests were"), count(sum), some(missing, "is", "are")))
	case missing < 0:
		faults = append(faults, fmt.Sprintf("%s scheduled, but %s ended", some(l.Scheduled, "request was", "requests were"), count(sum)))
	}
	if l.Extra > 0 {
		faults = append(faults, some(l.Extra, "answer", "answers")+" that nobody was waiting for")
	}
	if !l.Closed && len(faults) == 0 {
		faults = append(faults, "the run says that its ledger is not closed, though its sums agree")
	}
	return faults
}

func ledger(r *result.Result) part {
	l := &r.Ledger
	p := part{Title: "Ledger"}
	if l.Scheduled == 0 && l.Extra == 0 {
		return p
	}
	p.Table = table{Head: []string{"", "requests", "share", "meaning"}, Words: 1}
	p.Table.add("scheduled", count(l.Scheduled), "", "within the measured window")
	for o := sample.OK; int(o) < sample.Outcomes; o++ {
		if n := *l.Of(o); n != 0 || o == sample.OK {
			p.Table.Rows = append(p.Table.Rows, row{[]string{o.String(), count(n), share(float64(n), float64(l.Scheduled)), meanings[o].text}, meanings[o].bad})
		}
	}
	if l.Extra > 0 {
		p.Table.Rows = append(p.Table.Rows, row{[]string{"extra", count(l.Extra), "", "answers that nobody was waiting for"}, true})
	}
	if faults := ledgerFaults(l); len(faults) > 0 {
		for _, f := range faults {
			p.Notes = append(p.Notes, "NOT CLOSED: "+f+".")
		}
	} else {
		p.Notes = append(p.Notes, "Closed: every scheduled request has exactly one end, and there is no extra answer.")
	}
	if len(l.Status) > 0 {
		var parts []string
		for _, code := range slices.Sorted(maps.Keys(l.Status)) {
			parts = append(parts, fmt.Sprintf("%s: %s", code, count(l.Status[code])))
		}
		p.Notes = append(p.Notes, "Answers by status: "+strings.Join(parts, ", ")+".")
	}
	if l.Reopened > 0 {
		p.Notes = append(p.Notes, some(l.Reopened, "connection was", "connections were")+" closed by the target and opened again.")
	}
	if s := l.Server; s != nil {
		word := "This agrees."
		if !s.Agrees {
			word = "This DOES NOT AGREE."
		}
		p.Notes = append(p.Notes, fmt.Sprintf("With the warm-up, the load tester sent %s and got %s answers; the target counted %s accepted and %s answered. %s",
			count(s.Sent), count(s.Received), count(s.Accepted), count(s.Answered), word))
	}
	return p
}

func verified(r *result.Result) part {
	v := &r.Verify
	p := part{Title: "Verification"}
	switch {
	case v.Source == "" && v.Why == "" && v.Checked == 0:
		return p
	case v.Source == "":
		p.Lines = []string{"Answers were not compared: " + strings.TrimSuffix(v.Why, ".") + "."}
		return p
	}
	text := fmt.Sprintf("%s compared, %s of those with status 200, with the known ones from %s", some(v.Checked, "answer was", "answers were"), percent(v.Fraction), v.Source)
	if v.Tolerance != "" {
		text += "; tolerance " + v.Tolerance
	}
	p.Lines = []string{text + "."}
	if v.Wrong == 0 {
		p.Lines = append(p.Lines, "None is wrong.")
		return p
	}
	p.Lines = append(p.Lines, "WRONG: "+wrongSentence(r, v.Wrong)+".")
	if len(v.Examples) > 0 {
		p.Table = table{Words: 1}
		for i, e := range v.Examples {
			p.Table.Rows = append(p.Table.Rows, row{[]string{fmt.Sprintf("example %d", i+1), e}, true})
		}
	}
	return p
}

func thresholds(r *result.Result) part {
	p := part{Title: "Thresholds", Wide: true}
	for _, t := range r.Thresholds {
		word := "pass"
		if !t.Pass {
			word = "FAIL"
		}
		if t.Abort {
			word += ", the run was ended because of it"
		}
		p.Table.Rows = append(p.Table.Rows, row{[]string{t.Expression, t.Value, word}, !t.Pass})
	}
	if len(p.Table.Rows) > 0 {
		p.Table.Head, p.Table.Words = []string{"condition", "it is", ""}, 1
	}
	return p
}

func devices(r *result.Result) part {
	p := part{Title: "Devices"}
	total := 0.0
	for _, d := range r.Devices {
		total += float64(d.N)
	}
	for _, d := range r.Devices {
		p.Table.add(d.Name, count(d.N), share(float64(d.N), total))
	}
	if len(r.Devices) > 0 {
		p.Table.Head = []string{"device", "answers", "share"}
	}
	return p
}
