package report

import (
	"fmt"
	"io"

	"sluice/internal/traffic"
	"sluice/loadtest/result"
)

// warning is the first thing to know of a comparison.
const warning = "these runs were made one after the other, and what else the machine did in the meantime is in the differences. Use `sluice loadtest ab`, which asks both targets within one run."

// CompareText writes key figures of several results side by side, with differences to the first.
func CompareText(w io.Writer, results ...*result.Result) error {
	return compared(results).text(w)
}

// CompareHTML writes the same as one page, with the spectra over each other.
func CompareHTML(w io.Writer, results ...*result.Result) error {
	s := &sheet{document: compared(results), Subtitle: "sluice loadtest report: saved results side by side", Definitions: append(ofComparison, general...)}
	var response, service []curve
	for i, r := range results {
		if len(r.Response.Spectrum) > 1 {
			response = append(response, curve{"run " + side(i), &r.Response, i > 0})
		}
		if len(r.Service.Spectrum) > 1 {
			service = append(service, curve{"run " + side(i), &r.Service, i > 0})
		}
	}
	if len(response) > 0 {
		s.Figures = append(s.Figures, spectra("Response latency", "From the intended start.", response...))
	}
	if len(service) > 0 {
		s.Figures = append(s.Figures, spectra("Service latency", "From the send.", service...))
	}
	return s.write(w)
}

func compared(results []*result.Result) *document {
	d := &document{
		Verdict: fmt.Sprintf("%s, one after the other: differences may be chance", some(int64(len(results)), "run", "runs")), State: "NOT A FAIR COMPARISON",
		Alarms: []alarm{{"NOT A FAIR COMPARISON", "", []string{warning}}},
	}
	for i, r := range results {
		for _, a := range alarms(r) {
			d.Alarms = append(d.Alarms, alarm{"RUN " + side(i) + ": " + a.Word, a.Note, a.Reasons})
		}
	}
	runs := part{Title: "Runs", Table: pairs(), Wide: true}
	for i, r := range results {
		runs.Table.pair("run "+side(i), subtitle(r))
		runs.Table.pair("", r.Verdict)
	}
	d.add(runs, keyFigures(results))
	return d
}

// figureOf is a row of the comparison: a value of each result, and how to write it.
type figureOf struct {
	name  string
	value func(*result.Result) (v float64, known bool)
	write func(float64) string
}

func quantileOf(name string, clock func(*result.Result) *result.Latency, q float64, write func(float64) string) figureOf {
	return figureOf{name + " " + traffic.QuantileName(q), func(r *result.Result) (float64, bool) {
		v, ok := clock(r).At(q)
		return v.Ms, ok
	}, write}
}

func comparisons() []figureOf {
	response := func(r *result.Result) *result.Latency { return &r.Response }
	service := func(r *result.Result) *result.Latency { return &r.Service }
	pacer := func(r *result.Result) *result.Latency { return &r.PacerLag }
	sent := func(r *result.Result) bool { return r.Ledger.Scheduled > 0 }
	target := func(value func(*result.Process) float64) func(*result.Result) (float64, bool) {
		return func(r *result.Result) (float64, bool) {
			if r.Resources == nil || r.Resources.Target == nil {
				return 0, false
			}
			v := value(r.Resources.Target)
			return v, v != 0
		}
	}
	all := []figureOf{
		{"capacity", func(r *result.Result) (float64, bool) {
			if r.Capacity == nil {
				return 0, false
			}
			return r.Capacity.Capacity, true
		}, rate},
	}
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		all = append(all, quantileOf("response", response, q, ms))
	}
	return append(all,
		figureOf{"response mean", func(r *result.Result) (float64, bool) { return r.Response.Mean, r.Response.N > 0 }, ms},
		figureOf{"response max", func(r *result.Result) (float64, bool) { return r.Response.Max, r.Response.N > 0 }, ms},
		quantileOf("service", service, 0.5, ms), quantileOf("service", service, 0.99, ms), quantileOf("tool's lag", pacer, 0.99, lag),
		figureOf{"offered", func(r *result.Result) (float64, bool) { return r.Load.Offered, sent(r) }, rate},
		figureOf{"good", func(r *result.Result) (float64, bool) { return r.Load.Good, sent(r) }, rate},
		figureOf{"rejected", func(r *result.Result) (float64, bool) { return float64(r.Ledger.Rejected), sent(r) }, whole},
		figureOf{"failed", func(r *result.Result) (float64, bool) {
			return float64(r.Ledger.Ended() - r.Ledger.OK - r.Ledger.Rejected), sent(r)
		}, whole},
		figureOf{"wrong", func(r *result.Result) (float64, bool) { return float64(r.Ledger.Wrong), sent(r) }, whole},
		figureOf{"target CPU, cores", target(func(p *result.Process) float64 { return p.Cores }), cores},
		figureOf{"target CPU per request, µs", target(func(p *result.Process) float64 { return p.CPUPerRequest }), digits},
		figureOf{"target RSS, at most", target(func(p *result.Process) float64 { return float64(p.RSSMax) }), func(v float64) string { return memory(int64(v)) }},
		figureOf{"mean batch, rows", func(r *result.Result) (float64, bool) {
			s := sizesOf(r.Batches)
			return s.mean, s.total > 0
		}, digits},
	)
}

func whole(v float64) string { return grouped(v, 0) }

func keyFigures(results []*result.Result) part {
	p := part{Title: "Key figures", Wide: true}
	p.Table.Head = []string{""}
	for i := range results {
		p.Table.Head = append(p.Table.Head, "run "+side(i))
		if i > 0 {
			p.Table.Head = append(p.Table.Head, "against A")
		}
	}
	for _, f := range comparisons() {
		cells, any := []string{f.name}, false
		first, firstKnown := 0.0, false
		for i, r := range results {
			v, known := f.value(r)
			text, difference := none, ""
			if known {
				text, any = f.write(v), true
			}
			if i == 0 {
				first, firstKnown = v, known
			} else if known && firstKnown {
				difference = change(first, v)
			}
			cells = append(cells, text)
			if i > 0 {
				cells = append(cells, difference)
			}
		}
		if any {
			p.Table.add(cells...)
		}
	}
	return p
}
