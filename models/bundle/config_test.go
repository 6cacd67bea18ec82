package bundle

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/compare/criteria"
	"sluice/internal/agree"
)

func testDefaults() Defaults { return Defaults{}.WithDefaults() }

// decodeOwn reads the model.yaml of a version whose model has no settings of its own.
func decodeOwn(text []byte, d Defaults) (Config, error) { return Sources{Version: text}.Decode(d) }

func TestDecodeConfigReadsEverything(t *testing.T) {
	text, err := os.ReadFile("testdata/model.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeOwn(text, testDefaults())
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Budget: 50 * time.Millisecond, MaxBatch: 64, MaxRows: 2048, Tolerance: agree.Tolerance{Abs: 1e-5, Rel: 1e-3},
		Batch: BatchCoupled, Unproven: UnprovenSingle, Nonfinite: NonfiniteNull, Once: []string{"user_id"}, Optional: []string{"scale"},
		Padding: &PaddingConfig{Axis: "seq", Buckets: []int{16, 32, 64}, Values: map[string]float64{"tokens": 0, "mask": 1}},
		Labels:  map[string][]string{"probabilities": {"0", "one", "no"}},
		SHA256:  map[string]string{"model.onnx": strings.Repeat("ab", 32)},
		Devices: []string{"cuda:0", "cpu"}, Fallback: FallbackFailure, Isolation: IsolationProcess, Weight: 2, Asked: true, BudgetFrom: BudgetOwn,
		Lineage:  map[string]string{"script": "train.py", "metric": "0.97"},
		Outputs:  map[string]criteria.Output{"score": {Kind: "probability", Threshold: 0.7, Column: 1, Tolerance: &agree.Tolerance{Abs: 0.1}}, "items": {Kind: "ranked", Shown: 5}},
		Criteria: []criteria.Criterion{{Output: "score", Figure: "flip", AtMost: criteria.At(0.002), Alpha: 0.01, MostUnits: 50000}, {Figure: "latency", Within: criteria.At(0.0005)}},
		Segments: []string{"city"},
		Lines:    map[string]int{"outputs.score": 28, "outputs.items": 29, "criteria[0]": 31, "criteria[1]": 32, "segments[0]": 33},
	}
	for _, key := range []string{"budget", "max_batch", "max_rows", "batch", "unproven", "fair_rows", "once", "optional", "tolerance", "padding", "devices", "fallback", "isolation", "weight", "nonfinite", "labels", "lineage", "outputs", "criteria", "segments"} {
		want.comes(OriginFile, key)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeConfigBeforeTheParser(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := decodeOwn([]byte(text), testDefaults()); err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	f(strings.Repeat("[", 100_000), "model.yaml: line 1: more than 4096 brackets and braces are opened")
	f("lineage:\n  a: &a [x, x]\n"+strings.Repeat("  b: [*a, *a, *a]\n", 6), "model.yaml: line 8: more than 16 anchors and aliases")
}

// Some editors put a mark before the text.
func TestDecodeConfigWithAMark(t *testing.T) {
	if c, err := decodeOwn([]byte("\uFEFFmax_batch: 3\n"), testDefaults()); err != nil || c.MaxBatch != 3 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestDecodeConfigDefaults(t *testing.T) {
	f := func(text string) {
		t.Helper()
		c, err := decodeOwn([]byte(text), testDefaults())
		want := Config{MaxBatch: 64, MaxRows: 1024, Tolerance: agree.Tolerance{Abs: 1e-4, Rel: 1e-3}, Fallback: FallbackBudget, Unproven: UnprovenBatch, FairRows: true, Nonfinite: NonfiniteLiteral}
		if strings.Contains(text, "max_batch") {
			want.comes(OriginFile, "max_batch")
		}
		if err != nil || !reflect.DeepEqual(c, want) {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
	f("")
	f("\n\n")
	f("# only words\n")
	f("---\n")
	f("{}")
	f("null")
	f("max_batch: 64")
}

// The word null is YAML's nothing, and means the choice here all the same.
func TestDecodeConfigNonfinite(t *testing.T) {
	f := func(text string, want Nonfinite) {
		t.Helper()
		if c, err := decodeOwn([]byte(text), testDefaults()); err != nil || c.Nonfinite != want {
			t.Errorf("%q: got %q, %v, want %q", text, c.Nonfinite, err, want)
		}
	}
	f("weight: 2", NonfiniteLiteral)
	f("nonfinite: literal", NonfiniteLiteral)
	f("nonfinite: \"literal\"\nweight: 2", NonfiniteLiteral)
	f("nonfinite: null", NonfiniteNull)
	f("nonfinite: \"null\"", NonfiniteNull)
	f("nonfinite: ~", NonfiniteNull)
	f("weight: 2\nnonfinite: null # for browsers\nbudget: 1s", NonfiniteNull)
}

func TestDecodeConfigRefuses(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := decodeOwn([]byte(text), testDefaults())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v; want %q", text, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), ConfigFile) {
			t.Errorf("%q does not name the file: %v", text, err)
		}
	}
	f("budget: 5ms\nmax_bach: 3", `model.yaml line 2: there is no key "max_bach" (did you mean max_batch?): model.yaml may have max_batch, budget, max_rows, batch, `)
	f("padding: {axes: seq}", `model.yaml line 1: there is no key "padding.axes" (did you mean axis?): padding may have axis, buckets, values`)
	f("tolerance:\n  absolute: 1", `model.yaml line 2: there is no key "tolerance.absolute": tolerance may have abs, rel`)
	f("a: 1\nb: 2", "model.yaml line 2: there is no key \"b\"") // all at once
	f("max_batch: 5\nunproven: [batch]", "model.yaml line 2: unproven must be a single value, not a list")
	f("unproven: singel", `unproven is "singel"; it must be batch or single (did you mean single?)`)
	f("once: user", `model.yaml line 1: once must be a list, such as [a, b], not "user"`)
	f("tolerance: 3", `model.yaml line 1: tolerance must be a mapping of keys to values, not "3"`)
	f("padding: {axis: seq, buckets: 4}", `padding.buckets must be a list, such as [16, 32], not "4"`)
	f("padding: {axis: seq, buckets: [4, x]}", `padding.buckets[1] is "x"; it must be a whole number`)
	f("padding:\n  axis: seq\n  values: {x: y}", `model.yaml line 3: padding.values.x is "y"; it must be a number`)
	f("labels: [a]", "model.yaml line 1: labels must be a mapping of names to values, not a list")
	f("labels: {a: b}", `labels.a must be a list, such as [a, b], not "b"`)
	f("lineage: {a: {b: c}}", "lineage.a must be a single value, not a mapping")
	f("max_rows: 1.5", `max_rows is "1.5"; it must be a whole number`)
	f("weight: heavy", `weight is "heavy"; it must be a number`)
	f("tolerance:\n  abs: 1\n  abs: 2", "line 3")
	f("max_batch: many", `model.yaml line 1: max_batch is "many"; it must be a whole number`)
	f("max_batch: [", "model.yaml line 1")
	f("a\n b: c: d", "model.yaml line")
	f("budget: 5", `model.yaml line 1: budget is "5"; it must be a time such as 250ms or 5s`)
	f("max_batch: 1\n---\nmax_batch: 2", "2 documents")
	f("[1, 2]", "model.yaml line 1: the file must be a mapping of keys to values, not a list")
	f("budget: 1us", "budget is 1µs; it must be from 1ms to 1h0m0s")
	f("budget: 2h", "budget is 2h0m0s")
	f("max_batch: -1", "max_batch is -1; it must be from 1 to 4096")
	f("max_batch: 5000", "max_batch is 5000")
	f("max_rows: -1", "max_rows is -1")
	f("max_rows: 2000000", "max_rows is 2000000; it must be from 1 to 1048576")
	f("max_rows: 5", "max_rows is 5, below max_batch 64")
	f("tolerance: {abs: -1}", "tolerance.abs is -1")
	f("tolerance: {rel: .nan}", "tolerance.rel is NaN")
	f("tolerance: {rel: .inf}", "tolerance.rel is +Inf")
	f("padding: {buckets: [1]}", "padding.axis is missing")
	f("padding: {axis: seq}", "padding.buckets is empty")
	f("padding: {axis: seq, buckets: [0]}", "padding.buckets[0] is 0")
	f("padding: {axis: seq, buckets: [4, 4]}", "padding.buckets[1] is 4; the buckets must be ascending")
	f("weight: -1", "weight is -1; it must be a number from 0 to 1000")
	f("weight: .nan", "weight is NaN")
	f("nonfinite: nan", "nonfinite is \"nan\"; it must be literal or null")
	f("nonfinite: ''", "nonfinite is \"\"; it must be literal or null")
	f("nonfinite: [null]", "model.yaml line 1")
	f("budget: 5ms\ndevices: []", "model.yaml line 2: devices is empty")
	f("devices:\n- cpu\n- ''", "model.yaml line 3: devices[1] has no name")
	f("devices:\n- cpu\n- cuda:0\n- cpu", "model.yaml line 4: devices names cpu twice")
	f("devices: cpu", `model.yaml line 1: devices must be a list, such as [a, b], not "cpu"`)
	f("budget: 5ms\nfallback: sometimes", "model.yaml line 2: fallback is \"sometimes\"; it must be budget, failure or never")
	f("budget: 5ms\n\nisolation: thread", "model.yaml line 3: isolation is \"thread\"; it must be none or process")
	f("labels: {a: []}", "labels.a is empty")
	f("lineage: &a {b: *a}", "model.yaml line 1: lineage cannot be a mapping: write out what the anchors, aliases and tags there stand for")
	f("budget: &a [1]", "model.yaml line 1: budget cannot be a list: write out")
	f("budget: !!timestamp 2001-01-01", "model.yaml line 1: budget cannot be such a value: write out")
	f("\nsha256: &a {x: *a}", "model.yaml line 2: sha256 cannot be a mapping: write out")
	f("\xff\xfeb\x00:\x00", "it is UTF-16: save it as UTF-8")
	f("sha256: {model.onnx: ABC}", "sha256.model.onnx is \"ABC\"; it must be 64 hexadecimal digits")
	f("max_batch: -1\nmax_rows: -1\nbudget: 0s", "max_rows is -1") // all faults at once
	f(strings.Repeat("#", maxConfigBytes+1), "the limit is 1048576")
}

func FuzzDecodeConfig(f *testing.F) {
	text, err := os.ReadFile("testdata/model.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("nonfinite: null\nweight: 1"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("padding: {axis: seq, buckets: [1, 2], values: {x: .nan}}"))
	f.Add([]byte("devices: [cuda:0, cpu, cpu]\nfallback: never\nisolation: process\nweight: 0.5"))
	f.Add([]byte("devices: &a [cpu]\nfallback: !!binary bmV2ZXI="))
	f.Add([]byte("max_batch: !!int 3\n<<: {budget: 1s}"))
	f.Add([]byte(someFeatures))
	f.Fuzz(func(t *testing.T, text []byte) {
		defaults := testDefaults()
		defaults.Budget = 100 * time.Millisecond
		c, err := decodeOwn(text, defaults)
		if err != nil {
			return
		}
		if err := c.validate(); err != nil {
			t.Errorf("accepted and invalid: %v", err)
		}
		if err := c.checkPlaces(Sources{Version: text}); err != nil {
			t.Errorf("accepted and invalid: %v", err)
		}
		if err := c.checkOrigins(); err != nil {
			t.Errorf("its settings come from nowhere: %v", err)
		}
		if c.MaxRows < c.MaxBatch || c.Budget <= 0 || c.Fallback == "" {
			t.Errorf("accepted %+v", c)
		}
	})
}
