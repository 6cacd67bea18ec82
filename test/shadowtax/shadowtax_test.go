package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/compare/tax"
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
	for _, name := range []string{"healthy", "crashing"} {
		for _, k := range kinds {
			if k.name != name {
				continue
			}
			r, err := s.try(k)
			for tries := 1; err == nil && name == "healthy" && r.compared == 0 && tries < 5; tries++ { // other work leaves it no core
				r, err = s.try(k)
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, s.Log())
			}
			if r.wrong > 0 || r.unaccounted != 0 || r.seen == 0 || name == "healthy" && r.compared == 0 {
				t.Errorf("%s: %d live answers changed; %d of %d mirrored requests are not accounted for, %d were compared", name, r.wrong, r.unaccounted, r.seen, r.compared)
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
	if err != nil || got != (tax.Slice{Answers: 200, P99: 298 * time.Microsecond, CPU: 5 * time.Millisecond}) {
		t.Errorf("%+v, %v", got, err)
	}
	all[200].Outcome, all[201].Outcome, all[202].Outcome = sample.Rejected, sample.Timeout, sample.Rejected
	if got, _ = sliceOf(&window{from: time.Second, to: 3 * time.Second}, all); got.P99 != patience {
		t.Errorf("with three that were not answered: %v", got.P99)
	}
	if _, err = sliceOf(&window{to: time.Second}, all[:99]); err == nil {
		t.Error("99 requests have a p99")
	}
}

// Holm's rule: the surest kind is held at the strictest level, and one that is not held ends it.
func TestJudge(t *testing.T) {
	f := func(more, cpu time.Duration, spread time.Duration) result {
		r := result{kind: "some", account: tax.New(limits)}
		for i := range 40 {
			d := spread
			if i%2 == 0 {
				d = -spread
			}
			r.account.Add(&tax.Pair{On: tax.Slice{P99: 5*time.Millisecond + more + d, CPU: 100*time.Microsecond + cpu}, Off: tax.Slice{P99: 5 * time.Millisecond, CPU: 100 * time.Microsecond}})
		}
		r.figures = r.account.Report()
		return r
	}
	all := []result{f(0, time.Microsecond, 100*time.Microsecond), f(0, 0, 2*time.Millisecond), f(time.Millisecond, 0, 100*time.Microsecond), f(0, 10*time.Microsecond, 0)}
	control := f(time.Second, 0, 0)
	control.kind = kinds[0].name
	all = append(all, control)
	judge(all)
	var got []string
	for _, r := range all {
		got = append(got, r.verdict)
	}
	if want := "held; not decided here; missed; missed; the control"; strings.Join(got, "; ") != want {
		t.Errorf("got %s; want %s", strings.Join(got, "; "), want)
	}
	if text := markdown(all); strings.Count(text, "\n") != len(all)+2 || !strings.Contains(text, "+1.00 %") {
		t.Error(text)
	}
}
