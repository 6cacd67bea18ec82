package models

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// TestParityGate lets the CPU answer differently from the preferred device. want is a part
// of the version's verdict; fault one of what check finds fault with, if anything.
func TestParityGate(t *testing.T) {
	f := func(name string, spoil func(gpu, cpu *fakeDevice), outcome gates.Outcome, want, fault, settings string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			w := newWorld(t)
			gpu := &fakeDevice{name: "cuda:0", lanes: 1}
			spoil(gpu, w.cpu)
			report, err := Check(context.Background(), w.options(gpu), w.put(t, "m/1", fakeFile{Factor: 2, Labels: true}, bundle.ConfigFile, settings))
			if err != nil || report.Refusal() != nil {
				t.Fatal(err, report.Refusal())
			}
			v := report.Gate("parity")
			if v.Outcome != outcome || !strings.Contains(v.Text, want) {
				t.Errorf("verdict %s %q; want %s %q", v.Outcome, v.Text, outcome, want)
			}
			if off := report.FallbackOff != ""; off != (outcome == gates.Changed) || off && !strings.Contains(v.Text, report.FallbackOff) {
				t.Errorf("fallback off: %q", report.FallbackOff)
			}
			if failed := report.Devices[1].ParityFailed(); failed != (outcome == gates.Changed) {
				t.Errorf("parity failed on the device: %v", failed)
			}
			if faults := strings.Join(report.Faults(), "\n"); !strings.Contains(faults, fault) || fault == "" && faults != "" {
				t.Errorf("faults %q, want %q", faults, fault)
			}
			if opened, closed := w.opened.Load(), w.closed.Load(); opened != closed || opened < 2 {
				t.Errorf("%d sessions opened and %d closed", opened, closed)
			}
		})
	}
	cpu := func(change func(cpu *fakeDevice)) func(gpu, cpu *fakeDevice) {
		return func(_, cpu *fakeDevice) { change(cpu) }
	}
	const loose = "tolerance: {abs: 0.01, rel: 0}"
	f("equal", cpu(func(*fakeDevice) {}), gates.Passed, "cpu agrees with cuda:0 on 64 rows, no difference", "", "")
	f("within the tolerance", cpu(func(d *fakeDevice) { d.delta = 0.005 }), gates.Passed, "largest difference 0.005, 50 % of the tolerance (output y, row ", "", loose)
	f("beyond the tolerance", cpu(func(d *fakeDevice) { d.delta = 0.5 }), gates.Changed, "fallback is switched off: cpu differs from cuda:0, worst in output y, row 0: ", "", loose)
	f("NaN on both", func(gpu, cpu *fakeDevice) { gpu.nan, cpu.nan = true, true }, gates.Passed, "no difference", "", "")
	f("NaN on the fallback", cpu(func(d *fakeDevice) { d.nan = true }), gates.Changed, "worst in output y, row 0: NaN instead of ", "", loose)
	f("NaN on the preferred", func(gpu, _ *fakeDevice) { gpu.nan = true }, gates.Changed, " instead of NaN", "", loose)
	f("infinite", cpu(func(d *fakeDevice) { d.delta = float32(math.Inf(1)) }), gates.Changed, "+Inf instead of", "", loose)
	f("whole numbers", cpu(func(d *fakeDevice) { d.label = 1 }), gates.Changed, "worst in output label, row 0: 8 instead of 7", "", "tolerance: {abs: 100, rel: 1}")
	f("strings", cpu(func(d *fakeDevice) { d.suffix = "es" }), gates.Changed, `worst in output name, row 0: "classes" instead of "class"`, "", "")
	f("asked by devices", cpu(func(d *fakeDevice) { d.label = 1 }), gates.Changed, "label", "fallback to cpu is asked for and would change answers: cpu differs from cuda:0, worst in output label, row 0: 8 instead of 7; take it out", "devices: [cuda:0, cpu]")
	f("asked by the policy", cpu(func(d *fakeDevice) { d.label = 1 }), gates.Changed, "label", "fallback to cpu is asked for", "fallback: failure")
	f("asked and fine", cpu(func(*fakeDevice) {}), gates.Passed, "agrees", "", "devices: [cuda:0, cpu]\nfallback: budget")
}

