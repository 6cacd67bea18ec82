package bundle

import (
	"strings"
	"testing"
)

func TestDecodeObservationRefuses(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if o, err := DecodeObservation([]byte(text), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %+v, %v; want %q", text, o, err, want)
		}
	}
	f(``, "cannot be understood")
	f(`{"runs":[{"rows":0,"outputs":[[1]]}]}`, "a run of 0 rows")
	f(`{"runs":[{"rows":1,"outputs":[]}]}`, "with 0 outputs; the model has 1")
	f(`{"runs":[{"rows":1,"outputs":[[-1]]}]}`, "an output of shape [-1]")
	f(`{"runs":[`+strings.Repeat(`{"rows":1,"outputs":[[1]]},`, maxObservedRuns)+`{"rows":1,"outputs":[[1]]}]}`, "tells of 257 runs")
}

// FuzzDecodeObservation looks for panics, and for shapes that break their bounds.
func FuzzDecodeObservation(f *testing.F) {
	f.Add(`{"runs":[{"rows":2,"outputs":[[2,3]]}],"refused":[{"rows":3,"text":"no","detail":"x"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := DecodeObservation([]byte(text), 1)
		if err != nil {
			return
		}
		g := describedGraph()
		if s, _, err := g.Settle(&Config{MaxBatch: 8}, o); err != nil || len(s.Outputs) != 1 {
			t.Fatalf("%v, %v", s, err)
		}
	})
}

// TestSettings holds what model.yaml decides.
func TestSettings(t *testing.T) {
	f := func(shown Shown, c Config, mode BatchMode, basis BatchBasis) {
		t.Helper()
		g := describedGraph()
		g.Independence = &Independence{Shown: shown, Text: "as a test says", Outputs: []OutputRows{{RowToRow: true}}}
		if _, how, err := g.Settle(&c, nil); err != nil || how.Mode != mode || how.Basis != basis {
			t.Errorf("%v, %+v: %+v, %v; want %s, %s", shown, c, how, err, mode, basis)
		}
	}
	f(ShownApart, Config{MaxBatch: 8}, Batched, Proven)
	f(ShownApart, Config{MaxBatch: 8, Unproven: UnprovenSingle}, Batched, Proven)
	f(ShownApart, Config{MaxBatch: 8, Batch: BatchCoupled}, Batched, Proven)
	f(ShownApart, Config{}, Single, Asked)
	f(NothingShown, Config{MaxBatch: 8}, Batched, Unshown)
	f(NothingShown, Config{MaxBatch: 8, Unproven: UnprovenSingle}, Single, Unshown)
	f(NothingShown, Config{MaxBatch: 8, Batch: BatchCoupled}, Coupled, Asked)
	f(ShownMixing, Config{MaxBatch: 8}, Single, Refuted)
	f(ShownMixing, Config{MaxBatch: 8, Batch: BatchCoupled}, Coupled, Asked)
}
