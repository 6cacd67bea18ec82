package telemetry

import (
	"math"
	"strings"
	"testing"
)

func TestCompared(t *testing.T) {
	metrics := New("test")
	metrics.NewModel("unwatched", "1", 8)
	m := metrics.NewModel("m", "2", 8)
	m.WatchCompared(func() Compared {
		return Compared{
			Batching: Comparisons{Compared: 200, Differed: 2, Failed: 3, Deferred: 40, Worst: math.Inf(1)},
			Parity:   Comparisons{Compared: 7, Differed: 1, Failed: 5, Deferred: 6, Worst: 0.25},
			Alone:    true,
		}
	})
	want := []string{
		`sluice_batching_compared_total{model="m",version="2"} 200`,
		`sluice_batching_deferred_total{model="m",version="2"} 40`,
		`sluice_batching_differed_total{model="m",version="2"} 2`,
		`sluice_batching_failed_total{model="m",version="2"} 3`,
		`sluice_batching_off{model="m",version="2"} 1`,
		`sluice_batching_worst_ratio{model="m",version="2"} +Inf`,
		`sluice_parity_compared_total{model="m",version="2"} 7`,
		`sluice_parity_deferred_total{model="m",version="2"} 6`,
		`sluice_parity_differed_total{model="m",version="2"} 1`,
		`sluice_parity_failed_total{model="m",version="2"} 5`,
		`sluice_parity_worst_ratio{model="m",version="2"} 0.25`,
	}
	var got []string
	for line := range strings.Lines(ownText(t, metrics)) {
		if strings.HasPrefix(line, "sluice_batching_") || strings.HasPrefix(line, "sluice_parity_") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
