package result

import (
	"slices"
	"strings"

	"sluice/loadtest/sample"
)

// metrics are how a run has the figures that a condition can name.
var metrics = buildMetrics()

func buildMetrics() map[string]metric {
	all := map[string]metric{
		"achieved":   {of: func(r *Result) (float64, bool) { return r.Load.Achieved, true }, second: secondAchieved},
		"attainment": {of: attainment},
		"unserved":   {of: unserved},
		"goodput":    {of: func(r *Result) (float64, bool) { return r.Load.Good, true }, second: func(s *Second) (float64, bool) { return float64(s.Good), true }},
		"sent":       {of: func(r *Result) (float64, bool) { return r.Load.Sent, true }, second: func(s *Second) (float64, bool) { return float64(s.Sent), true }},
		"offered":    {of: func(r *Result) (float64, bool) { return r.Load.Offered, true }, second: func(s *Second) (float64, bool) { return float64(s.Offered), true }},
		"err":        counted(func(l *Ledger) int64 { return l.Scheduled - l.OK }, func(s *Second) int64 { return s.ended() - s.Outcomes["ok"] }),
		"failed": counted(func(l *Ledger) int64 { return l.Scheduled - l.OK - l.Rejected },
			func(s *Second) int64 { return s.ended() - s.Outcomes["ok"] - s.Outcomes["rejected"] }),
		"wrong":      outcome(sample.Wrong),
		"rejected":   outcome(sample.Rejected),
		"client_err": outcome(sample.ClientError),
		"server_err": outcome(sample.ServerError),
		"timeout":    outcome(sample.Timeout),
		"refused":    outcome(sample.Refused),
		"unsent":     outcome(sample.Unsent),
		"lost":       outcome(sample.Lost),
		"extra":      {of: func(r *Result) (float64, bool) { return float64(r.Ledger.Extra), true }},
		"cpu.target": {of: ofTarget(func(p *Process) float64 { return p.Cores }), second: known(func(s *Second) float64 { return s.TargetCPU })},
		"cpu.tool":   {of: ofTool, second: known(func(s *Second) float64 { return s.ToolCPU })},
		"rss.target": {of: ofTarget(func(p *Process) float64 { return float64(p.RSSMax) }), second: known(func(s *Second) float64 { return float64(s.RSS) })},
	}
	clock := func(prefix string, of, percentile func(r *Result) *Latency, slowest func(s *Second) (float64, bool)) {
		figure := func(name string, value func(l *Latency) float64, second func(s *Second) (float64, bool)) {
			all[prefix+name] = metric{clock: of, second: second, of: func(r *Result) (float64, bool) { return value(of(r)), true }}
		}
		all[prefix+"p"] = metric{clock: percentile}
		figure("mean", func(l *Latency) float64 { return l.Mean }, nil)
		figure("max", func(l *Latency) float64 { return l.Max }, slowest)
		figure("min", func(l *Latency) float64 { return l.Min }, nil)
	}
	response := func(r *Result) *Latency { return &r.Response }
	every := func(r *Result) *Latency { return &r.Every }
	slowest := func(s *Second) (float64, bool) { return s.Max, s.Good > 0 }
	clock("", response, every, slowest)
	clock("response.", response, every, slowest)
	clock("ok.", response, response, slowest)
	for prefix, of := range map[string]func(r *Result) *Latency{
		"service.": func(r *Result) *Latency { return &r.Service }, "lag.": func(r *Result) *Latency { return &r.Lag },
		"pacer.": func(r *Result) *Latency { return &r.PacerLag }, "refusals.": (*Result).refusals,
	} {
		clock(prefix, of, of, nil)
	}
	return all
}

// refusals is never nil.
func (r *Result) refusals() *Latency {
	if r.Refusals == nil {
		return &Latency{}
	}
	return r.Refusals
}

// counted is a number of requests, or their part of all.
func counted(of func(l *Ledger) int64, second func(s *Second) int64) metric {
	return metric{
		of:     func(r *Result) (float64, bool) { return float64(of(&r.Ledger)), true },
		second: func(s *Second) (float64, bool) { return float64(second(s)), s.ended() > 0 },
	}
}

// outcome is how many requests ended so.
func outcome(o sample.Outcome) metric {
	return counted(func(l *Ledger) int64 { return *l.Of(o) }, func(s *Second) int64 { return s.Outcomes[o.String()] })
}

// attainment is the part of all requests with a right answer in time; --within says what that is.
func attainment(r *Result) (float64, bool) {
	return r.Load.InTime / r.Load.Offered, r.Load.Within > 0 && r.Load.Offered > 0
}

// unserved is the part of all requests that got no answer of the model.
func unserved(r *Result) (float64, bool) {
	l := &r.Ledger
	return float64(l.Scheduled-l.OK-l.Wrong) / float64(l.Scheduled), l.Scheduled > 0
}

// ended counts requests of a second that have ended.
func (s *Second) ended() (n int64) {
	for _, k := range s.Outcomes {
		n += k
	}
	return n
}

func secondAchieved(s *Second) (float64, bool) {
	return float64(s.Sent) / float64(max(s.Offered, 1)), s.Offered > 0
}

// percentiles are those that a second has, by their names.
var percentiles = map[string]func(s *Second) (float64, bool){
	"p50":         func(s *Second) (float64, bool) { return s.Every[0], s.Every[0] > 0 },
	"p90":         func(s *Second) (float64, bool) { return s.Every[1], s.Every[1] > 0 },
	"p99":         func(s *Second) (float64, bool) { return s.Every[2], s.Every[2] > 0 },
	"ok.p50":      func(s *Second) (float64, bool) { return s.P50, s.Good > 0 },
	"ok.p90":      func(s *Second) (float64, bool) { return s.P90, s.Good > 0 },
	"ok.p99":      func(s *Second) (float64, bool) { return s.P99, s.Good > 0 },
	"service.p99": func(s *Second) (float64, bool) { return s.Service, s.Good > 0 },
	"lag.p99":     func(s *Second) (float64, bool) { return s.Lag, s.Sent > 0 },
}

// EveryQuantiles are those of Second.Every.
var EveryQuantiles = [3]float64{0.5, 0.9, 0.99}

// seriesNames lists what a second has.
func seriesNames() string {
	names := []string{"p50, p90, p99, max, those with ok. before them, service.p99, lag.p99"}
	for name, m := range metrics {
		if m.clock == nil && m.second != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	return strings.Join(names, ", ")
}

func ofTarget(of func(p *Process) float64) func(r *Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		if r.Resources == nil || r.Resources.Target == nil {
			return 0, false
		}
		return of(r.Resources.Target), true
	}
}

func ofTool(r *Result) (float64, bool) {
	if r.Resources == nil {
		return 0, false
	}
	return r.Resources.Tool.Cores, true
}

// known is a figure of which 0 says that it was not measured.
func known(of func(s *Second) float64) func(s *Second) (float64, bool) {
	return func(s *Second) (float64, bool) { return of(s), of(s) > 0 }
}
