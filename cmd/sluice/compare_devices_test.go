package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/compare/devices"
	"sluice/compare/price"
	"sluice/internal/onnxgen"
)

// fakeThroughput is what the fake device of fakeDevices does in full batches, in rows/s.
const fakeThroughput = 500

// fakeDevices are settings with a fake device of known throughput, and the CPU.
func fakeDevices(t *testing.T) string {
	t.Helper()
	return settingsFile(t, "devices:", "  - name: fake", `    fake: {cost: "1:8ms,16:32ms,64:128ms"}`, "  - cpu", "scheduler: {budget: 1s}")
}

// pricesFile has the prices of docs/compare.md, and those of a GPU for fake.
func pricesFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prices.yaml")
	text := "currency: USD\ndevices: {cpu: {per_hour: 0.357}, fake: {per_hour: 0.805}, \"cuda:0\": {per_hour: 0.805}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// compared runs `sluice compare --json`.
func compared(t *testing.T, args ...string) *devices.Report {
	t.Helper()
	out, complaints, status := runWith(t, nil, append([]string{"compare", "--json"}, args...)...)
	var r devices.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 {
		t.Fatalf("status %d, %v: %s\n%s", status, err, complaints, out)
	}
	return &r
}

// near5 tells whether two figures are within 5 % of each other.
func near5(got, want float64) bool { return math.Abs(got/want-1) <= 0.05 }

// TestFakeDeviceIsPriced holds what a comparison says of a fake device, by its cost table, to what its given throughput costs.
func TestFakeDeviceIsPriced(t *testing.T) {
	t.Parallel()
	r := compared(t, filepath.Join(examples, "eta", "1"), "--config", fakeDevices(t), "--devices", "fake,cpu", "--seconds", "0", "--throughput", "cpu=400", "--prices", pricesFile(t), "--load", "850/s", "--slo", "p99<200ms")
	given := price.Device{Name: "fake", RowsPerSecond: fakeThroughput, PricePerHour: 0.805, Currency: "USD"}
	cost := price.DefaultFleet().CostPerMillion(given, 850)
	fake, cpu := &r.Price.Devices[0], &r.Price.Devices[1]
	if !near5(fake.RowsPerSecond, fakeThroughput) || !near5(fake.PerMillion, cost) || math.Round(100*cpu.PerMillion) != 47 {
		t.Errorf("%v rows/s at %v USD, want %v at %v; the CPU costs %v", fake.RowsPerSecond, fake.PerMillion, fakeThroughput, cost, cpu.PerMillion)
	}
	if e := &r.Equivalence; !e.Agrees || e.Excess != 0 || e.Sources["golden"] != 25 || e.Sources["made up"] != 64 {
		t.Errorf("the fake device answers as the CPU, which it is: %+v", e)
	}
	if r.Devices[0].Together || !r.Devices[1].CPU || len(r.Devices[0].Cold) == 0 || r.Devices[0].Opened == 0 || len(r.Devices[1].Nodes) == 0 {
		t.Errorf("%+v", r.Devices)
	}
}

// TestFakeDeviceUnderLoad has a gateway started for the device, and load put on it. How fast it is depends on what else the
// machine does: what is held is that a rate comes from probes, or else the report says why it does not.
func TestFakeDeviceUnderLoad(t *testing.T) {
	t.Parallel()
	r := compared(t, filepath.Join(examples, "eta", "1"), "--config", fakeDevices(t), "--devices", "fake,cpu", "--seconds", "5", "--rows", "8", "--throughput", "cpu=400", "--slo", "p90<100ms")
	fake := &r.Devices[0]
	switch load := &fake.Load; load.From {
	case devices.Measured:
		if len(load.Points) == 0 || load.RowsPerSecond == 0 && load.Why == "" || load.RowsPerSecond > 2*fakeThroughput {
			t.Errorf("%+v", load)
		}
		for i, p := range load.Points[1:] {
			if p.RowsPerSecond < load.Points[i].RowsPerSecond {
				t.Errorf("%v comes after %v", p, load.Points[i])
			}
		}
	case devices.Table:
		if load.Why == "" {
			t.Errorf("%+v", load)
		}
	default:
		t.Errorf("%+v", load)
	}
	if fake.Energy != nil || fake.Unmeasured != "NVML knows nothing of fake" || r.Devices[1].Unmeasured != "it was not put under load" {
		t.Errorf("energy %+v, %q and %q", fake.Energy, fake.Unmeasured, r.Devices[1].Unmeasured)
	}
}