func TestAskedDeviceThatFailsIsAFault(t *testing.T) {
	f := func(settings, want string, spoil func(gpu *fakeDevice)) {
		t.Helper()
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		spoil(gpu)
		report, err := Check(context.Background(), w.options(gpu), w.put(t, "m/1", fakeFile{Factor: 2}, bundle.ConfigFile, settings))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(report.Faults(), "\n"); got != want {
			t.Errorf("%s: faults %q, want %q", settings, got, want)
		}
	}
	down := func(gpu *fakeDevice) { gpu.down.Store(true) }
	f("", "", down)
	f("devices: [cpu]", "", down)
	f("devices: [cuda:0, cpu]", "device cuda:0 is asked for and does not serve it: its worker is restarting", down)
	f("devices: [cpu, cuda:0]", "device cuda:0 is asked for and does not serve it: open: the model cannot be loaded", func(gpu *fakeDevice) { gpu.failOpen = true })
	f("devices: [tpu]", `files: model.yaml line 1: device "tpu" is not there; there is cuda:0, cpu: take it out, or add it to the server's setting devices`, func(*fakeDevice) {})
}

// TestParityFailureIsLoud serves a version whose fallback differs: it runs on its
// preferred device alone, and a warning says why.
func TestParityFailureIsLoud(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		w.cpu.label = 1
		w.put(t, "m/1", fakeFile{Factor: 2, Labels: true})
		opts := w.options(gpu)
		core, logs := observer.New(zapcore.WarnLevel)
		opts.Log = zap.New(core)
		r := w.start(t, opts)
		synctest.Wait() // for the log, which comes after the version is there
		v, err := r.Acquire("m", "")
		if err != nil {
			t.Fatal(err)
		}
		defer v.Release()
		if all := v.Placements(); len(all) != 1 || all[0].Device != "cuda:0" || w.cpu.closed.Load() != 1 {
			t.Errorf("placed on %d devices, %d CPU sessions closed", len(all), w.cpu.closed.Load())
		}
		said := logs.FilterMessage("fallback switched off").All()
		if len(said) != 1 || !strings.Contains(said[0].ContextMap()["reason"].(string), "worst in output label, row 0") {
			t.Errorf("warnings: %+v", logs.All())
		}
		left := logs.FilterMessage("device left out").All()
		if len(left) != 1 || left[0].ContextMap()["device"] != "cpu" {
			t.Errorf("warnings: %+v", logs.All())
		}
	})
}

// TestThreeDevices compares each with the first and leaves out the one that differs.
func TestThreeDevices(t *testing.T) {
	w := newWorld(t)
	first, second := &fakeDevice{name: "cuda:0", lanes: 1}, &fakeDevice{name: "cuda:1", lanes: 1}
	w.cpu.label = 1
	report, err := Check(context.Background(), w.options(first, second), w.put(t, "m/1", fakeFile{Factor: 2, Labels: true}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := states(report), "cuda:0 placed, cuda:1 placed, cpu left_out"; got != want {
		t.Errorf("devices are %s, want %s", got, want)
	}
	v := report.Gate("parity")
	if v.Outcome != gates.Changed || !strings.Contains(v.Text, "cuda:1 agrees with cuda:0 on 64 rows") || !strings.Contains(v.Text, "switched off: cpu differs from cuda:0") {
		t.Errorf("verdict %+v", v)
	}
	var order []string
	for _, g := range report.Gates {
		order = append(order, g.Gate)
	}
	if want := []string{"files", "trial", "schema", "open", "golden", "invariance", "parity", "warmup", "devices"}; !slices.Equal(order, want) {
		t.Errorf("gates %v, want %v", order, want)
	}
}
