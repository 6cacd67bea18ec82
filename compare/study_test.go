package compare

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/compare/sequence"
	"sluice/internal/tensor"
)

// one is a study of one regression output with few rules.
func one(criteria ...Criterion) Options {
	return Options{
		Model: "eta", Primary: Version{"eta", "1", ""}, Candidate: Version{"eta", "2", ""}, UnitBytes: 64 << 10, Criteria: criteria,
		Schema: &tensor.Schema{MaxBatch: 8, MaxRows: 8, Inputs: input, Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}}},
	}
}

func sampleOf(unit uint64, primary, candidate float32) *Sample {
	return &Sample{ID: "a", Unit: unit, Rows: 1, Primary: []tensor.Tensor{floats("y", []int64{1}, []float32{primary})}, Candidate: []tensor.Tensor{floats("y", []int64{1}, []float32{candidate})}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A unit counts once; later samples are looked at for the worst rows alone.
func TestUnitCountsOnce(t *testing.T) {
	s := study(t, one(limit("y", "differs", 0.1)))
	must(t, s.Add(sampleOf(1, 1, 1)))
	far := sampleOf(1, 1, 9)
	far.ID = "again"
	must(t, s.Add(far))
	r := s.Report(Coverage{})
	if j := r.Criteria[0]; j.Units != 1 || j.Mean != 0 || r.Coverage.Repeated != 1 || r.Coverage.Samples != 2 {
		t.Errorf("%+v, %+v", j, r.Coverage)
	}
	if w := r.Outputs[0].Worst; len(w) != 1 || w[0].ID != "again" {
		t.Errorf("the worst rows are %+v", w)
	}
	if err := s.Add(&Sample{}); err == nil || s.counts.Samples != 2 {
		t.Errorf("took a sample without an answer of the primary: %v", err)
	}
}

// Whatever keeps a candidate from answering is an error of it, by its reason.
func TestFailures(t *testing.T) {
	s := study(t, one(limit("", "errors", 0.5)))
	for unit := range uint64(60) {
		x := sampleOf(unit, 1, 1)
		switch unit % 4 {
		case 0:
			x.Candidate, x.Failure = nil, "timeout"
		case 1:
			x.Candidate = []tensor.Tensor{floats("y", []int64{2}, []float32{1, 2})}
		case 2:
			x.Candidate = []tensor.Tensor{floats("z", []int64{1}, []float32{1})}
		}
		must(t, s.Add(x))
	}
	r := s.Report(Coverage{})
	if !reflect.DeepEqual(r.Coverage.Failures, map[string]int64{"timeout": 15, "form": 30}) || r.Errors.Mean != 0.75 || r.Verdict != sequence.Fail {
		t.Errorf("%s: %+v, %+v", r.Reason, r.Coverage, r.Errors)
	}
	if want := `output "y" has the shape [2], expected [1]`; r.Coverage.First != want {
		t.Errorf("the first is %q", r.Coverage.First)
	}
}

// Noise is taken off, and no unit counts for differs before it is known.
func TestNoiseIsNoDifference(t *testing.T) {
	o := one(limit("y", "differs", 0.05))
	o.Again = true
	s := study(t, o)
	r := rand.New(rand.NewPCG(5, 5))
	for unit := range uint64(4000) {
		x := sampleOf(unit, 1, 1+float32(r.NormFloat64())*0.01) // ten times the tolerance
		x.Again = []tensor.Tensor{floats("y", []int64{1}, []float32{1 + float32(r.NormFloat64())*0.01})}
		must(t, s.Add(x))
		if known := unit >= 999; s.NoiseKnown() != known {
			t.Fatalf("the noise is known: %v, after %d", s.NoiseKnown(), unit+1)
		}
		if unit == 500 && !strings.Contains(s.Judged()[0].Note, "501 of 1000") {
			t.Errorf("the note is %q", s.Judged()[0].Note)
		}
	}
	j := s.Judged()[0]
	if j.Units != 3000 || j.AgainUnits != 3000 || j.Verdict != sequence.Pass || j.Again == nil || math.Abs(j.Mean-*j.Again) > 0.01 || j.Mean == 0 {
		t.Errorf("%+v, A/A %v", j, *j.Again)
	}
}

// A mean and a latency are judged, each at its own alpha.
func TestMeans(t *testing.T) {
	bias, slow := Criterion{Output: "y", Figure: "bias", Within: criteriaLimit(0.1), Alpha: 0.01}, limit("", "latency", 1e-3)
	s := study(t, one(bias, slow))
	r := rand.New(rand.NewPCG(5, 6))
	for unit := range uint64(2000) {
		x := sampleOf(unit, 1, 1.05+float32(r.NormFloat64())*0.1)
		x.PrimaryRun = 5 * time.Millisecond
		x.CandidateRun = x.PrimaryRun + 2*time.Millisecond + time.Duration(r.NormFloat64()*1e6)
		must(t, s.Add(x))
	}
	j := s.Judged()
	if j[0].Verdict != sequence.Pass || j[0].Criterion.Alpha != 0.01 || math.Abs(j[0].Mean-0.05) > 0.01 || j[0].Method != methodAsymptotic {
		t.Errorf("bias: %+v", j[0])
	}
	if j[1].Verdict != sequence.Fail || math.Abs(j[1].Mean-2e-3) > 1e-4 || j[1].Unit != UnitSeconds {
		t.Errorf("latency: %+v", j[1])
	}
	l := s.Report(Coverage{}).Latency
	if math.Abs(l.Primary.P50-5e-3) > 2e-4 || math.Abs(l.Candidate.P50-7e-3) > 4e-4 || l.Difference.Units != 2000 {
		t.Errorf("%+v", l)
	}
}

// Nothing found is not PASS: it waits, and once the time or the most units are reached a person looks.
func TestWaitAndLook(t *testing.T) {
	o := one(limit("y", "differs", 0.001))
	o.MostUnits = 50
	s := study(t, o)
	for unit := range uint64(49) {
		must(t, s.Add(sampleOf(unit, 1, 1)))
	}
	if s.Verdict() != sequence.Wait {
		t.Errorf("after 49 units: %s", s.Verdict())
	}
	must(t, s.Add(sampleOf(49, 1, 1)))
	if s.Verdict() != sequence.Look {
		t.Errorf("after 50 units: %s", s.Verdict())
	}
	s = study(t, one(limit("y", "differs", 0.001)))
	s.End()
	if r := s.Report(Coverage{}); r.Verdict != sequence.Look || !strings.HasPrefix(r.Reason, "a person decides: rows of y that differ") {
		t.Errorf("at the end: %s: %s", r.Verdict, r.Reason)
	}
	f := func(want sequence.Verdict, all ...sequence.Verdict) {
		t.Helper()
		var list []Judged
		for _, v := range all {
			list = append(list, Judged{Verdict: v})
		}
		if got := together(list); got != want {
			t.Errorf("%v are %s", all, got)
		}
	}
	f("PASS", "PASS", "PASS")
	f("FAIL", "PASS", "LOOK", "FAIL", "WAIT")
	f("LOOK", "WAIT", "LOOK", "PASS")
	f("WAIT", "PASS", "WAIT")
}

// One city has another model than the others.
func TestSegments(t *testing.T) {
	o := one(limit("y", "differs", 0.5))
	o.Segments = []string{"city"}
	s := study(t, o)
	r := rand.New(rand.NewPCG(5, 7))
	for unit := range uint64(1500) {
		city, far := []string{"Ulm", "Bern", "Linz"}[unit%3], 0.1
		if city == "Bern" {
			far = 0.2
		}
		x := sampleOf(unit, 1, 1)
		if r.Float64() < far {
			x = sampleOf(unit, 1, 5)
		}
		x.Inputs = []tensor.Tensor{{Name: "city", Type: tensor.Bytes, Shape: []int64{1}, Data: tensor.AppendBytes(nil, city)}}
		must(t, s.Add(x))
	}
	list := s.Report(Coverage{}).Outputs[0].Segments
	if len(list) != 3 || list[0].Value != "Bern" || !list[0].Found || list[0].Units != 500 || math.Abs(list[0].Mean-0.2) > 0.04 || math.Abs(list[0].Rest-0.1) > 0.03 || list[0].P > 0.01 {
		t.Errorf("%+v", list)
	}
}

// A report says the same after it was sent as JSON, open ends included.
func TestReportAsJSON(t *testing.T) {
	sh := shapes()[1]
	list, _ := sh.samples(1200, 9, swappedClass)
	sh.options.Segments = []string{"city"}
	s := study(t, sh.options)
	add(t, s, list)
	want := s.Report(Coverage{Mode: "live", Seen: 5000, Sampled: 1300, Dropped: map[string]int64{"ring_full": 100}})
	text, err := json.Marshal(want)
	must(t, err)
	var got Report
	must(t, json.Unmarshal(text, &got))
	if !reflect.DeepEqual(want, &got) {
		t.Errorf("sent\n%+v\ncame\n%+v", want, &got)
	}
	if p := want.Outputs[0].Pairs; len(p) != 2 || p[0].Primary+p[0].Candidate != "38" && p[0].Primary+p[0].Candidate != "83" {
		t.Errorf("the pairs are %+v", p)
	}
	empty, err := json.Marshal(study(t, one()).Report(Coverage{}))
	must(t, err)
	if !strings.Contains(string(empty), `"default":true`) || !strings.Contains(string(empty), `"interval":{"low":null,"high":null}`) {
		t.Errorf("a study without samples and criteria is %s", empty)
	}
}

// Scores that move show as drift, in the version whose scores they are.
func TestDrift(t *testing.T) {
	s := study(t, one(limit("y", "differs", 0.5)))
	r := rand.New(rand.NewPCG(5, 8))
	for unit := range uint64(3000) {
		x := float32(r.NormFloat64())
		must(t, s.Add(sampleOf(unit, x, x+1)))
	}
	d := s.Report(Coverage{}).Outputs[0].Drift
	if d == nil || d.Primary.PSI > 3*d.Primary.Critical || d.Candidate.PSI < 0.5 || d.Candidate.Scores != 2000 {
		t.Errorf("%+v", d)
	}
}

func TestNumber(t *testing.T) {
	f := func(x float64, unit, want string) {
		t.Helper()
		if got := Number(x, unit); got != want {
			t.Errorf("%v %s is %q, want %q", x, unit, got, want)
		}
	}
	f(0.002, UnitShare, "0.2 %")
	f(0, UnitShare, "0 %")
	f(0.0005, UnitSeconds, "500 us")
	f(0.0123, UnitSeconds, "12.3 ms")
	f(-2, UnitSeconds, "-2 s")
	f(12345.6, "", "12346")
	f(math.Inf(1), UnitShare, "?")
}

// The bins of a spread hold what they say, up to both ends.
func TestSpread(t *testing.T) {
	var s spread
	for i := range 1000 {
		s.add(float64(i + 1))
	}
	for _, q := range []float64{0.01, 0.5, 0.99, 1} {
		if got, want := s.quantile(q), 1000*q; math.Abs(got/want-1) > 0.05 {
			t.Errorf("quantile %v is %v", q, got)
		}
	}
	s = spread{}
	if s.quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	s.add(0)
	s.add(1e-12)
	s.add(math.Inf(1))
	s.add(1e9)
	if s.Zero != 2 || s.Infinite != 2 || s.quantile(0.25) != 0 || s.quantile(1) != 1e9 || len(s.bars(8)) != 2 {
		t.Errorf("%d, %d, %v, %v", s.Zero, s.Infinite, s.quantile(0.25), s.quantile(1))
	}
}
