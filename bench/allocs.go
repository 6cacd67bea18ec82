package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// Allocs counts what a binary request allocates from the parsed request to the written
// answer. The tests of the three stages measure it with testing.AllocsPerRun and fail
// with the number; the closed loop's live_allocs_per_request is the whole process.
type Allocs struct {
	Binary float64            `json:"binary"`
	Stages map[string]float64 `json:"stages"`
}

// allocTests are the tests, by stage. Each fails above zero.
var allocTests = []struct{ stage, pattern string }{
	{"./gateway", "TestHandlerAllocations|TestScanHeadAllocations"},
	{"./batcher", "Alloc"},
	{"./backends/onnx", "TestRunsDoNotAllocate"},
}

var allocations = regexp.MustCompile(`([0-9.]+) allocations`)

func (b *bench) allocs() error {
	out := &Allocs{Stages: map[string]float64{}}
	for _, test := range allocTests {
		cmd := exec.Command("go", "test", "-count=1", "-v", "-run", test.pattern, test.stage)
		cmd.Env = b.env()
		text, err := cmd.CombinedOutput()
		most := 0.0
		for _, found := range allocations.FindAllSubmatch(text, -1) {
			n, parseErr := strconv.ParseFloat(string(found[1]), 64)
			if parseErr != nil {
				return fmt.Errorf("cannot read %q: %w", found[0], parseErr)
			}
			most = max(most, n)
		}
		if err != nil && most == 0 {
			return fmt.Errorf("the allocation test of %s failed: %w\n%s", test.stage, err, text)
		}
		if err == nil && !strings.Contains(string(text), "--- PASS") {
			return fmt.Errorf("%s has no allocation test %s", test.stage, test.pattern)
		}
		out.Stages[test.stage] = most
		out.Binary += most
	}
	b.result.Allocs = out
	return nil
}