// TestSoftwareGPUDoesNotPay holds the verdict on a GPU that is none, and the reasons.
func TestSoftwareGPUDoesNotPay(t *testing.T) {
	settings := settingsFile(t, "devices:", "  - "+softwareGPU(t), "  - cpu")
	dir := filepath.Join(t.TempDir(), "small")
	if err := (onnxgen.MLP{Layers: []int{16, 32, 1}, Seed: 6}).Write(dir, "1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1", "model.yaml"), []byte("max_batch: 4\nfallback: never\ndevices: [elsewhere]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := compared(t, filepath.Join(dir, "1"), "--config", settings, "--devices", "webgpu,cpu", "--seconds", "0", "--slo", "p99<1s")
	why := strings.Join(r.Verdict.Why, "\n")
	if r.Verdict.Device != "cpu" || !strings.HasPrefix(r.Verdict.Text, "cpu wins at every rate: ") || !strings.Contains(why, "cpu is the faster one at every batch size") {
		t.Errorf("%s\n%s", r.Verdict.Text, why)
	}
	if !r.Equivalence.Agrees || r.Equivalence.Rows != 64 {
		t.Errorf("%+v", r.Equivalence)
	}
}

func TestCompareRefusals(t *testing.T) {
	t.Parallel()
	f := func(want string, status int, args ...string) {
		t.Helper()
		_, complaints, got := runWith(t, nil, append([]string{"compare"}, args...)...)
		if got != status || !strings.Contains(complaints, want) {
			t.Errorf("%v: status %d, %s\nwant %d, %s", args, got, complaints, status, want)
		}
	}
	eta := filepath.Join(examples, "eta", "1")
	f("compare needs MODEL", 2, "--devices", "a,b")
	f("--candidate, --capsules, --watch and --wait are for candidates", 2, eta, "--devices", "fake,cpu", "--candidate", "2")
	f("--devices \"cpu\" does not name two devices", 2, eta, "--devices", "cpu")
	f("--devices \"cpu,cpu\" does not name two devices", 2, eta, "--devices", "cpu,cpu")
	f("--slo: ", 2, eta, "--devices", "fake,cpu", "--slo", "fast")
	f("--load: \"x\" is not a rate above 0", 2, eta, "--devices", "fake,cpu", "--load", "x")
	f("the peak must be from the mean to twice the mean", 2, eta, "--devices", "fake,cpu", "--load", "100..900")
	f("--throughput: \"gpu=4\" does not begin with fake= or cpu=", 2, eta, "--devices", "fake,cpu", "--throughput", "gpu=4")
	f("--throughput: \"cpu=-4\" is not a rate", 2, eta, "--devices", "fake,cpu", "--throughput", "cpu=-4")
	f("--seconds 1 is not from 5 to 3600", 2, eta, "--devices", "fake,cpu", "--seconds", "1")
	f("--rows 0 is not from 1 to 4096", 2, eta, "--devices", "fake,cpu", "--rows", "0")
	f("cannot read the prices missing.yaml", 1, eta, "--devices", "fake,cpu", "--prices", "missing.yaml")
	f("there is no model etta", 1, "etta", "--devices", "fake,cpu", "--models", examples)
	f("holds more than one model", 2, examples, "--devices", "fake,cpu")
}
