package telemetry

import "github.com/prometheus/client_golang/prometheus"

// AccessLog is what an access log has done.
type AccessLog struct{ Lines, Skipped, Dropped uint64 }

// WatchAccessLog names the function that a scrape asks for the access log; it must not block. A
// server without one has no such series.
func (m *Metrics) WatchAccessLog(state func() AccessLog) { m.accessLog.Store(&state) }

var (
	descAccessLines   = describe("sluice_access_log_lines_total", "Lines that were written to the access log.")
	descAccessSkipped = describe("sluice_access_log_skipped_total", "Requests that the access log left out because there were more of their kind than access_log.max_per_second.")
	descAccessDropped = describe("sluice_access_log_dropped_total", "Lines of the access log that were lost, because they came faster than they could be written, or could not be written.")
)

func (m *Metrics) collectAccessLog(ch chan<- prometheus.Metric) {
	state := m.accessLog.Load()
	if state == nil {
		return
	}
	l := (*state)()
	counter(ch, descAccessLines, float64(l.Lines))
	counter(ch, descAccessSkipped, float64(l.Skipped))
	counter(ch, descAccessDropped, float64(l.Dropped))
}
