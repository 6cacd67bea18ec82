package telemetry

import (
	"strings"
	"testing"
)

func TestAccessLogHasSeriesOnlyWhereItIsOn(t *testing.T) {
	m := New("test")
	if text := ownText(t, m); strings.Contains(text, "sluice_access_log_") {
		t.Errorf("a server without an access log tells of it:\n%s", text)
	}
	m.WatchAccessLog(func() AccessLog { return AccessLog{Lines: 7, Skipped: 3, Dropped: 2} })
	text := ownText(t, m)
	for _, line := range []string{"sluice_access_log_lines_total 7", "sluice_access_log_skipped_total 3", "sluice_access_log_dropped_total 2"} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is missing from\n%s", line, text)
		}
	}
}
