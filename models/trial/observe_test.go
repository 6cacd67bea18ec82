package trial

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// wholeSession answers whole requests with outputs of the shapes that a test names.
type wholeSession struct {
	schema *tensor.Schema
	// answer gives the shapes for a request's inputs, or what is wrong with them.
	answer func(in []tensor.Tensor) ([][]int64, error)
	last   [][]int64
	closed int
}

func (s *wholeSession) Schema() *tensor.Schema { return s.schema }
func (s *wholeSession) Close() error           { s.closed++; return nil }

func (s *wholeSession) Run(_ int, parts []task.Part, _ clock.Instant) (t task.Timing, err error) {
	s.last, err = s.answer(parts[0].Task.Inputs)
	return t, err
}

func (s *wholeSession) Scatter(_ int, parts []task.Part) error {
	for k, shape := range s.last {
		n, _ := tensor.Elements(shape)
		parts[0].Task.SetWhole(k, &s.schema.Outputs[k], shape, make([]byte, int(n)*s.schema.Outputs[k].Type.Size()))
	}
	return nil
}

// graphOf is a model of rows of ids with one output of the declared shape.
func graphOf(declared ...int64) *bundle.Graph {
	return &bundle.Graph{
		Schema: tensor.Schema{
			Inputs:   []tensor.Spec{{Name: "ids", Type: tensor.Int64, Shape: []int64{-1, -1}}},
			Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: declared}},
			MaxBatch: 64, MaxRows: 1024,
		},
		InputAxes: [][]string{{"n", "t"}}, OutputAxes: [][]string{make([]string, len(declared))},
	}
}

