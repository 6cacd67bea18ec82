package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Recording is what a recorder of arrivals has done.
type Recording struct {
	Arrivals, Dropped, PayloadsDropped uint64
	Bytes                              int64
	Active                             bool
}

// WatchRecording names the function that a scrape asks for the recording; it must not block.
// A server that does not record has no such series.
func (m *Metrics) WatchRecording(state func() Recording) { m.recording.Store(&state) }

var (
	descRecordActive   = describe("sluice_record_active", "1 while arrivals are recorded, 0 once recording has ended.")
	descRecordArrivals = describe("sluice_record_arrivals_total", "Arrivals that were written to the trace.")
	descRecordDropped  = describe("sluice_record_dropped_total", "Arrivals that are missing from the trace, because they came faster than they could be written.")
	descRecordPayloads = describe("sluice_record_payloads_dropped_total", "Arrivals that were written without their body, because too many bodies waited or the trace cannot hold it.")
	descRecordBytes    = describe("sluice_record_bytes", "Size of the trace and its payloads, before compression.")
)

func (m *Metrics) collectRecording(ch chan<- prometheus.Metric) {
	state := m.recording.Load()
	if state == nil {
		return
	}
	r := (*state)()
	gauge(ch, descRecordActive, bit(r.Active))
	counter(ch, descRecordArrivals, float64(r.Arrivals))
	counter(ch, descRecordDropped, float64(r.Dropped))
	counter(ch, descRecordPayloads, float64(r.PayloadsDropped))
	gauge(ch, descRecordBytes, float64(r.Bytes))
}
