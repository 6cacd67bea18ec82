package bundle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/onnxfile/dataflow"
	"sluice/internal/onnxgen"
	"sluice/internal/tensor"
)

// TestDescriptionRoundTrip takes what the files of the examples, and some that have everything, say
// to another process and back.
func TestDescriptionRoundTrip(t *testing.T) {
	f := func(c *Config, g *Graph) {
		t.Helper()
		text, err := EncodeDescription(c, g)
		if err != nil {
			t.Fatal(err)
		}
		gotC, gotG, err := DecodeDescription(text)
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
		b, err := Locate(filepath.Join("../../examples/models", name, "1", ModelFile))
		if err != nil {
			t.Fatal(err)
		}
		b.From = Places{Own: b.Dir, Beside: b.Dir}
		g, err := b.Describe(Defaults{}.WithDefaults(), nil, InspectONNX)
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
		text, err := EncodeDescription(c, g)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := DecodeDescription(text); err == nil || !strings.Contains(err.Error(), want) {
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
	f("hints on 2", func(_ *Config, g *Graph) { g.Hints = make([]dataflow.Hint, 2) })
	f("whether rows keep apart", func(_ *Config, g *Graph) { g.Independence = &Independence{} })
	f("shape [-2 2]", func(_ *Config, g *Graph) { g.Schema.Inputs[0].Shape = []int64{-2, 2} })
	f("shape []", func(_ *Config, g *Graph) { g.Schema.Inputs[0].Shape, g.InputAxes[0] = nil, nil })
	f("type INVALID", func(_ *Config, g *Graph) { g.Schema.Outputs[0].Type = 200 })
	f("names are UTF-8 of up to 4096 bytes", func(_ *Config, g *Graph) { g.Schema.Inputs[0].Name = strings.Repeat("x", 4097) })
	f(`the setting "max_batch" from "elsewhere"`, func(c *Config, _ *Graph) { c.Origins = map[string]Origin{"max_batch": "elsewhere"} })
	f(`the setting "sha256" from "model.yaml"`, func(c *Config, _ *Graph) { c.Origins = map[string]Origin{"sha256": OriginFile} })
	f("it consists of 4097 operators", func(_ *Config, g *Graph) {
		g.Composition = &Composition{Operators: map[string]int{}}
		for i := range 4097 {
			g.Composition.Operators[strconv.Itoa(i)] = 1
		}
	})
	f("it consists of 1 operators", func(_ *Config, g *Graph) { g.Composition = &Composition{Operators: map[string]int{"Relu": 0}} })
	f("it consists of 1 operators", func(_ *Config, g *Graph) {
		g.Composition = &Composition{Operators: map[string]int{strings.Repeat("x", 257): 1}}
	})
	f("it consists of 0 operators", func(_ *Config, g *Graph) { g.Composition = &Composition{Producer: strings.Repeat("x", 257)} })
	f("more than 262144 values", func(c *Config, _ *Graph) { c.Once = slices.Repeat([]string{"x"}, maxDescriptionValues) })
	for _, text := range []string{"", "{}", "[]", `{"Config":{},"Other":1}`, `{"Config":1}`, strings.Repeat("[", 100)} {
		if _, _, err := DecodeDescription([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestOrigins holds where each setting comes from, and how it is told.
func TestOrigins(t *testing.T) {
	f := func(settings, triton string, want ...string) {
		t.Helper()
		b := put(t, string(onnxgen.MLP{Layers: []int{4, 2}}.Bytes()))
		b.Home, b.beside = "..", []string{"../" + TritonFile}
		b.From.Beside = filepath.Dir(b.Dir)
		if settings != "" {
			writeFile(t, filepath.Join(b.Dir, ConfigFile), settings)
		}
		if triton != "" {
			writeFile(t, filepath.Join(b.From.Beside, TritonFile), triton)
		}
		if _, err := b.Describe(Defaults{Budget: time.Second}.WithDefaults(), nil, InspectONNX); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range b.Config.Settings() {
			if s.From != OriginDefault || strings.HasPrefix(s.Key, "b") {
				got = append(got, fmt.Sprintf("%s %s of %s", s.Key, s.Value, s.From))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q and %q:\n%q\nwant\n%q", settings, triton, got, want)
		}
	}
	f("", "", "budget 1s of default", "batch  of default")
	f("budget: 50ms\ntolerance: {abs: 1e-5, rel: 0}", "", "budget 50ms of model.yaml", "batch  of default", "tolerance {abs: 1e-05, rel: 0.0} of model.yaml")
	f("", "max_batch_size: 8", "budget 1s of default", "max_batch 8 of config.pbtxt", "max_rows 8 of config.pbtxt", "batch  of default")
	f("max_batch: 4", "max_batch_size: 8", "budget 1s of default", "max_batch 4 of model.yaml", "max_rows 8 of config.pbtxt", "batch  of default")
	f("nonfinite: null\nonce: []\nsha256: {model.onnx: '"+strings.Repeat("ab", 32)+"'}", "", "budget 1s of default", "batch  of default", "once [] of model.yaml", "nonfinite null of model.yaml")
	f("<<: {budget: 2s}", "", "budget 2s of model.yaml", "batch  of default")
	f("lineage: {a: "+strings.Repeat("x", 300)+"}", "", "budget 1s of default", "batch  of default",
		"lineage {a: "+strings.Repeat("x", 196)+"... (305 bytes, SHA-256 "+fmt.Sprintf("%x", sha256.Sum256([]byte("{a: "+strings.Repeat("x", 300)+"}")))[:12]+") of model.yaml")
	measured := Config{Budget: time.Second, BudgetFrom: BudgetMeasured}
	if got := measured.Settings()[0]; got != (Setting{"budget", "1s", OriginMeasured}) {
		t.Errorf("a measured budget is %+v", got)
	}
}

// FuzzDecodeDescription wants what is taken of a trial process's word to be safe to settle.
func FuzzDecodeDescription(f *testing.F) {
	text, err := EncodeDescription(&Config{Nonfinite: NonfiniteLiteral, Unproven: UnprovenBatch, MaxBatch: 4, MaxRows: 8}, describedGraph())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`"Triton":null`), []byte(`"Triton":{"Inputs":[{"Name":"x","Dims":[2],"Own":[1,2]}],"Lead":true}`), 1))
	f.Fuzz(func(_ *testing.T, text []byte) {
		c, g, err := DecodeDescription(text)
		if err != nil {
			return
		}
		for _, o := range []*Observation{nil, {}} {
			_, _, _ = g.Settle(c, o)
		}
		_ = g.Whole()
	})
}

// describedGraph is what the trial processes of the tests describe.
func describedGraph() *Graph {
	return &Graph{
		Schema: tensor.Schema{
			Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 2}}}, Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 3}}},
			MaxBatch: 4, MaxRows: 8,
		},
		InputAxes: [][]string{{"batch", ""}}, OutputAxes: [][]string{{"batch", ""}},
	}
}
