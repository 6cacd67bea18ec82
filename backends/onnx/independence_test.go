package onnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/longtest"
	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/dataflow"
)

// graphs is how many random graphs are held against runs; SLUICE_GRAPHS asks for more, and
// SLUICE_GRAPHS_FROM starts with another seed.
const graphs = 2000

// TestProvenGraphsKeepRowsApart holds the proof of independence against runs: it draws
// graphs, runs rows alone and in batches, and compares. A row of a proven output must not
// depend on the batch. What is said to mix need not show it in a few rows, but most does.
func TestProvenGraphsKeepRowsApart(t *testing.T) {
	longtest.Skip(t)
	needLibrary(t)
	count, from := setting("SLUICE_GRAPHS", graphs), setting("SLUICE_GRAPHS_FROM", 1)
	var all tally
	for seed := from; seed < from+count; seed++ {
		data := newRandomGraph(uint64(seed)).File()
		m, err := onnxfile.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		g := &heldGraph{t: t, seed: seed, data: data, model: m}
		if g.open() {
			g.batches(&all)
			g.once(&all)
			g.fixed(&all)
			_ = g.session.Destroy()
		} else {
			all.kinds[g.ask(dataflow.Question{}).Verdict.Kind]++
		}
	}
	t.Logf("of %d graphs %d are proven, %d mix, %d are unknown; %d ran; of %d proven outputs %d differ; of %d that mix %d do; "+
		"with an input given once %d of %d differ, in batches of a fixed size %d of %d",
		count, all.kinds[dataflow.Proven], all.kinds[dataflow.Mixes], all.kinds[dataflow.Unknown], all.ran, all.proven, all.wrong,
		all.mixes, all.shown, all.onceWrong, all.once, all.fixedWrong, all.fixed)
	few := count / 8
	if all.kinds[dataflow.Proven] < few || all.kinds[dataflow.Mixes] < few || all.proven < few || all.once < few || all.fixed < few || all.shown < all.mixes/2 {
		t.Error("too few graphs of a kind to show anything")
	}
}

type tally struct {
	kinds                              [3]int
	ran, proven, wrong, mixes, shown   int
	once, onceWrong, fixed, fixedWrong int
}

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// heldGraph is a graph that is held against its runs.
type heldGraph struct {
	t       *testing.T
	seed    int
	data    []byte
	model   *onnxfile.Model
	session *ort.DynamicAdvancedSession
}

