package bundle

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sluice/internal/tensor"
)

// weighings are rows of which each took of bytes, in lengths of one of several axes.
func weighings(axis string, axes int, of func(int64) int64, lengths ...int64) (all []Weighing) {
	for _, n := range lengths {
		all = append(all, Weighing{Axis: axis, Axes: axes, Length: n, Bytes: of(n)})
	}
	return all
}

const testRun = 1 << 30 // what a run may take

// TestLengths holds the largest lengths, and the rows of a run, that follow from what was weighed and
// from the settings.
func TestLengths(t *testing.T) {
	square := func(n int64) int64 { return 64 * n * n } // 4096 tokens take 1 GiB
	f := func(name string, g *Graph, c Config, o *Observation, want string) {
		t.Helper()
		s := g.Schema
		l, report, err := g.Lengths(&c, o, &s, testRun)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		s.Lengths = l
		var got []string
		for _, a := range report {
			got = append(got, fmt.Sprintf("%s=%d %s", a.Axis, a.Most, a.Basis))
		}
		if l != nil {
			got = append(got, fmt.Sprintf("product=%d", l.Product))
			for _, n := range []int64{64, 512, 4096} {
				in := make([]tensor.Tensor, len(s.Inputs))
				for i := range in {
					in[i].Shape = slices.Repeat([]int64{n}, len(s.Inputs[i].Shape))
					in[i].Shape[0] = 1
				}
				got = append(got, fmt.Sprintf("%d:%d", n, s.MostRows(in)))
			}
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%s: %s\nwant %s", name, text, want)
		}
	}
	seen := func(all ...[]Weighing) *Observation { return &Observation{Weighed: slices.Concat(all...)} }
	seq := sequenceGraph("seq", "seq")
	f("measured", seq, Config{}, seen(weighings("", 1, square, 256, 512, 1024)), "seq=4096 measured, product=0, 64:0, 512:0, 4096:1")
	f("asked for less", seq, Config{MaxLength: map[string]int{"seq": 512}}, seen(weighings("", 1, square, 256, 512, 1024)), "seq=512 asked, product=0, 64:0, 512:0, 4096:1")
	f("asked for more", seq, Config{MaxLength: map[string]int{"seq": 100000}}, seen(weighings("", 1, square, 256, 512, 1024)), "seq=100000 asked, product=0, 64:0, 512:0, 4096:1")
	f("assumed", seq, Config{}, nil, "seq=1024 assumed, product=0, 64:0, 512:4, 4096:1")
	f("assumed, and padded", seq, Config{Padding: &PaddingConfig{Axis: "seq", Buckets: []int{64, 3000}}}, nil, "seq=3000 assumed, product=0, 64:0, 512:4, 4096:1")
	f("assumed, and a longer one ran", seq, Config{}, &Observation{Longest: map[string]int64{"seq": 5000, "n": 1 << 50}}, "seq=5000 assumed, product=0, 64:0, 512:4, 4096:1")
	f("assumed, one asked for", sequenceGraph("src", "dst"), Config{MaxLength: map[string]int{"dst": 128}}, nil, "src=1024 assumed, dst=128 asked, product=0, 64:0, 512:4, 4096:1")
	f("nothing known, and asked for", seq, Config{MaxLength: map[string]int{"seq": 512}}, &Observation{}, "seq=512 asked, product=0, 64:0, 512:1, 4096:1")
	f("no free axis", &Graph{Schema: tensor.Schema{MaxBatch: 8, Inputs: []tensor.Spec{{Name: "x", Shape: []int64{-1, 4}}}}, InputAxes: [][]string{{"n", ""}}}, Config{}, nil, "")
	f("a row that did not end", seq, Config{}, seen(weighings("", 1, square, 16, 32, 64), []Weighing{{Axes: 1, Length: 128, Unfinished: true}}), "seq=64 measured, product=0, 64:0, 512:16, 4096:1")
	f("rows that are not taken", seq, Config{}, seen(weighings("", 1, square, 256, 512, 1024), []Weighing{{Axes: 1, Length: 2048, Bytes: -1}}), "seq=4096 measured, product=0, 64:0, 512:0, 4096:1")

	// Without names the two inputs might be of different length: each counts as if both were as long.
	f("no names", sequenceGraph("", ""), Config{}, seen(weighings("", 2, square, 256, 512, 1024)),
		"in0.1=4096 measured, in1.1=4096 measured, product=16777216, 64:0, 512:0, 4096:1")
	// Each axis for itself grows with its square, both together with their product.
	two := seen(weighings("", 2, square, 256, 512, 1024), weighings("src", 2, square, 256, 512, 1024), weighings("dst", 2, func(n int64) int64 { return 1 << 10 * n }, 1024, 2048, 4096))
	f("two axes", sequenceGraph("src", "dst"), Config{}, two, "src=4096 measured, dst=1048576 measured, product=16777216, 64:0, 512:0, 4096:1")
	f("two axes, one asked for", sequenceGraph("src", "dst"), Config{MaxLength: map[string]int{"dst": 128}}, two, "src=4096 measured, dst=128 asked, product=16777216, 64:0, 512:0, 4096:1")
	f("two axes, both asked for", sequenceGraph("src", "dst"), Config{MaxLength: map[string]int{"src": 64, "dst": 1 << 20}}, two, "src=64 asked, dst=1048576 asked, product=0, 64:0, 512:0, 4096:1")

	fixed := sequenceGraph("seq")
	fixed.FixedBatch = 8
	f("a fixed batch", fixed, Config{}, seen(weighings("", 1, square, 256, 512, 1024)), "seq=4096 measured, product=0, 64:0, 512:0, 4096:0")
}

