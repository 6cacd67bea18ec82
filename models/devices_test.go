package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// states prints the devices of a report, as "cuda:0 placed, cpu down".
func states(r *gates.Report) string {
	var all []string
	for _, d := range r.Devices {
		all = append(all, d.Device+" "+string(d.State))
	}
	return strings.Join(all, ", ")
}

// TestLoadOnSeveralDevices loads one bundle on a server with a GPU and a CPU. want is
// what became of the devices, and text a part of the verdict of that name.
func TestLoadOnSeveralDevices(t *testing.T) {
	f := func(name string, file fakeFile, spoil func(gpu, cpu *fakeDevice), want, gate, text string, more ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			w := newWorld(t)
			gpu := &fakeDevice{name: "cuda:0", lanes: 1}
			spoil(gpu, w.cpu)
			report, err := Check(context.Background(), w.options(gpu), w.put(t, "m/1", file, more...))
			if err != nil {
				t.Fatal(err)
			}
			if got := states(report); got != want {
				t.Errorf("devices are %s, want %s", got, want)
			}
			v := report.Gate(gate)
			if v == nil || !strings.Contains(v.Text, text) || strings.Contains(v.Text, "library text") {
				t.Errorf("gate %s: %+v; want %q", gate, v, text)
			}
			if refused := report.Refusal() != nil; refused == strings.Contains(want, "placed") {
				t.Errorf("refused: %v, with %s", refused, want)
			}
			if opened, closed := w.opened.Load(), w.closed.Load(); opened != closed {
				t.Errorf("%d sessions opened and %d closed", opened, closed)
			}
		})
	}
	double := fakeFile{Factor: 2}
	whole := func(*fakeDevice, *fakeDevice) {}
	f("both", double, whole, "cuda:0 placed, cpu placed", "parity", "cpu agrees with cuda:0 on 64 rows, no difference")
	f("both, by golden rows", double, whole, "cuda:0 placed, cpu placed", "parity", "cpu agrees with cuda:0 on 22 rows, no difference", bundle.GoldenFile, goldenTimes2)
	f("other order", double, whole, "cpu placed, cuda:0 placed", "parity", "cuda:0 agrees with cpu", bundle.ConfigFile, "devices: [cpu, cuda:0]")
	f("one named", double, whole, "cpu placed", "parity", "the model runs on one device", bundle.ConfigFile, "devices: [cpu]")
	f("no fallback", double, whole, "cuda:0 placed", "parity", "the model has no fallback", bundle.ConfigFile, "fallback: never")
	f("unknown device", double, whole, "", "files", `model.yaml line 2: device "cuda:7" is not there; there is cuda:0, cpu`, bundle.ConfigFile, "budget: 5ms\ndevices: [cuda:7, cpu]")
	f("unbatched", fakeFile{Factor: 2, Reason: "axis 0 is no batch"}, whole, "cuda:0 placed, cpu placed", "parity", "cpu agrees with cuda:0 on 17 rows, no difference")

	f("does not open", double, func(gpu, _ *fakeDevice) { gpu.failOpen = true }, "cuda:0 left_out, cpu placed", "devices", "not served on cuda:0 (open: the model cannot be loaded)")
	f("fallback does not open", double, func(_, cpu *fakeDevice) { cpu.failOpen = true }, "cuda:0 placed, cpu left_out", "parity", "no other device is there to compare with cuda:0")
	f("lost while opening", double, func(gpu, _ *fakeDevice) { gpu.lose.Store(true) }, "cuda:0 down, cpu placed", "devices", "not served on cuda:0, which is down (open: the model cannot be loaded)")
	f("down", double, func(gpu, _ *fakeDevice) { gpu.down.Store(true) }, "cuda:0 down, cpu placed", "devices", "not served on cuda:0, which is down (its worker is restarting)")
	f("down, no fallback", double, func(gpu, _ *fakeDevice) { gpu.down.Store(true) }, "cuda:0 down", "devices", "no device can serve it: cuda:0, which is down (its worker is restarting)", bundle.ConfigFile, "fallback: never")
	f("all down", double, func(gpu, cpu *fakeDevice) { gpu.down.Store(true); cpu.down.Store(true) }, "cuda:0 down, cpu down", "devices", "no device can serve it")
	f("wrong on one", double, func(gpu, _ *fakeDevice) { gpu.delta = 1 }, "cuda:0 left_out, cpu placed", "devices", "not served on cuda:0 (golden: golden.jsonl line 1: the answer is wrong", bundle.GoldenFile, goldenTimes2)
	f("wrong on all", fakeFile{Factor: 3}, whole, "cuda:0 left_out, cpu left_out", "devices", "no device can serve it: cuda:0 (golden: golden.jsonl line 1", bundle.GoldenFile, goldenTimes2)
	f("runs fail", double, func(gpu, _ *fakeDevice) { gpu.failRun = true }, "cuda:0 left_out, cpu placed", "devices", "golden: golden.jsonl line 1: the run failed", bundle.GoldenFile, goldenTimes2)
	f("no large batch on the fallback", double, func(_, cpu *fakeDevice) { cpu.failAbove = 4 }, "cuda:0 placed, cpu left_out", "devices", "cpu (invariance: a batch of 64 rows fails where each row alone runs: the run failed; the version is served in batches, as shown on cuda:0)")
	f("no large batch on the preferred", double, func(gpu, _ *fakeDevice) { gpu.failAbove = 4 }, "cuda:0 placed, cpu placed", "invariance", "rows run one by one: a batch of 64 rows fails")
}

