package telemetry

import (
	"strings"
	"testing"
	"time"
)

func TestPredictionLogHasSeriesOnlyWhereItIsOn(t *testing.T) {
	m := New("test")
	if text := ownText(t, m); strings.Contains(text, "sluice_prediction_log_") {
		t.Errorf("a server without a prediction log tells of one:\n%s", text)
	}
	m.WatchPredictionLog(func() PredictionLog {
		return PredictionLog{Seen: 10, Written: 6, Dropped: []Dropped{{"disk", 0}, {"capped", 3}}, Waiting: 1, SpoolBytes: 900, Files: 2, Converting: 1500 * time.Millisecond}
	})
	text := ownText(t, m)
	for _, line := range []string{
		"sluice_prediction_log_seen_total 10", "sluice_prediction_log_written_total 6",
		`sluice_prediction_log_dropped_total{reason="disk"} 0`, `sluice_prediction_log_dropped_total{reason="capped"} 3`,
		"sluice_prediction_log_waiting 1", "sluice_prediction_log_spool_bytes 900", "sluice_prediction_log_files_total 2",
		"sluice_prediction_log_conversion_seconds_total 1.5",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is missing from\n%s", line, text)
		}
	}
}
