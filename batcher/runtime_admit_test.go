package batcher

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/fault"
)

// The client is told both times and is not asked to come again.
func TestBudgetTooShortIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 584 * time.Millisecond}
		b, m := start(t, e, 1, 1)
		defer b.Close()
		const text = "the model takes 584ms, the budget is 100ms: ask for more with Sluice-Budget-Ms or the timeout parameter, or set budget in the model's model.yaml"
		f := func(how string, err error) {
			t.Helper()
			if f := fault.Of(err); f == nil || f.Kind != fault.BudgetTooShort || f.Text != text || f.RetryAfter != 0 {
				t.Errorf("%s: %+v", how, f)
			}
		}
		for _, submit := range []bool{false, true} {
			tk := newTask(1, 1, 100*time.Millisecond)
			f("after decoding", m.enter(tk, submit))
			tk.Release()
		}
		now := clock.Now()
		f("before decoding", m.Admit(now, now.Add(100*time.Millisecond)))
		f("before decoding, after a slow body", m.Admit(now.Add(-90*time.Millisecond), now.Add(10*time.Millisecond)))
		if err := m.Admit(now, now.Add(time.Second)); err != nil {
			t.Errorf("with a second: %v", err)
		}
		// The budget is long enough, so the model may try; the answer would be late by its estimate.
		if err := m.Admit(now.Add(-500*time.Millisecond), now.Add(500*time.Millisecond)); err != nil {
			t.Errorf("with a second of which a slow body took half: %v", err)
		}
		tk := newTask(1, 1, time.Second)
		defer tk.Release()
		if err := m.Predict(tk); err != nil {
			t.Errorf("with a second: %v", err)
		}
		// Of a second, the body took most to come: the budget is not what was too short.
		again := newTask(1, 1, 100*time.Millisecond)
		defer again.Release()
		f("decoded after a run", m.enter(again, false))
		f("after a run", m.Admit(clock.Now(), clock.Now().Add(100*time.Millisecond)))
		late := fault.Of(m.Admit(clock.Now().Add(-950*time.Millisecond), clock.Now().Add(50*time.Millisecond)))
		if late == nil || late.Kind != fault.Overloaded || !strings.Contains(late.Text, "an answer would come later than the budget left, 50ms") {
			t.Errorf("a slow body: %+v", late)
		}
	})
}

// Where the model prefers a device that could not load it, each answer tells so.
func TestDisplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Start(Options{Devices: []policy.DeviceOptions{{Name: "cuda:0", Lanes: 1}, {Name: "cpu", Lanes: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		f := func(displaced bool, want string) {
			t.Helper()
			curve := cost.Curve{{Rows: 1, P50: time.Millisecond}}
			m, err := b.Add(Spec{Name: "m", MaxBatch: 1, Outputs: 1, Displaced: displaced, Placements: []Placement{{Device: "cpu", Runner: &echo{cost: time.Millisecond}, Curve: curve}}})
			if err != nil {
				t.Fatal(err)
			}
			tk := newTask(1, 1, time.Second)
			defer tk.Release()
			if err := m.Predict(tk); err != nil || tk.Trace.Device != "cpu" || tk.Trace.Reason != want {
				t.Errorf("displaced %v: %v, ran on %s for %q, want %q", displaced, err, tk.Trace.Device, tk.Trace.Reason, want)
			}
			stats, _ := m.Stats()
			sent := map[bool]policy.Detour{false: policy.Direct, true: policy.Absent}[displaced]
			if stats.Devices[0].Sent[sent] != 1 {
				t.Errorf("displaced %v: sent %v", displaced, stats.Devices[0].Sent)
			}
		}
		f(false, "")
		f(true, "unavailable")
	})
}
