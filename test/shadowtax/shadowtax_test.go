package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/memory"
	"sluice/loadtest/sample"
	"sluice/test/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The quick form: whatever a shadow does, each mirrored request is accounted for, no live answer changes, and the gateway's memory
// does not grow.
func TestQuick(t *testing.T) {
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
	dir := t.TempDir()
	binary, err := rig.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStage(plan{
		binary: binary, models: "../../examples/models", pairs: 1, most: 1, slice: 600 * time.Millisecond, settles: 100 * time.Millisecond,
		rate: 300, sample: 1, rows: 2, seed: 1,
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.End()
	before := int64(0)
	all, err := readKept("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"healthy", "crashing"} {
		for _, k := range kinds {
			if k.name != name {
				continue
			}
			r := all.result(name)
			err := s.try(k, r, 1)
			for tries := 1; err == nil && name == "healthy" && r.Compared == 0 && tries < 5; tries++ { // other work leaves it no core
				err = s.try(k, r, 1)
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, s.Log())
			}
			if r.Wrong > 0 || r.Unaccounted != 0 || r.Seen == 0 || name == "healthy" && r.Compared == 0 {
				t.Errorf("%s: %d live answers changed; %d of %d mirrored requests are not accounted for, %d were compared", name, r.Wrong, r.Unaccounted, r.Seen, r.Compared)
			}
		}
		for begun := time.Now(); len(memory.Children(s.PID())) > 1 && time.Since(begun) < 20*time.Second; {
			time.Sleep(10 * time.Millisecond) // the shadow's process ends, and the device's stays
		}
		taken, err := memory.PSS(s.PID())
		if err != nil {
			t.Fatal(err)
		}
		const room = 32 << 20
		if before > 0 && taken > before+room {
			t.Errorf("the gateway has %d bytes, and had %d", taken, before)
		}
		before = taken
	}
}

func TestSliceOf(t *testing.T) {
	var all []sample.Sample
	for i := range 400 {
		at := time.Duration(i) * 10 * time.Millisecond
		all = append(all, sample.Sample{Intended: at, Last: at + time.Duration(i)*time.Microsecond, Outcome: sample.OK})
	}
	got, err := sliceOf(&window{from: time.Second, to: 3 * time.Second, cpu: time.Second}, all)
	if err != nil || got != (slice{Answers: 200, P99: 298e-6, CPU: 5e-3}) {
		t.Errorf("%+v, %v", got, err)
	}
	all[200].Outcome, all[201].Outcome, all[202].Outcome = sample.Rejected, sample.Timeout, sample.Rejected
	if got, _ = sliceOf(&window{from: time.Second, to: 3 * time.Second}, all); got.P99 != patience.Seconds() {
		t.Errorf("with three that were not answered: %v", got.P99)
	}
	if _, err = sliceOf(&window{to: time.Second}, all[:99]); err == nil {
		t.Error("99 requests have a p99")
	}
}

// Holm's rule: the surest kind is held at the strictest level, and one that is not held ends it.
func TestJudge(t *testing.T) {
	f := func(more, cpu, spread float64) result {
		r := result{Kind: "some"}
		for i := range 40 {
			d := spread * (float64(i) - 19.5) / 10
			r.Pairs = append(r.Pairs, pair{On: slice{P99: 5e-3 + more + d, CPU: 100e-6 + cpu}, Off: slice{P99: 5e-3, CPU: 100e-6}})
		}
		return r
	}
	all := []result{f(0, 1e-6, 100e-6), f(0, 0, 2e-3), f(1e-3, 0, 100e-6), f(0, 10e-6, 0)}
	control := f(1, 0, 0)
	control.Kind = kinds[0].name
	all = append(all, control)
	judge(all)
	var got []string
	for _, r := range all {
		got = append(got, r.verdict)
	}
	if want := "held; not decided here; missed; missed; the control"; strings.Join(got, "; ") != want {
		t.Errorf("got %s; want %s", strings.Join(got, "; "), want)
	}
	if text := markdown(all); strings.Count(text, "\n") != len(all)+2 || !strings.Contains(text, "+1.00") {
		t.Error(text)
	}
}

// The ranks are those of the published tables of the signed-rank test, and a shift is covered as often as the level says.
func TestRank(t *testing.T) {
	for _, c := range []struct {
		n     int
		alpha float64
		want  int
	}{{4, 0.05, -1}, {5, 0.05, 0}, {10, 0.05, 10}, {10, 0.025, 8}, {20, 0.05, 60}, {20, 0.01, 43}, {50, 0.025, 434}} {
		if got := rank(c.n, c.alpha); got != c.want {
			t.Errorf("of %d at %g: %d, want %d", c.n, c.alpha, got, c.want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	over := 0
	const draws = 2000
	for range draws {
		d := make([]float64, 30)
		for i := range d {
			d[i] = 1 + random.NormFloat64()/random.Float64() // with tails that have no mean
		}
		if _, high := walshOf(d).bounds(0.95); high < 1 {
			over++
		}
	}
	if share := float64(over) / draws; share < 0.03 || share > 0.065 {
		t.Errorf("the upper bound is below the shift in %g of the draws, want 0.05", share)
	}
	if w := walshOf([]float64{4, 1, 100}); w.median() != (4+50.5)/2 {
		t.Errorf("the median is %g", w.median())
	}
	if w := walshOf(nil); w.median() != 0 {
		t.Error("no differences have a median")
	}
}

// A run goes on with what the runs before have kept.
func TestKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kept.json")
	k, err := readKept(file)
	if err != nil {
		t.Fatal(err)
	}
	k.Rate, k.Gateways = 100, []string{"1.0"}
	r := k.result("slow")
	r.Seen, r.Pairs = 7, []pair{{On: slice{Answers: 3, P99: 1e-3, CPU: 2e-6}}}
	if err := k.write(file); err != nil {
		t.Fatal(err)
	}
	again, err := readKept(file)
	if err != nil || !reflect.DeepEqual(again, k) {
		t.Errorf("%+v, %v; want %+v", again, err, k)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKept(file); err == nil {
		t.Error("half a file is read")
	}
}
