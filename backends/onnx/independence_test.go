package onnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

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
	needLibrary(t)
	count, from := setting("SLUICE_GRAPHS", graphs), setting("SLUICE_GRAPHS_FROM", 1)
	var kinds [3]int
	var shown, ran, compared, mixesShown, mixesRan int
	for seed := from; seed < from+count; seed++ {
		data := newRandomGraph(uint64(seed)).File()
		m, err := onnxfile.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		verdict, err := dataflow.Analyze(data, m, dataflow.Question{})
		if err != nil {
			t.Fatal(err)
		}
		kinds[verdict.Verdict.Kind]++
		r, ok := runRandom(t, m, data)
		if !ok {
			continue
		}
		ran++
		for i, o := range verdict.Outputs {
			differs := r.differs(i, o.Same)
			switch {
			case o.Kind == dataflow.Proven && (o.RowsOnAxis0 || o.Same):
				compared++
				if differs != "" {
					shown++
					t.Errorf("seed %d: output %d is %s, and %s", seed, i, o.Verdict, differs)
				}
			case o.Kind == dataflow.Mixes:
				mixesRan++
				if differs != "" {
					mixesShown++
				}
			}
		}
	}
	t.Logf("of %d graphs %d are proven, %d mix, %d are unknown; %d ran; of %d proven outputs %d differ; of %d that mix %d do",
		count, kinds[dataflow.Proven], kinds[dataflow.Mixes], kinds[dataflow.Unknown], ran, compared, shown, mixesRan, mixesShown)
	if few := count / 8; kinds[dataflow.Proven] < few || kinds[dataflow.Mixes] < few || compared < few {
		t.Errorf("too few graphs of a kind to show anything: %v, %d outputs compared", kinds, compared)
	}
}

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// answers are the outputs of rows that ran alone, and of batches of the first of them.
type answers struct {
	alone   [][]answer // by row, then output
	batches map[int][]answer
}

type answer struct {
	shape  []int64
	values []float64
}

const randomRows = 5

func runRandom(t *testing.T, m *onnxfile.Model, data []byte) (r answers, ok bool) {
	t.Helper()
	var names []string
	for _, o := range m.Outputs {
		names = append(names, o.Name)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Destroy()
	_ = options.SetIntraOpNumThreads(1)
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(data, []string{"x", "z", "i"}, names, options)
	if err != nil {
		return r, false
	}
	defer s.Destroy()
	r.batches = map[int][]answer{}
	for row := range randomRows {
		one, err := runRows(s, row, 1, len(names))
		if err != nil {
			return r, false
		}
		r.alone = append(r.alone, one)
	}
	for _, n := range []int{2, 3, randomRows} {
		if got, err := runRows(s, 0, n, len(names)); err == nil {
			r.batches[n] = got
		}
	}
	return r, len(r.batches) > 0
}

// runRows runs rows from..from+n-1, whose values follow from their numbers alone.
func runRows(s *ort.DynamicAdvancedSession, from, n, outputs int) ([]answer, error) {
	const free, width = 3, 4
	x, z, i := make([]float32, 0, n*width), make([]float32, 0, n*free*width), make([]int64, 0, n)
	for row := from; row < from+n; row++ {
		rng := rand.New(rand.NewPCG(uint64(row), 11))
		for range width {
			x = append(x, float32(rng.IntN(65)-32)/16)
		}
		for range free * width {
			z = append(z, float32(rng.IntN(65)-32)/16)
		}
		i = append(i, int64(rng.IntN(tableSize)))
	}
	tx, err := ort.NewTensor(ort.NewShape(int64(n), width), x)
	if err != nil {
		return nil, err
	}
	defer tx.Destroy()
	tz, err := ort.NewTensor(ort.NewShape(int64(n), free, width), z)
	if err != nil {
		return nil, err
	}
	defer tz.Destroy()
	ti, err := ort.NewTensor(ort.NewShape(int64(n)), i)
	if err != nil {
		return nil, err
	}
	defer ti.Destroy()
	out := make([]ort.Value, outputs)
	if err := s.Run([]ort.Value{tx, tz, ti}, out); err != nil {
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

// differs says where an output depends on the batch; "" if it does not. Outputs that are
// the same for all rows are compared whole.
func (r answers) differs(output int, same bool) string {
	for n, batch := range r.batches {
		got := batch[output]
		for row := range n {
			alone := r.alone[row][output]
			part := got.values
			if !same {
				if len(got.shape) == 0 || got.shape[0] != int64(n) || len(alone.shape) == 0 || alone.shape[0] != 1 || len(got.values) != n*len(alone.values) {
					return fmt.Sprintf("a batch of %d gives the shape %v where row %d alone gives %v", n, got.shape, row, alone.shape)
				}
				part = got.values[row*len(alone.values) : (row+1)*len(alone.values)]
			}
			if len(part) != len(alone.values) {
				return fmt.Sprintf("a batch of %d gives the shape %v where row %d alone gives %v", n, got.shape, row, alone.shape)
			}
			for k, want := range alone.values {
				if !near(part[k], want) {
					return fmt.Sprintf("element %d of row %d of %d is %g where alone it is %g", k, row, n, part[k], want)
				}
			}
		}
	}
	return ""
}

func near(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-4+1e-3*max(math.Abs(a), math.Abs(b))
}