// observe runs exercise and settles the schema by what it saw.
func observe(t *testing.T, g *bundle.Graph, golden string, answer func(in []tensor.Tensor) ([][]int64, error)) (*bundle.Observation, *tensor.Schema, bundle.Batching) {
	t.Helper()
	s := &wholeSession{answer: answer}
	b := &bundle.Bundle{From: bundle.Places{Own: t.TempDir()}}
	if err := os.WriteFile(filepath.Join(b.From.Own, bundle.GoldenFile), []byte(golden), 0o600); err != nil {
		t.Fatal(err)
	}
	var o *bundle.Observation
	opened := 0
	err := exercise(context.Background(), observeRun, b, g, 0, func(_ context.Context, b *bundle.Bundle) (bundle.Session, error) {
		s.schema = b.Schema
		opened++
		return s, nil
	}, func() {}, func(seen *bundle.Observation) { o = seen }, func(w bundle.Weighing) {
		if err := o.Merge(w); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil || s.closed != opened {
		t.Fatalf("%v, opened %d times and closed %d times", err, opened, s.closed)
	}
	schema, how, err := g.Settle(&bundle.Config{MaxBatch: 64}, o)
	if err != nil {
		t.Fatal(err)
	}
	return o, schema, how
}

var errShape = fault.Wrap(fault.ModelRejectedInput, errors.New("library text"), "the model rejected a shape")

// TestSettle holds how rows share runs, and what the output is, for models that give other things
// than they declare.
func TestSettle(t *testing.T) {
	rows := func(in []tensor.Tensor) int64 { return in[0].Shape[0] }
	f := func(name string, g *bundle.Graph, answer func([]tensor.Tensor) ([][]int64, error), mode bundle.BatchMode, basis bundle.BatchBasis, text string, dynamic bool, shape ...int64) {
		t.Helper()
		_, s, how := observe(t, g, "", answer)
		if how.Mode != mode || how.Basis != basis || !strings.Contains(how.Text, text) {
			t.Errorf("%s: %+v; want %s, %s, %q", name, how, mode, basis, text)
		}
		if out := s.Outputs[0]; out.Dynamic != dynamic || !slices.Equal(out.Shape, shape) {
			t.Errorf("%s: %v, dynamic %v; want %v, %v", name, out.Shape, out.Dynamic, shape, dynamic)
		}
	}
	fixed := func(tail ...int64) func([]tensor.Tensor) ([][]int64, error) {
		return func(in []tensor.Tensor) ([][]int64, error) { return [][]int64{append([]int64{rows(in)}, tail...)}, nil }
	}
	f("as declared", graphOf(-1, 4), fixed(4), bundle.Batched, bundle.Unshown, "", false, -1, 4)
	f("free as declared", graphOf(-1, -1), fixed(4), bundle.Batched, bundle.Unshown, "", false, -1, -1)
	f("another rank", graphOf(-1), fixed(1), bundle.Batched, bundle.Unshown, "", true, -1, -1)
	f("another size", graphOf(-1, 4), fixed(5), bundle.Batched, bundle.Unshown, "", true, -1, -1)
	f("sizes that change", graphOf(-1, 4), func(in []tensor.Tensor) ([][]int64, error) {
		return [][]int64{{rows(in), in[0].Shape[1]}}, nil
	}, bundle.Batched, bundle.Unshown, "", true, -1, -1)
	f("fewer rows", graphOf(-1, 4), func(in []tensor.Tensor) ([][]int64, error) {
		return [][]int64{{rows(in) / 2, 4}}, nil
	}, bundle.Single, bundle.Refuted, `output "y" has the shape [0 4] for a request of 1 row`, false, -1, 4)
	f("one value", graphOf(-1), func([]tensor.Tensor) ([][]int64, error) {
		return [][]int64{{}}, nil
	}, bundle.Single, bundle.Refuted, `output "y" has the shape []`, true)
	f("one row alone", graphOf(-1, 4), func(in []tensor.Tensor) ([][]int64, error) {
		if rows(in) > 1 {
			return nil, errShape
		}
		return [][]int64{{1, 4}}, nil
	}, bundle.RowByRow, bundle.Refuted, "one row runs and several do not: ids INT64[2,8]: the model rejected a shape", false, -1, 4)
	f("nothing runs", graphOf(-1, 4), func([]tensor.Tensor) ([][]int64, error) {
		return nil, errShape
	}, bundle.Single, bundle.Unshown, "no request is known that the model takes", true, -1, 4)
	proven := graphOf(-1, 4)
	proven.Independence = &bundle.Independence{Shown: bundle.ShownApart, Outputs: []bundle.OutputRows{{RowToRow: true}}}
	f("nothing runs, and proven", proven, func([]tensor.Tensor) ([][]int64, error) {
		return nil, errShape
	}, bundle.Batched, bundle.Proven, "", true, -1, 4)
	mixes := graphOf(-1, 4)
	mixes.Independence = &bundle.Independence{Shown: bundle.ShownMixing, Text: `mixes at node "m" (ReduceMean)`}
	f("mixes", mixes, fixed(4), bundle.Single, bundle.Refuted, `mixes at node "m" (ReduceMean)`, false, -1, 4)
	one := graphOf(-1, 4)
	one.FixedBatch = 1
	f("a fixed batch of one", one, func(in []tensor.Tensor) ([][]int64, error) {
		if rows(in) != 1 {
			return nil, errShape
		}
		return [][]int64{{1, 4}}, nil
	}, bundle.RowByRow, bundle.Asked, "the file fixes the batch at 1", false, -1, 4)
}

// TestObserveNarrows draws integers wide first, and less so where the model refuses them.
func TestObserveNarrows(t *testing.T) {
	highest := func(in []tensor.Tensor) (most int64) {
		for i := range len(in[0].Data) / 8 {
			most = max(most, int64(in[0].Data[8*i])|int64(in[0].Data[8*i+1])<<8)
		}
		return most
	}
	seen := int64(0)
	answer := func(table int64) func(in []tensor.Tensor) ([][]int64, error) {
		return func(in []tensor.Tensor) ([][]int64, error) {
			if highest(in) >= table {
				return nil, errShape
			}
			seen = max(seen, highest(in))
			return [][]int64{{in[0].Shape[0], 4}}, nil
		}
	}
	for _, c := range []struct{ table, above int64 }{{1 << 20, 500}, {150, 50}, {12, 4}, {2, 0}} {
		seen = 0
		o, _, how := observe(t, graphOf(-1, 4), "", answer(c.table))
		if !o.Ran(3) || how.Mode != bundle.Batched || seen < c.above {
			t.Errorf("a table of %d: %+v, ids up to %d", c.table, how, seen)
		}
	}
}

// TestObserveGolden runs the bundle's own requests, which a model may take where it takes nothing
// that is made up.
func TestObserveGolden(t *testing.T) {
	const line = `{"request":{"inputs":[{"name":"ids","datatype":"INT64","shape":[2,1],"data":[7000,7001]}]},"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[2,1,3],"data":[0,0,0,0,0,0]}]}}`
	o, s, how := observe(t, graphOf(-1, 3), line, func(in []tensor.Tensor) ([][]int64, error) {
		if in[0].Data[1] < 27 {
			return nil, errShape
		}
		return [][]int64{{in[0].Shape[0], 1, 3}}, nil
	})
	if len(o.Runs) != 1 || o.Runs[0].Rows != 2 || o.Complaint(0) == nil || how.Mode != bundle.Batched || !s.Outputs[0].Dynamic || len(s.Outputs[0].Shape) != 3 {
		t.Errorf("%+v, %+v, %+v", o, how, s.Outputs[0])
	}
}

// A model none of whose runs comes to an end is not served; one that ends for its golden rows is.
func TestEndlessRuns(t *testing.T) {
	const limit = 2 * time.Millisecond
	f := func(name, golden string, ends func(in []tensor.Tensor) bool, served bool) {
		runs := 0
		s := &wholeSession{answer: func(in []tensor.Tensor) ([][]int64, error) {
			if runs++; ends(in) {
				return [][]int64{{in[0].Shape[0], 4}}, nil
			}
			time.Sleep(limit)
			return nil, errShape
		}}
		b := &bundle.Bundle{From: bundle.Places{Own: t.TempDir()}}
		if err := os.WriteFile(filepath.Join(b.From.Own, bundle.GoldenFile), []byte(golden), 0o600); err != nil {
			t.Fatal(err)
		}
		err := exercise(t.Context(), limit, b, graphOf(-1, 4), 0, func(_ context.Context, b *bundle.Bundle) (bundle.Session, error) { s.schema = b.Schema; return s, nil },
			func() {}, func(*bundle.Observation) {}, func(bundle.Weighing) {})
		if served != (err == nil) || err != nil && !strings.Contains(err.Error(), "took longer than 2ms and was cut short") {
			t.Errorf("%s: %v", name, err)
		}
		if !served && runs > 2 {
			t.Errorf("%s: %d runs, each of which takes its whole limit", name, runs)
		}
	}
	const golden = `{"request":{"inputs":[{"name":"ids","datatype":"INT64","shape":[1,2],"data":[7,7]}]},"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,4],"data":[0,0,0,0]}]}}` + "\n"
	seven := func(in []tensor.Tensor) bool { return len(in[0].Data) == 16 && in[0].Data[0] == 7 }
	f("never", "", func([]tensor.Tensor) bool { return false }, false)
	f("never, and golden rows", golden, func([]tensor.Tensor) bool { return false }, false)
	f("golden rows alone", golden, seven, true)
	f("always", "", func([]tensor.Tensor) bool { return true }, true)
}
