package models

import (
	"context"
	"strings"
	"testing"
	"time"

	"sluice/internal/cost"
	"sluice/models/bundle"
)

const goldenTimes2 = `{"request":{"inputs":[{"name":"x","datatype":"FP32","shape":[2,2],"data":[[1,2],[3,4]]}]},"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[2,2],"data":[2,4,6,8]}]}}
{"request":{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[0.5,-1]}]},"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1,-2]}]}}
`

// TestGates drives a bundle through all gates; want is "gate outcome text-part" of the
// verdict that matters.
func TestGates(t *testing.T) {
	f := func(name string, file fakeFile, want string, maxBatch int, more ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			w := newWorld(t)
			b := w.put(t, "m/1", file, more...)
			report, err := Check(context.Background(), w.options(), b)
			if err != nil {
				t.Fatal(err)
			}
			gate, outcome, text := cut(want)
			found := false
			for _, v := range report.Gates {
				if v.Gate == gate {
					found = true
					if string(v.Outcome) != outcome || !strings.Contains(v.Text, text) {
						t.Errorf("gate %s: %s %q; want %s with %q", gate, v.Outcome, v.Text, outcome, text)
					}
					if strings.Contains(v.Text, "library text") {
						t.Errorf("gate %s shows the library's text: %q", gate, v.Text)
					}
				}
			}
			if !found {
				t.Errorf("no gate %s in %+v", gate, report.Gates)
			}
			if refused := report.Refusal() != nil; refused != (outcome == "refused") {
				t.Errorf("refused: %v, in %+v", refused, report.Gates)
			}
			if report.MaxBatch != maxBatch {
				t.Errorf("max batch %d, want %d", report.MaxBatch, maxBatch)
			}
			if opened, closed := w.opened.Load(), w.closed.Load(); opened != closed {
				t.Errorf("%d sessions opened and %d closed", opened, closed)
			}
		})
	}
	double := fakeFile{Factor: 2}
	f("good", double, "warmup passed target batch", 64)
	f("golden rows", double, "golden passed 2 requests with 3 rows answered as expected", 64, bundle.GoldenFile, goldenTimes2)
	f("golden rows prove", double, "invariance passed 6 golden rows agree alone and in 11 sizes of batch up to 64", 64, bundle.GoldenFile, goldenTimes2)
	f("made-up rows prove", double, "invariance passed 8 made-up rows agree alone and in 5 sizes of batch up to 8", 8, bundle.ConfigFile, "max_batch: 8")
	f("wrong golden rows", fakeFile{Factor: 2.01}, "golden refused golden.jsonl line 1: the answer is wrong, worst in output y, row 1: 8.04 instead of 8", 64, bundle.GoldenFile, goldenTimes2)
	f("within tolerance", fakeFile{Factor: 2.01}, "golden passed 2 requests with 3 rows answered as expected, largest difference 0.0", 64, bundle.GoldenFile, goldenTimes2, bundle.ConfigFile, "tolerance: {abs: 0, rel: 0.01}")
	f("broken golden rows", double, "golden refused golden.jsonl line 2: input \"x\" is missing", 64, bundle.GoldenFile, strings.SplitAfter(goldenTimes2, "\n")[0]+`{"request":{},"response":{}}`)
	f("coupled", fakeFile{Factor: 2, Coupled: true}, "golden refused is wrong", 64, bundle.GoldenFile, goldenTimes2)
	f("coupled without golden rows", fakeFile{Factor: 2, Coupled: true}, "invariance changed served unbatched: rows change with their batch of 64, worst in output y", 0)
	f("fails in batches", fakeFile{Factor: 2, FailAbove: 4}, "invariance changed rows run one by one: a batch of 64 rows fails where each row alone runs: the run failed", 1)
	f("takes no row", fakeFile{FailRun: true}, "invariance changed nothing shows that rows keep apart: the model takes no made-up row", 0)
	f("takes no row, so is not timed", fakeFile{FailRun: true}, "warmup skipped costs start from a guess of 5ms a row", 0)
	f("cannot batch", fakeFile{Factor: 2, Reason: "axis 0 is no batch"}, "schema changed served unbatched: axis 0 is no batch", 0)
	f("one row a run", double, "invariance skipped rows never share a run", 1, bundle.ConfigFile, "max_batch: 1", bundle.GoldenFile, goldenTimes2)
	f("cannot be opened", fakeFile{FailOpen: true}, "open refused the model cannot be loaded", 64)
	f("unknown key", double, "files refused model.yaml line 2: there is no key \"max_bach\" (did you mean max_batch?)", 0, bundle.ConfigFile, "budget: 5ms\nmax_bach: 3")
	f("pinned", double, "files refused model.onnx has SHA-256", 0, bundle.ConfigFile, "sha256: {model.onnx: '"+strings.Repeat("0", 64)+"'}")
	f("pin without file", double, "files refused pins weights by sha256 and the bundle has no such file", 0,
		bundle.ConfigFile, "sha256: {model.onnx: "+fakeSum(t, double)+", weights: '"+strings.Repeat("0", 64)+"'}")
	f("labels of another output", double, "schema refused labels.z names no output; the model has y", 0, bundle.ConfigFile, "labels: {z: [a, b]}")
	f("too many labels", double, "schema refused labels.y has 3 names for an output of 2 classes", 0, bundle.ConfigFile, "labels: {y: [a, b, c]}")
	padding := "padding: {axis: seq, buckets: [4, 8], values: {x: 0}}"
	f("padded", fakeFile{Factor: 2, Sequence: true}, "invariance passed 64 made-up rows agree", 64, bundle.ConfigFile, padding)
	f("one bucket", fakeFile{Factor: 2, Sequence: true}, "invariance passed 64 made-up rows agree", 64, bundle.ConfigFile, "padding: {axis: seq, buckets: [4]}")
	f("bucket too long", fakeFile{Factor: 2, Sequence: true, MaxLength: 8}, "warmup refused padding.buckets has 16 and a batch of that length fails: row too long", 64, bundle.ConfigFile, "padding: {axis: seq, buckets: [4, 8, 16]}")
	f("padding shows", fakeFile{Factor: 2, Sequence: true, Leaky: true}, "invariance changed served unpadded, because padded rows change with their batch", 64, bundle.ConfigFile, padding)
	f("padding shows, and coupled", fakeFile{Factor: 2, Sequence: true, Leaky: true, Coupled: true}, "invariance changed served unbatched", 0, bundle.ConfigFile, padding)
	f("no such axis", fakeFile{Sequence: true}, "schema refused padding.axis \"time\" is no free dimension of an input; the free ones are seq", 0, bundle.ConfigFile, "padding: {axis: time, buckets: [4]}")
	f("padding the batch", fakeFile{Sequence: true}, "schema refused padding.axis \"batch\" is the batch axis", 0, bundle.ConfigFile, "padding: {axis: batch, buckets: [4]}")
	f("padding of no input", fakeFile{Sequence: true}, "schema refused padding.values.z is given and no input of that name has the axis", 0, bundle.ConfigFile, "padding: {axis: seq, buckets: [4], values: {z: 1}}")
	f("slower than its budget", fakeFile{Factor: 2, Cost: 2 * time.Millisecond}, "warmup passed one row already takes longer than the budget of 1ms", 2, bundle.ConfigFile, "budget: 1ms\nmax_batch: 2")
}

func cut(want string) (gate, outcome, text string) {
	gate, rest, _ := strings.Cut(want, " ")
	outcome, text, _ = strings.Cut(rest, " ")
	return gate, outcome, text
}

func TestSlowModelLeavesOutSizes(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 1, Cost: 5 * time.Millisecond})
	opts := w.options()
	opts.GateLimit = 20 * time.Millisecond
	report, err := Check(context.Background(), opts, b)
	if err != nil || report.Refusal() != nil {
		t.Fatal(err, report)
	}
	if n := len(report.Curve); n == 0 || n == len(cost.Sizes(64)) {
		t.Errorf("%d sizes measured, want some and not all", n)
	}
	if report.Took > 500*time.Millisecond {
		t.Errorf("took %v with a limit of 20ms a gate", report.Took)
	}
	for _, want := range []string{"left out after 20ms and are extrapolated", "more sizes were left out because of the limit of 20ms"} {
		var b strings.Builder
		if err := report.WriteText(&b, 400); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("report lacks %q: %v\n%s", want, err, b.String())
		}
	}
}
