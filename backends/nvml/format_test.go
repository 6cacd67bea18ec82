package nvml

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"sluice/internal/telemetry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestTable prints a healthy GPU, one that knows little, a lost one, and one that could
// not be opened.
func TestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(4)
		m.chips[0].set(func(c *chip) { c.reasons = nvml.ClocksEventReasonSwPowerCap | nvml.ClocksEventReasonGpuIdle })
		m.chips[1].failAll(nvml.ERROR_NOT_SUPPORTED)
		for _, call := range []string{"name", "uuid", "pci", "max clock", "clock reasons"} {
			m.chips[1].fail(call, nvml.ERROR_UNKNOWN)
		}
		m.chips[3].fail("handle", nvml.ERROR_NO_PERMISSION)
		monitor := m.start(t, Options{})
		m.chips[2].failAll(nvml.ERROR_GPU_IS_LOST)
		monitor.sample()
		got := monitor.Table()
		golden := filepath.Join("testdata", "table.golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the table differs from %s:\n%s", golden, got)
		}
	})
}

func TestDriverString(t *testing.T) {
	if got, want := (Driver{CUDA: "12.8"}).String(), "driver ?, CUDA 12.8, NVML ?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestMetricsCarryEverything gives each reading a value of its own and wants each reading
// of the metrics to have one of these, and no two the same.
func TestMetricsCarryEverything(t *testing.T) {
	var g GPU
	var s State
	next, total := 1.0, 0
	fill := func(v reflect.Value) {
		for _, field := range reflect.VisibleFields(v.Type()) {
			if f := v.FieldByIndex(field.Index); f.Type() == reflect.TypeFor[Reading]() && field.IsExported() {
				f.Set(reflect.ValueOf(known(next)))
				next++
				total++
			}
		}
	}
	fill(reflect.ValueOf(&g).Elem())
	fill(reflect.ValueOf(&s).Elem())
	s.Slowdown, s.ReasonsKnown, s.Reasons = 1000, true, 4
	s.Xids = []telemetry.XidCount{{Code: 79, Count: 2}}
	g.Index, g.UUID, g.Name, g.PCIBusID = 3, "u", "n", "p"
	out := metrics(&g, &s)

	seen := map[float64]bool{}
	v := reflect.ValueOf(out)
	for _, field := range reflect.VisibleFields(v.Type()) {
		if r, ok := v.FieldByIndex(field.Index).Interface().(telemetry.Reading); ok {
			if !r.Known || r.Value == 0 || seen[r.Value] {
				t.Errorf("%s is %+v", field.Name, r)
			}
			seen[r.Value] = true
		}
	}
	if len(seen) != total+1 || !seen[1000] {
		t.Errorf("%d readings arrived of %d and the slowdown", len(seen), total)
	}
	if out.Index != 3 || out.UUID != "u" || out.Name != "n" || out.PCIBusID != "p" || out.Lost {
		t.Errorf("identity %+v", out)
	}
	if len(out.Xids) != 1 || out.Xids[0] != (telemetry.XidCount{Code: 79, Count: 2}) {
		t.Errorf("Xids %v", out.Xids)
	}
	active := 0
	for _, reason := range out.ClockReasons {
		if reason.Active {
			active++
			if reason.Name != "sw_power_cap" {
				t.Errorf("reason %q", reason.Name)
			}
		}
	}
	if active != 1 || len(out.ClockReasons) != len(reasonNames) {
		t.Errorf("reasons %v", out.ClockReasons)
	}

	lost := metrics(&GPU{}, &State{Lost: true, Slowdown: 1})
	if broken := metrics(&GPU{Fault: "x"}, &State{}); !lost.Lost || !broken.Lost || lost.Slowdown.Known || lost.ClockReasons != nil {
		t.Errorf("a lost GPU is %+v, one that cannot be opened %+v", lost, broken)
	}
}

// TestMetricsOfMonitor joins a monitor and the metrics as a command does.
func TestMetricsOfMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(2)
		monitor, s := second(t, m, Options{})
		out := monitor.Metrics()
		if out.Took != s.Took || out.Age < 0 || len(out.GPUs) != 2 || out.GPUs[1].UUID != "GPU-b" || out.GPUs[1].Driver != "570.86.15" {
			t.Errorf("metrics %+v", out)
		}
	})
}