func (g *heldGraph) ask(q dataflow.Question) *dataflow.Result {
	g.t.Helper()
	r, err := dataflow.Analyze(g.data, g.model, q)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// open loads the graph; some graphs the library refuses.
func (g *heldGraph) open() bool {
	var names []string
	for _, o := range g.model.Outputs {
		names = append(names, o.Name)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = options.Destroy() }()
	_ = options.SetIntraOpNumThreads(1)
	g.session, err = ort.NewDynamicAdvancedSessionWithONNXData(g.data, []string{"x", "z", "i"}, names, options)
	return err == nil
}

// batches compares rows in batches with the same rows alone.
func (g *heldGraph) batches(all *tally) {
	result := g.ask(dataflow.Question{})
	all.kinds[result.Verdict.Kind]++
	var alone [][]answer
	for row := range randomRows {
		one, err := g.run([]int{row}, []int{row})
		if err != nil {
			return
		}
		alone = append(alone, one)
	}
	all.ran++
	for i, o := range result.Outputs {
		differs := ""
		for _, n := range []int{2, 3, randomRows} {
			rows := []int{0, 1, 2, 3, 4}[:n]
			got, err := g.run(rows, rows)
			for row := 0; err == nil && row < n && differs == ""; row++ {
				differs = differ(got[i], alone[row][i], row, n, o.Same)
			}
		}
		switch {
		case o.Kind == dataflow.Proven && (o.RowsOnAxis0 || o.Same):
			all.proven++
			if differs != "" {
				all.wrong++
				g.t.Errorf("seed %d: output %d is %s, and %s", g.seed, i, o.Verdict, differs)
			}
		case o.Kind == dataflow.Mixes:
			all.mixes++
			if differs != "" {
				all.shown++
			}
		}
	}
}

// once gives "x" once to several rows of the others.
func (g *heldGraph) once(all *tally) {
	rows := []int{1, 2, 3}
	got, err := g.run([]int{0}, rows)
	if err != nil {
		return
	}
	for i, o := range g.ask(dataflow.Question{Once: map[string]bool{"x": true}}).Outputs {
		if o.Kind != dataflow.Proven || !o.RowsOnAxis0 {
			continue
		}
		all.once++
		for k, row := range rows {
			alone, err := g.run([]int{0}, []int{row})
			if err != nil {
				continue
			}
			if differs := differ(got[i], alone[i], k, len(rows), o.Once); differs != "" {
				all.onceWrong++
				g.t.Errorf("seed %d: output %d is %s with x given once (%v), and %s", g.seed, i, o.Verdict, o.Once, differs)
				break
			}
		}
	}
}

// fixed asks about batches of four rows, and moves rows to other places beside others. Four
// is also the length of other axes.
func (g *heldGraph) fixed(all *tally) {
	first, second := []int{0, 1, 2, 3}, []int{4, 0, 1, 2}
	a, err := g.run(first, first)
	if err != nil {
		return
	}
	b, err := g.run(second, second)
	if err != nil {
		return
	}
	for i, o := range g.ask(dataflow.Question{Batch: 4}).Outputs {
		if o.Kind != dataflow.Proven || !o.RowsOnAxis0 {
			continue
		}
		all.fixed++
		for row := range 3 {
			if differs := differ(b[i], a[i].row(row, 4), row+1, 4, false); differs != "" {
				all.fixedWrong++
				g.t.Errorf("seed %d: output %d is %s in batches of 4, and %s", g.seed, i, o.Verdict, differs)
				break
			}
		}
	}
}

// answer is an output of a run.
type answer struct {
	shape  []int64
	values []float64
}

// row is one of n rows of an answer, as if it had run alone.
func (a answer) row(i, n int) answer {
	if len(a.shape) == 0 || a.shape[0] != int64(n) {
		return a
	}
	size := len(a.values) / n
	return answer{append([]int64{1}, a.shape[1:]...), a.values[i*size : (i+1)*size]}
}

const randomRows = 5

// run gives "x" some rows, and the other inputs some. A row's values follow from its number
// alone.
func (g *heldGraph) run(xs, rows []int) ([]answer, error) {
	const free, width = 3, 4
	var x, z []float32
	var ids []int64
	draw := func(row, stream, count int) (list []float32) {
		rng := rand.New(rand.NewPCG(uint64(row), uint64(stream)))
		for range count {
			list = append(list, float32(rng.IntN(65)-32)/16)
		}
		return list
	}
	for _, row := range xs {
		x = append(x, draw(row, 1, width)...)
	}
	for _, row := range rows {
		z = append(z, draw(row, 2, free*width)...)
		ids = append(ids, int64(rand.New(rand.NewPCG(uint64(row), 3)).IntN(tableSize)))
	}
	tx, err := ort.NewTensor(ort.NewShape(int64(len(xs)), width), x)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Destroy() }()
	tz, err := ort.NewTensor(ort.NewShape(int64(len(rows)), free, width), z)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tz.Destroy() }()
	ti, err := ort.NewTensor(ort.NewShape(int64(len(rows))), ids)
	if err != nil {
		return nil, err
	}
	defer func() { _ = ti.Destroy() }()
	out := make([]ort.Value, len(g.model.Outputs))
	if err := g.session.Run([]ort.Value{tx, tz, ti}, out); err != nil {
		return nil, err
	}
	var got []answer
	for _, v := range out {
		a := answer{shape: v.GetShape()}
		switch v := v.(type) {
		case *ort.Tensor[float32]:
			for _, f := range v.GetData() {
				a.values = append(a.values, float64(f))
			}
		case *ort.Tensor[int64]:
			for _, k := range v.GetData() {
				a.values = append(a.values, float64(k))
			}
		default:
			err = fmt.Errorf("cannot read an output of type %T", v)
		}
		got = append(got, a)
		_ = v.Destroy()
	}
	return got, err
}

// differ says where a row of n differs from the row alone; "" if it does not. An output that
// is the same for all rows is compared whole.
func differ(got, alone answer, row, n int, same bool) string {
	part := got.values
	if !same {
		fits := len(got.shape) > 0 && got.shape[0] == int64(n) && len(alone.shape) > 0 && alone.shape[0] == 1 && len(got.values) == n*len(alone.values)
		if !fits {
			return fmt.Sprintf("a batch of %d gives the shape %v where row %d alone gives %v", n, got.shape, row, alone.shape)
		}
		part = got.row(row, n).values
	}
	if len(part) != len(alone.values) {
		return fmt.Sprintf("a batch of %d gives the shape %v where row %d alone gives %v", n, got.shape, row, alone.shape)
	}
	for k, want := range alone.values {
		if !near(part[k], want) {
			return fmt.Sprintf("element %d of row %d of %d is %g where alone it is %g", k, row, n, part[k], want)
		}
	}
	return ""
}

func near(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-4+1e-3*max(math.Abs(a), math.Abs(b))
}