// TestFirstDeviceThatPassesSettlesBatching shows that a device which is left out after it
// lost batching does not take it from the others.
func TestFirstDeviceThatPassesSettlesBatching(t *testing.T) {
	w := newWorld(t)
	gpu := &fakeDevice{name: "cuda:0", lanes: 1, failAbove: 4}
	opened := 0
	opts := w.options(gpu)
	open := opts.Devices[0].Open
	opts.Devices[0].Open = func(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) {
		if opened++; opened == 2 {
			return nil, fmt.Errorf("no memory for an unbatched session")
		}
		return open(ctx, b)
	}
	report, err := Check(context.Background(), opts, w.put(t, "m/1", fakeFile{Factor: 2}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := states(report), "cuda:0 left_out, cpu placed"; got != want || report.MaxBatch != 64 {
		t.Errorf("devices are %s with batches of %d, want %s with 64", got, report.MaxBatch, want)
	}
}

// TestSpareLane wants a lane beside the scheduler's where live answers may be compared: with
// another device's, or with those of rows that run alone.
func TestSpareLane(t *testing.T) {
	f := func(settings string, lanes int) {
		t.Helper()
		w := newWorld(t)
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		var given []int
		w.gate = func(b *bundle.Bundle) error {
			given = append(given, b.Lanes)
			return nil
		}
		if _, err := Check(context.Background(), w.options(gpu), w.put(t, "m/1", fakeFile{Factor: 2}, bundle.ConfigFile, settings)); err != nil {
			t.Fatal(err)
		}
		if given[len(given)-1] != lanes {
			t.Errorf("%s: the CPU's session has %d lanes, want %d", settings, given[len(given)-1], lanes)
		}
	}
	f("max_batch: 1\ndevices: [cpu]", 2)
	f("max_batch: 1\ndevices: [cpu]\nfallback: failure", 2)
	f("max_batch: 1\ndevices: [cpu, cuda:0]\nfallback: never", 2)
	f("max_batch: 1\ndevices: [cuda:0, cpu]", 3)
	f("max_batch: 2\ndevices: [cpu]", 3)
	f("max_batch: 0\ndevices: [cpu]", 2)
}

// TestLadderIsWarmedWhole wants every size of a device's ladder run, whatever it costs,
// and the target on it.
func TestLadderIsWarmedWhole(t *testing.T) {
	w := newWorld(t)
	gpu := &fakeDevice{name: "cuda:0", lanes: 1, sizes: []int{1, 4, 8, 16, 32, 64, 128}}
	opts := w.options(gpu)
	opts.GateLimit, opts.WarmupBudget = 1, 1
	report, err := Check(context.Background(), opts, w.put(t, "m/1", fakeFile{Factor: 2}, bundle.ConfigFile, "max_batch: 64"))
	if err != nil || states(report) != "cuda:0 placed, cpu placed" {
		t.Fatal(err, states(report))
	}
	want := []int{1, 4, 8, 16, 32, 64}
	d := report.Devices[0]
	var got []int
	for _, p := range d.Curve {
		got = append(got, p.Rows)
		if _, ran := gpu.ran.Load(p.Rows); !ran {
			t.Errorf("a batch of %d never ran", p.Rows)
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(d.Sizes, want) || !slices.Contains(want, d.Target) || report.Target != d.Target {
		t.Errorf("curve has %v and sizes are %v, target %d (report %d); want %v", got, d.Sizes, d.Target, report.Target, want)
	}
	if cpu := report.Devices[1]; cpu.Sizes != nil || len(cpu.Curve) == 0 || len(cpu.Curve) == 12 {
		t.Errorf("the CPU, without a ladder and time, has %d of 12 sizes, ladder %v", len(cpu.Curve), cpu.Sizes)
	}
}

func TestLadderIsChecked(t *testing.T) {
	f := func(sizes []int, want string) {
		t.Helper()
		w := newWorld(t)
		opts := w.options(&fakeDevice{name: "cuda:0", lanes: 1})
		opts.Devices[0].Sizes = func(int) []int { return sizes }
		report, err := Check(context.Background(), opts, w.put(t, "m/1", fakeFile{Factor: 2}))
		if err != nil {
			t.Fatal(err)
		}
		if d := report.Devices[0]; d.Reason != want || (d.State == gates.Placed) != (want == "") {
			t.Errorf("%v: %s %q, want %q", sizes, d.State, d.Reason, want)
		}
		if opened, closed := w.opened.Load(), w.closed.Load(); opened != closed {
			t.Errorf("%v: %d sessions opened and %d closed", sizes, opened, closed)
		}
	}
	f(nil, "")
	f([]int{}, "")
	f([]int{64}, "")
	f([]int{1, 32}, "open: cuda:0 takes batches of up to 32 rows and max_batch is 64; lower it")
	f([]int{64, 1}, "open: BUG: cuda:0 takes batches of [64 1], which are not ascending")
	f([]int{0, 64}, "open: BUG: cuda:0 takes batches of [0 64], which are not ascending")
}

func TestServerDevicesAreChecked(t *testing.T) {
	f := func(want string, change func(*Options)) {
		t.Helper()
		w := newWorld(t)
		opts := w.options(&fakeDevice{name: "cuda:0", lanes: 1})
		change(&opts)
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("new says %v, want %q", err, want)
		}
		if _, err := Check(context.Background(), opts, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("check says %v, want %q", err, want)
		}
	}
	f("Options.Devices is empty", func(o *Options) { o.Devices = nil })
	f("device 1 of Options.Devices has no name or no Open", func(o *Options) { o.Devices[1].Name = "" })
	f("device 0 of Options.Devices has no name or no Open", func(o *Options) { o.Devices[0].Open = nil })
	f("two devices are named cpu", func(o *Options) { o.Devices[0].Name = "cpu" })
	f(`model on device "webgpu" by default: it is not there; there is cuda:0, cpu`, func(o *Options) { o.Defaults.Devices = []string{"cpu", "webgpu"} })
}
