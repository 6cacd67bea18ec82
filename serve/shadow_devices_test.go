package serve

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/compare"
	"sluice/compare/sequence"
	"sluice/config"
	"sluice/internal/longtest"
)

// loose are criteria that some dozens of units can meet. The examples' own take thousands.
const loose = `
criteria:
  - {output: %s, figure: %s, at_most: 10%%}
  - {output: %s, figure: mismatch, at_most: 10%%}
  - {figure: errors, at_most: 10%%}
`

// A model passes against itself on another device, with the noise that there really is between the two: live on the CPU, mirrored to a
// GPU, which is a software driver here.
func TestItselfOnAnotherDevicePasses(t *testing.T) {
	needLibrary(t)
	longtest.Skip(t)
	longtest.NotRaced(t)
	driver, err := filepath.Abs("../.deps/swiftshader/vk_swiftshader_icd.json")
	if err == nil {
		_, err = os.Stat(driver)
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no software Vulkan driver in CI: %v; scripts/swiftshader.sh fetches it", err)
		}
		t.Skip("no software Vulkan driver here: run scripts/swiftshader.sh")
	}
	names := []string{"digits", "ranker"} // the software driver takes too long for the encoder
	dir := twice(t, names, "devices: [cpu]\n", "devices: [webgpu]\n")
	for name, figure := range map[string][2]string{"ranker": {"score", "rbo_distance"}, "digits": {"probabilities", "differs"}} {
		if err := os.WriteFile(filepath.Join(dir, name, "model.yaml"), fmt.Appendf(nil, kinds[name]+loose, figure[0], figure[1], figure[0]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := mirroring(t, dir, 0.1)
	gpu := config.DefaultDevice("webgpu")
	gpu.LibraryFolders, gpu.Env = []string{filepath.Dir(driver)}, map[string]string{"VK_DRIVER_FILES": driver, "XDG_RUNTIME_DIR": t.TempDir()}
	cfg.Devices = []config.Device{config.DefaultDevice("cpu"), gpu}
	cfg.Shadow.Devices = []string{"cpu", "webgpu"}
	cfg.Shadow.Timeout = time.Minute // the software driver is slow beside other work
	s := examplesServer(t, cfg, steps)
	many := map[string]func(r *rand.Rand) string{ // the noise is known after 1,000 rows
		"ranker": drawn["ranker"],
		"digits": func(r *rand.Rand) string { return body(input("image", "FP32", r, 16, 12, 1, 8, 8)) },
	}
	for _, name := range names {
		begun := time.Now()
		shadowed(t, s, name, many[name], 1000, func() string {
			report, ok := s.mirror.Reports(name)[0].Study.(*compare.Report)
			if !ok {
				return "there is no report"
			}
			var open []string
			for _, c := range report.Criteria {
				if c.Verdict == sequence.Fail {
					t.Fatalf("%s: %s: %+v", name, c.Sentence, c)
				}
				if c.Verdict != sequence.Pass {
					open = append(open, fmt.Sprintf("%s is %s", c.Name, c.Verdict))
				}
			}
			if len(open) == 0 {
				noise := report.Outputs[len(report.Outputs)-1].Noise
				t.Logf("%s: %s after %d units in %v; a row differs from %v on", name, report.Verdict, report.Coverage.Compared, time.Since(begun), noise.Threshold)
			}
			return strings.Join(open, ", ")
		})
	}
}

// kinds are what the outputs mean.
var kinds = map[string]string{
	"ranker": "outputs:\n  score: {kind: ranked}", "digits": "outputs:\n  probabilities: {kind: class}",
}
