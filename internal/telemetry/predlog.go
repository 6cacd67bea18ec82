package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PredictionLog is what a prediction log has done.
type PredictionLog struct {
	Seen, Written uint64
	// Dropped counts by reason; it has every reason that there is.
	Dropped    []Dropped
	Waiting    int64
	SpoolBytes int64
	Files      uint64
	Converting time.Duration
}

// Dropped are records that are missing.
type Dropped struct {
	Reason string
	Count  uint64
}

// WatchPredictionLog names the function that a scrape asks for the prediction log; it must not block. A server
// without one has no such series.
func (m *Metrics) WatchPredictionLog(state func() PredictionLog) { m.predictionLog.Store(&state) }

var (
	descPredlogSeen       = describe("sluice_prediction_log_seen_total", "Requests that some rule of the prediction log has chosen.")
	descPredlogWritten    = describe("sluice_prediction_log_written_total", "Records that were written to the prediction log.")
	descPredlogDropped    = describe("sluice_prediction_log_dropped_total", "Chosen requests that are missing from the prediction log, by reason.", "reason")
	descPredlogWaiting    = describe("sluice_prediction_log_waiting", "Records that wait for the disk.")
	descPredlogSpool      = describe("sluice_prediction_log_spool_bytes", "Size of the spools that are not converted to Parquet yet.")
	descPredlogFiles      = describe("sluice_prediction_log_files_total", "Spools that were converted to Parquet files.")
	descPredlogConversion = describe("sluice_prediction_log_conversion_seconds_total", "Time that converting spools has taken.")
)

func (m *Metrics) collectPredictionLog(ch chan<- prometheus.Metric) {
	state := m.predictionLog.Load()
	if state == nil {
		return
	}
	l := (*state)()
	counter(ch, descPredlogSeen, float64(l.Seen))
	counter(ch, descPredlogWritten, float64(l.Written))
	for _, d := range l.Dropped {
		counter(ch, descPredlogDropped, float64(d.Count), d.Reason)
	}
	gauge(ch, descPredlogWaiting, float64(l.Waiting))
	gauge(ch, descPredlogSpool, float64(l.SpoolBytes))
	counter(ch, descPredlogFiles, float64(l.Files))
	counter(ch, descPredlogConversion, l.Converting.Seconds())
}
