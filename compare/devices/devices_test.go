package devices

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sluice/compare/price"
	"sluice/internal/agree"
	"sluice/internal/cost"
	"sluice/internal/tensor"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden holds a text to a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-update rewrites it): got\n%s\nwant\n%s", name, got, want)
	}
}

const ms = time.Millisecond

// curve is a table of points.
func curve(points ...cost.Point) cost.Curve { return points }

func alike() Equivalence {
	return Equivalence{
		Rows: 80, Sources: map[string]int{"golden": 16, "made up": 64}, Agrees: true, Tolerance: agree.Loading, Excess: 0.04,
		Worst:   "largest difference 4.1e-06, 4 % of the tolerance (output score, row 3)",
		Outputs: []Output{{Name: "score", Kind: "regression", Figures: map[string]float64{"differs": 0, "mismatch": 0, "max_abs": 4.1e-6, "max_relative": 2e-5, "max_ulp": 18}}},
	}
}

// worked is the comparison whose figures docs/compare.md has.
func worked() Figures {
	return Figures{
		Model: Model{Name: "ranker", Version: "1", Digest: "abc"}, Objective: "p99<20ms", RowsPerRequest: 1, Equivalence: alike(),
		Devices: [2]Device{
			{
				Name: "cpu", CPU: true, Lanes: 4, Together: true, Opened: 12 * ms, Target: 8,
				Cold: curve(cost.Point{Rows: 1, P50: 3 * ms}, cost.Point{Rows: 8, P50: 22 * ms}), Warm: curve(cost.Point{Rows: 1, P50: 2 * ms}, cost.Point{Rows: 8, P50: 16 * ms}),
				Nodes: []Nodes{{"CPUExecutionProvider", 20}},
				Load: Load{
					RowsPerSecond: 400, Low: 391, High: 409, From: Measured, Limit: "target CPU", Why: "x",
					Points: []Point{{300, 3, 8, "pass"}, {450, 9, 31, "fail"}}, Planned: &Point{240, 2.5, 6, "planned"},
				},
				Unmeasured: "NVML knows nothing of cpu",
			},
			{
				Name: "cuda:0", Lanes: 2, Opened: 900 * ms, Target: 8, Precision: []string{"tf32"},
				Cold: curve(cost.Point{Rows: 1, P50: 40 * ms}, cost.Point{Rows: 8, P50: 45 * ms}), Warm: curve(cost.Point{Rows: 1, P50: 3 * ms}, cost.Point{Rows: 8, P50: 4 * ms}),
				Nodes:  []Nodes{{"CUDAExecutionProvider", 15}, {"CPUExecutionProvider", 5}},
				Load:   Load{RowsPerSecond: 4000, AtLeast: true, From: Measured, Limit: "generator"},
				Energy: NewEnergy(600, 50, 6*time.Second, 10_000),
			},
		},
		Prices: &price.Prices{Currency: "USD", Fleet: price.DefaultFleet(), PerHour: map[string]float64{"cpu": 0.357, "cuda:0": 0.805}},
		Day:    price.Steady(900),
	}
}

func compareAll(t *testing.T, f Figures) *Report {
	t.Helper()
	r, err := Compare(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > width {
			t.Errorf("a line of more than %d columns: %s", width, line)
		}
	}
	return b.Bytes()
}

// TestWorked holds the report to the worked figures, to the cent, and its forms to the golden files.
func TestWorked(t *testing.T) {
	r := compareAll(t, worked())
	cents := func(x float64) float64 { return math.Round(100*x) / 100 }
	if a, b := cents(r.Price.Devices[0].PerMillion), cents(r.Price.Devices[1].PerMillion); a != 0.44 || b != 0.25 {
		t.Errorf("a million rows cost %v and %v, want 0.44 and 0.25", a, b)
	}
	if r.Verdict.Kind != price.Cheaper || r.Verdict.Device != "cuda:0" || r.Assumed {
		t.Errorf("%+v", r.Verdict)
	}
	// At twice the load: 8 replicas and 1.
	if c := r.Costs[4]; c.RowsPerSecond != 1800 || c.Replicas != [2]int{8, 1} || cents(c.PerMillion[0]) != 0.44 || cents(c.PerMillion[1]) != 0.12 {
		t.Errorf("%+v", c)
	}
	golden(t, "worked.txt", text(t, r))
	asJSON, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "worked.json", append(asJSON, '\n'))
}

