package dataflow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/dataflow"
	"sluice/internal/onnxgen"
)

// The memory that an analysis may allocate in all, kept or not: a constant, and so many
// bytes for each of the file.
const (
	constantBytes = 64 << 20
	bytesPerByte  = 16 << 10
)

// bounded runs an analysis and holds it to its bounds.
func bounded(t testing.TB, data []byte) *dataflow.Result {
	t.Helper()
	m, err := onnxfile.Parse(data)
	if err != nil {
		return nil
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := dataflow.Analyze(data, m, dataflow.Question{})
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > constantBytes+bytesPerByte*uint64(len(data)) || grown > 4<<30 {
		t.Errorf("a file of %d bytes took %d bytes to analyse", len(data), grown)
	}
	if err != nil {
		return nil
	}
	return r
}

// TestBounds gives the analysis files that would take it for ever.
func TestBounds(t *testing.T) {
	f := func(name string, data []byte, want string) {
		t.Helper()
		start := time.Now()
		r := bounded(t, data)
		if r == nil {
			t.Fatalf("%s: the file was not read", name)
		}
		if got := r.Verdict.String(); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", name, got, want)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
	const large = "unknown: the graph is too large to analyse"
	f("loops in loops", nestedLoops(28), large)
	f("functions that call the one before them twice", doubled(40), large)
	f("a function that calls itself", recursive(), large)
	f("a long chain", chain(60_000), "proven")
	f("a wide sum", wide(60_000), "proven")
	f("lengths without end", growing(5000), "")
}

func nestedLoops(depth int) []byte {
	g := onnxgen.New(17)
	g.Input("x", onnxgen.Float32, "N", 4).Wholes("three", nil, 3)
	inner := func(level int, from string) *onnxgen.Graph { return nil }
	inner = func(level int, from string) *onnxgen.Graph {
		p := fmt.Sprint("l", level)
		b := onnxgen.New(17).Scalar(p+"i", onnxgen.Int64).Scalar(p+"c", onnxgen.Bool).Input(p+"s", onnxgen.Float32)
		b.Node("Concat", p+"g", onnxgen.In(p+"s", p+"s"), onnxgen.Whole("axis", 1))
		last := p + "g"
		if level < depth {
			b.Nodes("Loop", onnxgen.In(p+"y"), onnxgen.In("three", "", p+"g"), onnxgen.Body("body", inner(level+1, p+"g")))
			last = p + "y"
		}
		b.Node("Identity", p+"d", onnxgen.In(p+"c"))
		return b.OutputOf(onnxgen.Bool, p+"d").Output(last)
	}
	g.Nodes("Loop", onnxgen.In("y"), onnxgen.In("three", "", "x"), onnxgen.Body("body", inner(1, "x")))
	return g.Output("y").File()
}

func doubled(depth int) []byte {
	g := onnxgen.New(17).Domain("own", 1)
	for i := range depth {
		f := onnxgen.New(17)
		op := "Tanh"
		if i > 0 {
			op = fmt.Sprint("own.f", i-1)
		}
		f.Node(op, "b", onnxgen.In("a")).Node(op, "c", onnxgen.In("b"))
		g.Function("own", fmt.Sprint("f", i), onnxgen.In("a"), onnxgen.In("c"), f)
	}
	return g.Input("x", onnxgen.Float32, "N", 4).Node(fmt.Sprint("own.f", depth-1), "y", onnxgen.In("x")).Output("y").File()
}

func recursive() []byte {
	f := onnxgen.New(17).Node("own.f", "b", onnxgen.In("a")).Node("own.f", "c", onnxgen.In("b"))
	g := onnxgen.New(17).Domain("own", 1).Function("own", "f", onnxgen.In("a"), onnxgen.In("c"), f)
	return g.Input("x", onnxgen.Float32, "N", 4).Node("own.f", "y", onnxgen.In("x")).Output("y").File()
}

func chain(nodes int) []byte {
	g := onnxgen.New(17).Input("x", onnxgen.Float32, "N", 4)
	from := "x"
	for i := range nodes {
		to := fmt.Sprint("v", i)
		g.Node("Tanh", to, onnxgen.In(from))
		from = to
	}
	return g.Output(from).File()
}

func wide(inputs int) []byte {
	g := onnxgen.New(17).Input("x", onnxgen.Float32, "N", 4)
	names := make([]string, inputs)
	for i := range names {
		names[i] = "x"
	}
	return g.Node("Sum", "y", names).Output("y").File()
}

// growing adds and multiplies lengths, so that each is a new expression.
func growing(nodes int) []byte {
	g := onnxgen.New(17).Input("x", onnxgen.Float32, "N", "T", 4)
	from := "x"
	for i := range nodes {
		to := fmt.Sprint("v", i)
		g.Node("Concat", to, onnxgen.In(from, "x"), onnxgen.Whole("axis", 1))
		from = to
	}
	return g.Output(from).File()
}

// FuzzAnalyze looks for panics, for work without end and for memory without bound.
func FuzzAnalyze(f *testing.F) {
	for _, pattern := range []string{"../../../backends/onnx/testdata/*.onnx", "../../../examples/models/*/*/model.onnx"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if len(data) < 100_000 {
				f.Add(data)
			}
		}
	}
	f.Add(nestedLoops(4))
	f.Add(doubled(4))
	f.Add(recursive())
	f.Add(growing(4))
	for _, c := range cases() {
		f.Add(c.graph.File())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bounded(t, data)
		if r == nil {
			return
		}
		worst := r.Verdict
		for _, o := range r.Outputs {
			if o.Kind > worst.Kind {
				t.Errorf("output %q is %s, the model %s", o.Name, o.Verdict, worst)
			}
			if o.Kind != dataflow.Proven && (o.RowsOnAxis0 || o.Once || o.Same) {
				t.Errorf("output %q is %s and says more: %+v", o.Name, o.Verdict, o)
			}
		}
	})
}
