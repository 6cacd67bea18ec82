package models

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
	"sluice/internal/tensor"
)

// TestDescriptionRoundTrip takes what the files of the examples, and some that have everything, say
// to another process and back.
func TestDescriptionRoundTrip(t *testing.T) {
	f := func(c *Config, g *Graph) {
		t.Helper()
		text, err := encodeDescription(c, g)
		if err != nil {
			t.Fatal(err)
		}
		gotC, gotG, err := decodeDescription(text)
		if err != nil {
			t.Fatalf("%v: %.500s", err, text)
		}
		if c.Padding != nil { // NaN is not itself
			for name, value := range c.Padding.Values {
				if got := gotC.Padding.Values[name]; math.Float64bits(got) != math.Float64bits(value) {
					t.Errorf("%s is padded with %v, want %v", name, got, value)
				}
			}
			gotC.Padding.Values, c.Padding.Values = nil, nil
		}
		if !reflect.DeepEqual(gotC, c) || !reflect.DeepEqual(gotG, g) {
			t.Errorf("got  %+v\n     %+v\nwant %+v\n     %+v", gotC, gotG, c, g)
		}
	}
	for _, name := range []string{"digits", "encoder", "eta", "ranker"} {
		b, err := Locate(filepath.Join("../examples/models", name, "1", ModelFile))
		if err != nil {
			t.Fatal(err)
		}
		b.from = places{own: b.Dir, beside: b.Dir}
		g, err := b.describe(Defaults{}.WithDefaults(), nil, InspectONNX)
		if err != nil {
			t.Fatal(err)
		}
		f(&b.Config, g)
	}
	text, err := os.ReadFile("testdata/model.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeConfig(text, testDefaults())
	if err != nil {
		t.Fatal(err)
	}
	c.Padding.Values = map[string]float64{"x": math.NaN(), "y": math.Inf(-1), "z": 0.1, "w": math.Copysign(0, -1)}
	if c.Triton, err = decodeTriton([]byte(`max_batch_size: 8 input { name: "x" dims: [ -1, 4 ] reshape { shape: [ -1, 2, 2 ] } } output { name: "y" label_filename: "l" } dynamic_batching { }`), "m"); err != nil {
		t.Fatal(err)
	}
	f(&c, describedGraph())
}

// TestDescriptionRefuses holds what is not believed of a trial process.
func TestDescriptionRefuses(t *testing.T) {
	f := func(want string, change func(c *Config, g *Graph)) {
		t.Helper()
		c, g := &Config{Nonfinite: NonfiniteLiteral, Unproven: UnprovenBatch}, describedGraph()
		change(c, g)
		text, err := encodeDescription(c, g)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := decodeDescription(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f("weight is -1", func(c *Config, _ *Graph) { c.Weight = -1 })
	f("max_batch is 5000", func(c *Config, _ *Graph) { c.MaxBatch = 5000 })
	f("budget is 1ns", func(c *Config, _ *Graph) { c.Budget, c.BudgetFrom = 1, BudgetOwn })
	f("its budget is -1ns", func(c *Config, _ *Graph) { c.Budget, c.BudgetFrom = -1, BudgetSettings })
	f("fallback is", func(c *Config, _ *Graph) { c.Fallback = "often" })
	f("the reshape [3]", func(c *Config, _ *Graph) {
		c.Triton = &Triton{Inputs: []TritonTensor{{Dims: []int64{2}, Own: []int64{3}}}}
	})
	f("its batch is -2", func(c *Config, _ *Graph) { c.Triton = &Triton{Batch: -2} })
	f("0 outputs", func(_ *Config, g *Graph) { g.Schema.Outputs = nil })
	f("it does not name each axis", func(_ *Config, g *Graph) { g.InputAxes = nil })
	f("more names of axes than axes", func(_ *Config, g *Graph) { g.InputAxes[0] = []string{"", "", ""} })
	f("batches of 5000 rows", func(_ *Config, g *Graph) { g.Schema.MaxBatch = 5000 })
	f("it fixes the batch", func(_ *Config, g *Graph) { g.FixedBatch = -1 })
	f("settled before", func(_ *Config, g *Graph) { g.Schema.Padding = &tensor.Padding{} })
	f("settled before", func(_ *Config, g *Graph) { g.Reason = "x" })
	f("hints on 2", func(_ *Config, g *Graph) { g.Hints = make([]Hint, 2) })
	f("whether rows keep apart", func(_ *Config, g *Graph) { g.Independence = &Independence{} })
	f("shape [-2 2]", func(_ *Config, g *Graph) { g.Schema.Inputs[0].Shape = []int64{-2, 2} })
	f("shape []", func(_ *Config, g *Graph) { g.Schema.Inputs[0].Shape, g.InputAxes[0] = nil, nil })
	f("type INVALID", func(_ *Config, g *Graph) { g.Schema.Outputs[0].Type = 200 })
	f("names are UTF-8 of up to 4096 bytes", func(_ *Config, g *Graph) { g.Schema.Inputs[0].Name = strings.Repeat("x", 4097) })
	f("more than 262144 values", func(c *Config, _ *Graph) { c.Once = slices.Repeat([]string{"x"}, maxDescriptionValues) })
	for _, text := range []string{"", "{}", "[]", `{"Config":{},"Other":1}`, `{"Config":1}`, strings.Repeat("[", 100)} {
		if _, _, err := decodeDescription([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// FuzzDecodeDescription wants what is taken of a trial process's word to be safe to settle.
func FuzzDecodeDescription(f *testing.F) {
	text, err := encodeDescription(&Config{Nonfinite: NonfiniteLiteral, Unproven: UnprovenBatch, MaxBatch: 4, MaxRows: 8}, describedGraph())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`"Triton":null`), []byte(`"Triton":{"Inputs":[{"Name":"x","Dims":[2],"Own":[1,2]}],"Lead":true}`), 1))
	f.Fuzz(func(_ *testing.T, text []byte) {
		c, g, err := decodeDescription(text)
		if err != nil {
			return
		}
		for _, o := range []*Observation{nil, {}} {
			_, _, _ = g.settle(c, o)
		}
		_ = g.whole()
	})
}

// FuzzReadFrame looks for panics, and for more than what was sent.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{frameDescribed, 2, 0, 0, 0, '{', '}'})
	f.Add([]byte{frameLoaded, 0, 0, 0, 0})
	f.Add([]byte{frameObserved, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, sent []byte) {
		kind, text, err := readFrame(bytes.NewReader(sent))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeFrame(&again, kind, text); err != nil || !bytes.HasPrefix(sent, again.Bytes()) {
			t.Errorf("%q was read as %q %q", sent, kind, text)
		}
	})
}

// TestReadingIsBounded has a real child parse a file that takes more memory than it may have.
func TestReadingIsBounded(t *testing.T) {
	t.Setenv("SLUICE_TEST_TRIAL", "real")
	w := newWorld(t)
	g := onnxgen.New(17).Input("x", onnxgen.Float32, "n", 2).Output("y")
	for range 200_000 {
		g.Node("Relu", "y", onnxgen.In("x"))
	}
	b := w.put(t, "m/1", fakeFile{}, ModelFile, string(g.File()))
	runner := &TrialRunner{Command: []string{os.Args[0]}, ReadMemory: 192 << 20}
	opts := w.options()
	opts.Trial = runner.Begin
	check := func(gate, want string) {
		t.Helper()
		report, err := Check(context.Background(), opts, b)
		if err != nil {
			t.Fatal(err)
		}
		if v := report.Refusal(); v == nil || v.Gate != gate || !strings.Contains(v.Text, want) {
			t.Errorf("refusal %+v, want %s", v, want)
		}
	}
	check("files", "reading its files took more than 192.0 MiB of memory in a trial process: not served")
	runner.ReadMemory = 0
	check("trial", "ONNX Runtime refuses to load it") // there is none
}