func TestVerdicts(t *testing.T) {
	f := func(name string, change func(f *Figures), kind, device string, says ...string) {
		t.Helper()
		figures := worked()
		change(&figures)
		r := compareAll(t, figures)
		if r.Verdict.Kind != kind || r.Verdict.Device != device {
			t.Errorf("%s: %s for %q, want %s for %q", name, r.Verdict.Kind, r.Verdict.Device, kind, device)
		}
		all := r.Verdict.Text + "\n" + strings.Join(r.Verdict.Why, "\n")
		for _, s := range says {
			if !strings.Contains(all, s) {
				t.Errorf("%s does not say %q:\n%s", name, s, all)
			}
		}
		text(t, r)
	}
	f("as it is", func(*Figures) {}, price.Cheaper, "cuda:0", "At 900 rows/s cuda:0 is cheaper", "cpu is the faster one up to batches of 1 row, cuda:0 from 8 on.",
		"cuda:0 leaves 5 nodes to the CPU.", "cuda:0 was not brought to its limit")
	f("no prices", func(f *Figures) { f.Prices = nil }, price.Unpriced, "", "no price is known")
	f("no load", func(f *Figures) { f.Day = price.Day{} }, price.Cheaper, "cpu", "At 240 rows/s cpu is cheaper")
	f("a slow GPU without prices", func(f *Figures) { f.Prices, f.Devices[1].Load.RowsPerSecond = nil, 390 }, price.Cheaper, "cpu",
		"cpu wins at every rate: a replica does 400 rows/s at p99<20ms and one of cuda:0 390, and a machine with cuda:0 has a CPU as well")
	f("a slow GPU with prices", func(f *Figures) { f.Devices[1].Load.RowsPerSecond = 390 }, price.Cheaper, "cpu", "At 900 rows/s cpu is cheaper")
	f("the GPU alone holds the objective", func(f *Figures) { f.Devices[0].Load.RowsPerSecond = 0 }, price.Only, "cuda:0", "cpu meets it at no rate")
	f("a row alone takes too long", func(f *Figures) {
		f.Devices[0].Load = Load{From: Table, Why: "its quickest run takes 2ms, and the objective allows 1ms"}
	}, price.Only, "cuda:0",
		"cpu holds the objective at no rate: its quickest run takes 2ms, and the objective allows 1ms.")
	f("neither does", func(f *Figures) { f.Devices[0].Load.RowsPerSecond, f.Devices[1].Load.RowsPerSecond = 0, 0 }, price.Neither, "")
	f("answers differ", func(f *Figures) {
		f.Equivalence.Agrees, f.Equivalence.Worst = false, "worst in output y, row 2: far off"
	}, Differs, "",
		"cpu and cuda:0 do not answer alike, so neither can stand in for the other: worst in output y, row 2: far off.")
	f("one does not answer", func(f *Figures) {
		f.Equivalence.Agrees, f.Equivalence.Failed, f.Equivalence.Failure = false, 3, "cuda:0: no"
	}, Differs, "", "3 of 80 rows got an answer from one of them alone (cuda:0: no)")
	f("nothing is known of the answers", func(f *Figures) { f.Equivalence = Equivalence{} }, price.Cheaper, "cuda:0", "Nothing shows that the answers agree")
	f("one is away", func(f *Figures) { f.Devices[1] = Device{Name: "cuda:0", Missing: "open: there is no driver"} }, Missing, "cpu", "ranker does not run on cuda:0: open: there is no driver")
	f("both are away", func(f *Figures) { f.Devices[0].Missing, f.Devices[1].Missing = "gone", "lost" }, Missing, "", "ranker does not run on cuda:0: lost")
	f("nothing was put under load", func(f *Figures) { f.Devices[0].Load = Load{RowsPerSecond: 2000, From: Table} }, price.Cheaper, "cpu", "cpu was not put under load")
}

// The page has the verdict, the reasons, the figures and all of the text, and takes nothing from elsewhere.
func TestHTML(t *testing.T) {
	f := func(change func(*Figures), figures int) {
		t.Helper()
		given := worked()
		given.Model.Name = "a<b"
		change(&given)
		r := compareAll(t, given)
		var b bytes.Buffer
		if err := HTML(&b, r); err != nil {
			t.Fatal(err)
		}
		got := b.String()
		if n := strings.Count(got, "<svg"); n != figures {
			t.Errorf("%d figures, want %d", n, figures)
		}
		if strings.Contains(got, "<script") || strings.Contains(got, "src=") || strings.Contains(got, "href=") || strings.Contains(got, "a<b") || !strings.Contains(got, "a&lt;b/1 on cpu and cuda:0") {
			t.Error("it is not a page of its own")
		}
		for _, s := range append([]string{r.Verdict.Text}, r.Verdict.Why...) {
			if !strings.Contains(got, template.HTMLEscapeString(s)) {
				t.Errorf("the page lacks %s", s)
			}
		}
	}
	f(func(*Figures) {}, 3)
	f(func(f *Figures) { f.Prices = nil }, 3)
	f(func(f *Figures) { f.Devices[0].Load.Points = nil }, 2)
	f(func(f *Figures) { f.Devices[1] = Device{Name: "cuda:0", Missing: "it is away"} }, 2)
}

