package result

// metrics are all figures that a condition can name, in the order in which errors list them.
var metrics = buildMetrics()

func buildMetrics() []metric {
	var all []metric
	clocks := []struct {
		prefix string
		of     func(r *Result) *Latency
	}{
		{"", func(r *Result) *Latency { return &r.Response }},
		{"response.", func(r *Result) *Latency { return &r.Response }},
		{"service.", func(r *Result) *Latency { return &r.Service }},
		{"lag.", func(r *Result) *Latency { return &r.Lag }},
		{"pacer.", func(r *Result) *Latency { return &r.PacerLag }},
		{"refusals.", func(r *Result) *Latency { return r.refusals() }},
	}
	for _, c := range clocks {
		m := metric{kind: latency, clock: c.of}
		add := func(name string, of func(l *Latency) float64, second func(s *Second) (float64, bool)) {
			m.name, m.second = c.prefix+name, second
			m.of = func(r *Result) (float64, bool) { return of(c.of(r)), true }
			all = append(all, m)
		}
		var slowest func(s *Second) (float64, bool)
		if c.prefix == "" || c.prefix == "response." {
			slowest = func(s *Second) (float64, bool) { return s.Max, s.Good > 0 }
		}
		add("p", nil, nil) // whose quantile the parser knows
		add("mean", func(l *Latency) float64 { return l.Mean }, nil)
		add("max", func(l *Latency) float64 { return l.Max }, slowest)
		add("min", func(l *Latency) float64 { return l.Min }, nil)
	}
	all = append(all,
		metric{name: "achieved", kind: part, of: func(r *Result) (float64, bool) { return r.Load.Achieved, true }, second: secondAchieved},
		metric{name: "goodput", kind: rate, of: func(r *Result) (float64, bool) { return r.Load.Good, true }, second: func(s *Second) (float64, bool) { return float64(s.Good), true }},
		metric{name: "sent", kind: rate, of: func(r *Result) (float64, bool) { return r.Load.Sent, true }, second: func(s *Second) (float64, bool) { return float64(s.Sent), true }},
		metric{name: "offered", kind: rate, of: func(r *Result) (float64, bool) { return r.Load.Offered, true }, second: func(s *Second) (float64, bool) { return float64(s.Offered), true }},
		counted("err", func(l *Ledger) int64 { return l.Scheduled - l.OK }, func(s *Second) int64 { return s.ended() - s.Outcomes["ok"] }),
		counted("failed", func(l *Ledger) int64 { return l.Scheduled - l.OK - l.Rejected },
			func(s *Second) int64 { return s.ended() - s.Outcomes["ok"] - s.Outcomes["rejected"] }),
		outcome("wrong", func(l *Ledger) int64 { return l.Wrong }),
		outcome("rejected", func(l *Ledger) int64 { return l.Rejected }),
		outcome("client_err", func(l *Ledger) int64 { return l.ClientErr }),
		outcome("server_err", func(l *Ledger) int64 { return l.ServerErr }),
		outcome("timeout", func(l *Ledger) int64 { return l.Timeout }),
		outcome("refused", func(l *Ledger) int64 { return l.Refused }),
		outcome("unsent", func(l *Ledger) int64 { return l.FailedBefore }),
		outcome("lost", func(l *Ledger) int64 { return l.LostAfter }),
		metric{name: "extra", kind: count, of: func(r *Result) (float64, bool) { return float64(r.Ledger.Extra), true }},
		metric{name: "cpu.target", kind: cores, of: ofTarget(func(p *Process) float64 { return p.Cores }), second: known(func(s *Second) float64 { return s.TargetCPU })},
		metric{name: "cpu.tool", kind: cores, of: ofTool, second: known(func(s *Second) float64 { return s.ToolCPU })},
		metric{name: "rss.target", kind: size, of: ofTarget(func(p *Process) float64 { return float64(p.RSSMax) }), second: known(func(s *Second) float64 { return float64(s.RSS) })},
	)
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
func counted(name string, of func(l *Ledger) int64, second func(s *Second) int64) metric {
	return metric{
		name: name, kind: count,
		of:     func(r *Result) (float64, bool) { return float64(of(&r.Ledger)), true },
		second: func(s *Second) (float64, bool) { return float64(second(s)), s.ended() > 0 },
	}
}

// outcome is a count that the series has under the outcome's own name.
func outcome(name string, of func(l *Ledger) int64) metric {
	key := name
	switch name {
	case "unsent":
		key = "failed_before_write"
	case "lost":
		key = "lost_after_write"
	}
	return counted(name, of, func(s *Second) int64 { return s.Outcomes[key] })
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
	"p50":         func(s *Second) (float64, bool) { return s.P50, s.Good > 0 },
	"p90":         func(s *Second) (float64, bool) { return s.P90, s.Good > 0 },
	"p99":         func(s *Second) (float64, bool) { return s.P99, s.Good > 0 },
	"service.p99": func(s *Second) (float64, bool) { return s.Service, s.Good > 0 },
	"lag.p99":     func(s *Second) (float64, bool) { return s.Lag, s.Sent > 0 },
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
