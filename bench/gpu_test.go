package main

import (
	"bytes"
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/onnxgen"
	"sluice/loadtest/result"
)

// newCheck is a check of a device with one model, in which the test's own binary is
// everything that is started.
func newCheck(t *testing.T, device string) *gpuCheck {
	t.Helper()
	withLoadtest(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &gpuCheck{bench: &bench{cores: 2, quick: true, binPath: self, library: "/lib/none.so"}, device: device, folders: "/opt/x", models: filepath.Join(dir, "models"), out: filepath.Join(dir, "out"), drillLength: time.Second}
	if err := os.Mkdir(c.out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (onnxgen.MLP{Layers: []int{4, 2}}).Write(filepath.Join(c.models, "net"), "1"); err != nil {
		t.Fatal(err)
	}
	return c
}

// outcomes are a step's findings by name.
func (c *gpuCheck) outcomes(t *testing.T, step string) map[string]finding {
	t.Helper()
	var r stepResult
	if err := c.read(step, &r); err != nil {
		t.Fatal(err)
	}
	found := map[string]finding{}
	for _, f := range r.Findings {
		found[f.Name] = f
	}
	return found
}

func TestACheckOfAGoodDevicePasses(t *testing.T) {
	c := newCheck(t, "cuda:0")
	for _, step := range gpuSteps {
		if err := c.take(step, ""); err != nil {
			t.Errorf("%s: %v, %v", step, err, c.outcomes(t, step))
		}
	}
	text, err := os.ReadFile(filepath.Join(c.out, "gpu-check.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## `cuda:0`", "| Chip | Chip 9 |", "| Driver | 580.1 |", "| ONNX Runtime | 1.26.0 |", "| Sluice | v0-test |",
		"| net | 4 | 2.000 | 2.200 | 2000 |", "| net | 100.000 | 2000 | 2000 |", "`sluice_gpu_utilization_ratio` | 0.75  | 0.75  |",
		"`nv_gpu_power_usage` | 321.5 W |", "### The worker killed under load", "0 lost", "| drill | device back | passed |",
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	var r gpuReport
	if !c.data("load", &r.Load) || r.Load["net"].Best == nil || r.Load["net"].Rows["cuda:0"] < 100 || r.Load["net"].Best.Checked < 100 {
		t.Errorf("load: %+v", r.Load["net"])
	}
	if !c.data("drill", &r.Drill) || r.Drill.BackMillis < 250 || r.Drill.Meanwhile == 0 || r.Drill.Devices["cpu;reason=down"] == 0 || r.Drill.Load.Checked == 0 {
		t.Errorf("the drill: %+v", r.Drill)
	}
}

// Each fault must be seen by the step that looks for it.
func TestACheckFindsFaults(t *testing.T) {
	f := func(name, step, want string, before ...stepResult) {
		t.Helper()
		t.Setenv(fakeFault, name)
		c := newCheck(t, "cuda:0")
		for _, c.result = range before {
			if err := c.leave(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.take(step, ""); !errors.Is(err, errStep) {
			t.Errorf("%s: step %s ended with %v", name, step, err)
		}
		if got := c.outcomes(t, step)[want]; got.Outcome != failed {
			t.Errorf("%s: %s is %+v, of %v", name, want, got, c.outcomes(t, step))
		}
	}
	f("unusable", "versions", "device")
	f("parity", "gates", "net on cpu")
	f("unbatched", "gates", "net invariance")
	f("raw", "raw", "net")
	f("", "load", "load", stepResult{Step: "raw", Data: map[string]*sweep{}})
	f("", "load", "net", stepResult{Step: "raw", Data: map[string]*sweep{"other": {Points: make([]rawPoint, 1)}}})
	f("", "nvml", "nvml")
	f("", "nvml", "net", stepResult{Step: "load", Data: map[string]*loadResult{"net": {}}})
	idle := map[string]reading{"nv_gpu_utilization{}": {}, "nv_gpu_power_usage{}": {70, 70, 70}}
	f("", "nvml", "net", stepResult{Step: "load", Data: map[string]*loadResult{"net": {GPU: idle}}})
	f("gone", "drill", "device back")
	f("silent", "drill", "answers go on")
	f("orphan", "drill", "nothing left")
	f("wrong", "drill", "drill")
	f("", "report", "check")
}

func TestAStepThatWasCutShortIsAFailure(t *testing.T) {
	c := newCheck(t, "cuda:0")
	if err := c.take("gates", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.take("gates", "it was stopped"); !errors.Is(err, errStep) {
		t.Errorf("no failure: %v", err)
	}
	found := c.outcomes(t, "gates")
	if found["gates"].Text != "it was stopped" || found["net golden"].Outcome != passed {
		t.Errorf("found %v", found)
	}
}

func TestSettingsOfTheCheck(t *testing.T) {
	f := func(device string, rival, fallback bool, want string) {
		t.Helper()
		c := newCheck(t, device)
		c.rival, c.folders = rival, "/opt/a:/opt/b"
		path, err := c.settings(fallback)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		const head = "onnxruntime: {library: \"/lib/none.so\"}\nmodel_defaults: {max_batch: 2, warmup: 50ms}\n"
		if string(text) != head+want {
			t.Errorf("%s:\n%s", device, text)
		}
	}
	f("cpu", false, true, "")
	f("cpu", true, true, "devices:\n  - name: \"cpu\"\n")
	const cuda = "devices:\n  - name: \"cuda:0\"\n    library_folders:\n      - \"/opt/a\"\n      - \"/opt/b\"\n"
	f("cuda:0", false, false, cuda)
	f("cuda:0", true, true, cuda+"  - name: cpu\n")
}

func TestSizesByTurns(t *testing.T) {
	f := func(device string, quick bool, turn *turns, want string) {
		t.Helper()
		c := newCheck(t, device)
		c.quick = quick
		c.turnsFinding("net", turn)
		got := ""
		for _, f := range c.result.Findings {
			got += f.Name + " " + f.Outcome + " " + f.Text
		}
		if got != want {
			t.Errorf("%+v on %s: %q, want %q", turn, device, got, want)
		}
	}
	slow := &turns{Rows: 8, P50: 9700, Apart: 550}
	f("cuda:0", false, slow, "net turns failed a row and 8 rows by turns take 9.700 ms, 17.64 of what they take each over and over; 1.50 is the most")
	f("cuda:0", true, slow, "net turns passed a row and 8 rows by turns take 9.700 ms, 17.64 of what they take each over and over")
	f("cpu", false, slow, "net turns passed a row and 8 rows by turns take 9.700 ms, 17.64 of what they take each over and over")
	f("cuda:0", false, &turns{Rows: 8, P50: 825, Apart: 550}, "net turns passed a row and 8 rows by turns take 0.825 ms, 1.50 of what they take each over and over; 1.50 is the most")
	f("cuda:0", false, nil, "")
}

func TestHighestRate(t *testing.T) {
	f := func(capacity float64, least, most float64) {
		t.Helper()
		run := func(rate float64) (openResult, error) {
			good := math.Min(rate, capacity)
			if rate > capacity {
				good *= 0.9
			}
			return openResult{Offered: rate, Good: good, Requests: 1000}, nil
		}
		got, err := highestRate(1000, 8, 6, time.Second, func(rate float64, _ time.Duration) (openResult, error) { return run(rate) }, run)
		switch {
		case err != nil:
			t.Error(err)
		case most == 0 && got != nil:
			t.Errorf("capacity %g: %g/s", capacity, got.Good)
		case most > 0 && (got == nil || got.Good < least || got.Good > most):
			t.Errorf("capacity %g: %+v, want %g to %g", capacity, got, least, most)
		}
	}
	f(930, 900, 930)
	f(400, 370, 400)
	f(5000, 1150, 1200)
	f(0, 0, 0)
	broken := errors.New("broken")
	if _, err := highestRate(1000, 8, 6, time.Second, func(float64, time.Duration) (openResult, error) { return openResult{}, broken }, nil); !errors.Is(err, broken) {
		t.Errorf("a broken probe: %v", err)
	}
}

func TestARateHoldsOnlyIfNothingIsLost(t *testing.T) {
	f := func(r openResult, want bool) {
		t.Helper()
		if got := holds(&r); got != want {
			t.Errorf("%+v: %v", r, got)
		}
	}
	f(openResult{Offered: 100, Good: 99, Requests: 500}, true)
	f(openResult{Offered: 100, Good: 98.9, Requests: 500}, false)
	f(openResult{Offered: 100, Good: 100, Requests: 500, Lost: 1}, false)
	f(openResult{}, false)
}

func TestSeries(t *testing.T) {
	got := series([]byte("# TYPE a gauge\na 1\nb{x=\"1} 2\",y=\"z\"} 2.5 1700000000\nc NaNo\nempty\n"))
	if len(got) != 2 || got["a"] != 1 || got[`b{x="1} 2",y="z"}`] != 2.5 {
		t.Errorf("%v", got)
	}
	r := readings([]map[string]float64{{"sluice_gpu_power_watts{}": 100, "up": 1}, {"sluice_gpu_power_watts{}": 300}})
	if len(r) != 1 || r["sluice_gpu_power_watts{}"] != (reading{200, 300, 300}) {
		t.Errorf("%v", r)
	}
}

func TestDeviceOf(t *testing.T) {
	f := func(value, device, reason string) {
		t.Helper()
		head := http.Header{}
		if value != "" {
			head.Set("Sluice-Device", value)
		}
		if d, r := deviceOf(head); d != device || r != reason {
			t.Errorf("%q: %q and %q", value, d, r)
		}
	}
	f("cuda:0", "cuda:0", "")
	f("cpu;reason=spill", "cpu", "spill")
	f("", "", "")
}

func TestMerge(t *testing.T) {
	a := openResult{Offered: 10, Good: 9, P99: 3, Requests: 10, Lost: 1, Status: map[string]int64{"200": 9}, Validity: result.Validity{Valid: true}}
	z := openResult{Offered: 5, Good: 5, P99: 4, Requests: 5, Checked: 5, Status: map[string]int64{"200": 5}, Validity: result.Validity{Reasons: []string{"late"}}}
	got := merge([]openResult{a, z})
	if got.Offered != 15 || got.Good != 14 || got.P99 != 4 || got.Requests != 15 || got.Lost != 1 || got.Checked != 5 || got.Status["200"] != 14 {
		t.Errorf("two load testers: %+v", got)
	}
	if got.Valid || len(got.Reasons) != 1 || !merge([]openResult{a, a}).Valid {
		t.Errorf("valid %v because of %v", got.Valid, got.Reasons)
	}
}

func TestFreeAxesHaveALength(t *testing.T) {
	inferred, err := schemaOf(filepath.Join("..", "examples", "models", "encoder", "1", "model.onnx"), 8)
	if err != nil {
		t.Fatal(err)
	}
	fix(&inferred.Schema, freeAxis)
	if p := inferred.Schema.Padding; p == nil || p.InputAxis[0] != 1 || p.Buckets[0] != freeAxis {
		t.Errorf("padding %+v", p)
	}
}