func TestRefusals(t *testing.T) {
	figures := worked()
	figures.Devices[1].Load.RowsPerSecond = -1
	if r, err := Compare(figures); err == nil {
		t.Errorf("%+v", r.Verdict)
	}
}

func TestHighest(t *testing.T) {
	d := worked().Devices[0]
	f := func(limit time.Duration, together bool, want float64) {
		t.Helper()
		if d.Together = together; d.Highest(limit) != want {
			t.Errorf("within %v, together %v: %v, want %v", limit, together, d.Highest(limit), want)
		}
	}
	f(0, true, 2000)
	f(0, false, 500)
	f(ms, false, 0)
	d.Warm = curve(cost.Point{Rows: 1, P50: 2 * ms}, cost.Point{Rows: 8, P50: 4 * ms})
	f(0, false, 2000)
	f(3*ms, false, 500)
}

func TestEnergy(t *testing.T) {
	if e := NewEnergy(600, 50, 6*time.Second, 10_000); e.PerThousand != 60 || e.Marginal != 30 {
		t.Errorf("%+v", e)
	}
	if e := NewEnergy(100, 50, 6*time.Second, 10_000); e.Marginal != 0 {
		t.Errorf("less than idle: %+v", e)
	}
	if e := NewEnergy(100, 50, 6*time.Second, 0); e.PerThousand != 0 {
		t.Errorf("no rows: %+v", e)
	}
}

func TestEquality(t *testing.T) {
	floats := func(name string, rows int64, all ...float32) tensor.Tensor {
		x := tensor.Tensor{Name: name, Type: tensor.FP32, Shape: []int64{rows, int64(len(all)) / rows}}
		for _, v := range all {
			x.Data = binary.LittleEndian.AppendUint32(x.Data, math.Float32bits(v))
		}
		return x
	}
	s := &tensor.Schema{
		MaxBatch: 8, MaxRows: 8,
		Inputs:  []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 1}}},
		Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 1}}, {Name: "z", Type: tensor.FP32, Shape: []int64{-1, 2}}},
	}
	e, err := NewEquality(s, agree.Tolerance{Abs: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if r := e.Report(); r.Agrees || r.Rows != 0 || r.Worst != "" {
		t.Errorf("nothing agrees: %+v", r)
	}
	e.Add("golden", 2, []tensor.Tensor{floats("y", 2, 1, 2), floats("z", 2, 1, 2, 3, 4)}, []tensor.Tensor{floats("y", 2, 1, 2.05), floats("z", 2, 1, 2, 3, 4)})
	if r := e.Report(); !r.Agrees || r.Rows != 2 || r.Outputs[0].Figures["differs"] != 0 || math.Abs(r.Excess-0.5) > 1e-5 {
		t.Errorf("%+v", r)
	}
	e.Add("made up", 2, []tensor.Tensor{floats("y", 2, 1, 2), floats("z", 2, 1, 2, 3, 4)}, []tensor.Tensor{floats("y", 2, 1, 2), floats("z", 2, 1, 2, 3, 5)})
	r := e.Report()
	if r.Agrees || r.Rows != 4 || r.Outputs[1].Figures["differs"] != 0.25 || r.Outputs[1].Figures["max_abs"] != 1 || r.Outputs[0].Figures["differs"] != 0 || r.Sources["made up"] != 2 {
		t.Errorf("%+v", r)
	}
	if want := "worst in output z, row 3: 5 instead of 4 (difference 1, 10 of the tolerance)"; r.Worst != want {
		t.Errorf("%s\nwant %s", r.Worst, want)
	}
	e.Fail("made up", 1, "cuda:0: no")
	if r := e.Report(); r.Failed != 1 || r.Failure != "cuda:0: no" || r.Rows != 5 {
		t.Errorf("%+v", r)
	}
	// What has another form is told, and is in no figure.
	e.Add("made up", 1, []tensor.Tensor{floats("y", 1, 1), floats("z", 1, 1, 2)}, []tensor.Tensor{floats("y", 1, 1, 2), floats("z", 1, 1, 2)})
	if r := e.Report(); r.Excess != -1 || !strings.Contains(r.Worst, "shape") {
		t.Errorf("%+v", r)
	}
}
