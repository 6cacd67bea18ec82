package stats

import (
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

func TestStages(t *testing.T) {
	samples, w := mixed()
	got := Summarise(samples, w, Options{}).Stages
	// The second answer's server says that it took longer than the client waited.
	want := []result.Stage{
		{Name: "lag", Mean: 0.01, P50: 0.01},
		{Name: "client queue", Mean: (0.1 + 1.99 + 0.01) / 3, P50: 0.1},
		{Name: "network+parse", Mean: (0.54 + 0 + 4.98) / 3, P50: 0.54},
		{Name: "decode", Mean: 0.2 / 3, P50: 0.1},
		{Name: "queue", Mean: 0.4 / 3, P50: 0.2},
		{Name: "run", Mean: 3.5 / 3, P50: 1},
		{Name: "encode", Mean: 0.1 / 3, P50: 0.05},
		{Name: "unexplained", Mean: (1 + 1 - 0.85 + 1495) / 3, P50: 1},
	}
	if len(got) != len(want) {
		t.Fatalf("stages %+v", got)
	}
	for i, g := range got {
		if g.Name != want[i].Name || math.Abs(g.Mean-want[i].Mean) > 1e-9 || math.Abs(g.P50-want[i].P50) > 1e-9 || g.P99 != 0 {
			t.Errorf("got %+v, want %+v", g, want[i])
		}
	}
	for i := range samples {
		samples[i].Server = [sample.Stages]uint32{}
	}
	var names []string
	for _, s := range Summarise(samples, w, Options{}).Stages {
		names = append(names, s.Name)
	}
	if want := []string{"lag", "client queue", "network+server", "unexplained"}; !reflect.DeepEqual(names, want) {
		t.Errorf("of a server that tells nothing: %v", names)
	}
}

func TestStagesOfEnoughAnswersHaveAP99(t *testing.T) {
	var samples []sample.Sample
	for i := range 459 {
		at := time.Duration(i) * ms
		samples = append(samples, answered(at, 0, time.Duration(i+1)*us, ms, ms))
	}
	f := func(n int, want float64) {
		t.Helper()
		got := Summarise(samples[:n], Window{To: time.Second}, Options{}).Stages
		if queue := got[1]; queue.Name != "client queue" || queue.P99 != want {
			t.Errorf("%d answers: %+v, want a p99 of %v", n, queue, want)
		}
	}
	f(459, 0.455)
	f(458, 0)
}

func TestPartsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, s := range random(t) {
			if s.Outcome != sample.OK {
				continue
			}
			var sum time.Duration
			for i, d := range split(&s) {
				if sum += d; d < 0 && i != partUnexplained {
					t.Fatalf("part %d of %+v is negative", i, s)
				}
			}
			if sum != s.Response() {
				t.Fatalf("parts of %v in a response of %v", sum, s.Response())
			}
		}
	})
}