// TestLengthsOfWholeRequests holds that the rows of a request that runs whole count, each as one, or
// as a length of their own where they change each other.
func TestLengthsOfWholeRequests(t *testing.T) {
	g := sequenceGraph("seq")
	o := &Observation{Weighed: weighings("", 1, func(n int64) int64 { return 64 * n * n }, 256, 512, 1024)}
	whole := Unbatched(&g.Schema, 0)
	l, report, err := g.Lengths(&Config{}, o, whole, testRun)
	if err != nil || !l.Rows || len(report) != 1 {
		t.Errorf("%+v, %+v, %v", l, report, err)
	}
	g.Independence = &Independence{Shown: ShownMixing}
	l, report, err = g.Lengths(&Config{}, o, whole, testRun)
	if err != nil || l.Rows || len(report) != 2 || report[0].Axis != "n" {
		t.Errorf("rows that change each other: %+v, %+v, %v", l, report, err)
	}
	// A model that is found out after its schema was settled.
	g.Independence = nil
	s := g.Schema
	if s.Lengths, _, err = g.Lengths(&Config{}, o, &s, testRun); err != nil || s.Lengths.Rows {
		t.Fatalf("%+v, %v", s.Lengths, err)
	}
	if alone := Unbatched(&s, 0); !alone.Lengths.Rows || s.Lengths.Rows {
		t.Error("the rows of whole requests are not bounded, or those of batches are")
	}
}

func TestLengthsRefused(t *testing.T) {
	f := func(yaml, want string) {
		t.Helper()
		c, err := decodeOwn([]byte(yaml), Defaults{MaxBatch: 8})
		if err == nil {
			g := sequenceGraph("seq")
			_, _, err = g.Lengths(&c, nil, &g.Schema, testRun)
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", yaml, err, want)
		}
	}
	f("max_length: {seq: 0}", "model.yaml: max_length.seq is 0; it must be from 1 to 1073741824")
	f("max_length: {seq: -1}", "model.yaml: max_length.seq is -1; it must be from 1 to 1073741824")
	f("max_length: {seq: many}", `model.yaml line 1: max_length.seq is "many"; it must be a whole number`)
	f("max_length: 512", `model.yaml line 1: max_length must be a mapping of names to values, not "512"`)
	f("max_length: {sek: 512}", `model.yaml: max_length names "sek", which is no free axis of an input (did you mean seq?); the free ones are seq`)
	f("max_length: {seq: 16}\npadding: {axis: seq, buckets: [8, 32]}", "model.yaml: padding.buckets has 32 and max_length.seq is 16: take the longer buckets out, or raise max_length")
}

func TestMultiply(t *testing.T) {
	f := func(a, b, want int64) {
		t.Helper()
		if got := Multiply(a, b); got != want {
			t.Errorf("%d * %d = %d, want %d", a, b, got, want)
		}
	}
	f(3, 5, 15)
	f(1<<31, 1<<30, 1<<61)
	f(1<<32, 1<<32, 1<<62)
	f(math.MaxInt64, 3, 1<<62)
}

// sequenceGraph is a model of rows of tokens with a mask, which rows of up to 1024 tokens were weighed of.
func sequenceGraph(names ...string) *Graph {
	g := &Graph{Schema: tensor.Schema{MaxBatch: 64, MaxRows: 1024, Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 4}}}}}
	for i, name := range names {
		g.Schema.Inputs = append(g.Schema.Inputs, tensor.Spec{Name: fmt.Sprint("in", i), Type: tensor.Int64, Shape: []int64{-1, -1}})
		g.InputAxes = append(g.InputAxes, []string{"n", name})
	}
	return g
}
