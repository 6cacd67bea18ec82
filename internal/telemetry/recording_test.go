package telemetry

import (
	"strings"
	"testing"
)

func TestRecordingHasSeriesOnlyWhereItIsOn(t *testing.T) {
	m := New("test")
	if text := ownText(t, m); strings.Contains(text, "sluice_record_") {
		t.Errorf("a server that does not record tells of it:\n%s", text)
	}
	m.WatchRecording(func() Recording {
		return Recording{Arrivals: 7, Dropped: 2, PayloadsDropped: 1, Bytes: 900, Active: true}
	})
	text := ownText(t, m)
	for _, line := range []string{
		"sluice_record_active 1", "sluice_record_arrivals_total 7", "sluice_record_dropped_total 2",
		"sluice_record_payloads_dropped_total 1", "sluice_record_bytes 900",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is missing from\n%s", line, text)
		}
	}
}
