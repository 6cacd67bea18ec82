package serve

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/batcher/policy"
	"sluice/config"
	"sluice/internal/cost"
	"sluice/models/gates"
)

func TestNarrow(t *testing.T) {
	cfg := config.Default()
	cfg.Devices = []config.Device{{Name: "fake", Lanes: 7}, config.DefaultDevice("cpu"), config.DefaultDevice("cuda:0")}
	o := Options{Config: cfg}
	if o.narrow(); len(cfg.Devices) != 3 {
		t.Errorf("without names: %v", cfg.Devices)
	}
	o.OnlyDevices = []string{"webgpu", "fake"}
	o.narrow()
	if d := cfg.Devices; len(d) != 2 || d[0].Name != "webgpu" || d[0].WebGPU.Layout != "NHWC" || d[1].Name != "fake" || d[1].Lanes != 7 {
		t.Errorf("%+v", cfg.Devices)
	}
}

func TestPriceDevices(t *testing.T) {
	f := func(text, want string, prices ...float64) {
		t.Helper()
		cfg := config.Default()
		if text != "" {
			cfg.Scheduler.Prices = filepath.Join(t.TempDir(), "prices.yaml")
			if err := os.WriteFile(cfg.Scheduler.Prices, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		all := []policy.DeviceOptions{{Name: "cuda:0"}, {Name: "cpu"}}
		err := priceDevices(cfg, all)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), "scheduler.prices") || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", text, err, want)
			}
			return
		}
		if err != nil || all[0].Price != prices[0] || all[1].Price != prices[1] {
			t.Errorf("%q: %v, %+v", text, err, all)
		}
	}
	f("", "", 0, 0)
	f("currency: USD\ndevices: {cpu: {per_hour: 0.357}, \"cuda:0\": {per_hour: 0.805}}\n", "", 0.805, 0.357)
	f("currency: USD\ndevices: {cpu: {per_hour: 0.357}}\n", "has no price of cuda:0")
	f("currency: usd\n", "currency")
}

func TestPerThousand(t *testing.T) {
	on := func(name string, state gates.DeviceState, measured bool) gates.DeviceReport {
		return gates.DeviceReport{Device: name, State: state, Measured: measured, Target: 4, Curve: cost.Curve{{Rows: 1, P50: time.Millisecond}, {Rows: 4, P50: 2 * time.Millisecond}}}
	}
	r := &gates.Report{Devices: []gates.DeviceReport{on("cuda:0", gates.Placed, true), on("cpu", gates.Placed, false), on("webgpu", gates.Down, true)}}
	if got := perThousand(r); !maps.Equal(got, map[string]float64{"cuda:0": 500}) {
		t.Errorf("%v", got)
	}
	if got := perThousand(nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
