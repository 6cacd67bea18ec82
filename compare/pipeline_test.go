package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/compare/criteria"
	"sluice/compare/sequence"
	"sluice/internal/origin"
	"sluice/internal/tensor"
)

// pipelineOf is a study of a candidate that fills its inputs itself.
func pipelineOf(all ...Criterion) Options {
	o := one(all...)
	o.Pipeline = true
	return o
}

// filledSample is a request whose answers are y of the primary, and with the effects of model and features added. Of ten stored values
// some are defaults on either side.
func filledSample(unit uint64, y, model, features float32, defaults, own int) *Sample {
	x := sampleOf(unit, y, y+model+features)
	x.OnRow = []tensor.Tensor{floats("y", []int64{1}, []float32{y + model})}
	tally := func(n int) *origin.Tally {
		return &origin.Tally{Stored: 10 - n, Default: n, Stale: 1, Features: []origin.FeatureTally{{Name: "x.u:a", Stored: 10 - n, Default: n}}}
	}
	x.Filled, x.CandidateFilled = tally(defaults), tally(own)
	return x
}

// figureNamed finds a figure.
func figureNamed(all []Figure, name string) *Figure {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// The difference is told apart: what features do is not taken for what the model does, and the other way round.
func TestEffectsAreToldApart(t *testing.T) {
	f := func(model, features float32) {
		t.Helper()
		s := study(t, pipelineOf(limit("y", "differs", 0.5)))
		r := rand.New(rand.NewPCG(8, 8))
		for unit := range uint64(400) {
			jitter := float32(r.NormFloat64()) * 0.1
			m, f := model*(1+jitter), features*(1-jitter)
			must(t, s.Add(filledSample(unit, float32(unit%7), m, f, 0, 0)))
		}
		split := s.Report(Coverage{}).Pipeline.Split[0]
		for _, e := range []struct {
			name string
			all  []Figure
			want float32
		}{{"model", split.Model, model}, {"features", split.Features, features}} {
			differs, bias := figureNamed(e.all, "differs"), figureNamed(e.all, "bias")
			if want := e.want != 0; differs.Units != 400 || (differs.Mean == 1) != want || (differs.Mean == 0) == want || (differs.Interval.Low > 0.9) != want || (differs.Interval.High < 0.05) == want {
				t.Errorf("%v and %v: %s differs: %+v", model, features, e.name, differs)
			}
			if math.Abs(bias.Mean-float64(e.want)) > 0.05 {
				t.Errorf("%v and %v: %s bias: %+v", model, features, e.name, bias)
			}
		}
	}
	f(0, 2)
	f(3, 0)
	f(-1, 2)
	f(0, 0)
}

// A candidate that was not asked with the primary's inputs has no effects, and all else.
func TestWithoutTheSplit(t *testing.T) {
	s := study(t, pipelineOf(limit("y", "differs", 0.5)))
	for unit := range uint64(50) {
		x := filledSample(unit, 1, 0, 1, 0, 2)
		x.OnRow = nil
		must(t, s.Add(x))
	}
	p := s.Report(Coverage{}).Pipeline
	if p.Split[0].Model[0].Units != 0 || p.Units != 50 || p.Candidate.DefaultShare != 0.2 || p.Candidate.StaleShare != 0.1 || p.Primary.Default != 0 {
		t.Errorf("%+v", p)
	}
	if f := p.Features; len(f) != 1 || f[0] != (FeatureDefaults{"x.u:a", 500, 0, 400, 100}) {
		t.Errorf("%+v", f)
	}
}

// The criterion on defaults is judged by the difference of a unit's two shares: large shares that are the same are no difference.
func TestDefaultsAreJudged(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	f := func(what string, want sequence.Verdict, units int, draw func() (defaults, own int)) {
		t.Helper()
		s := study(t, pipelineOf(limit("", criteria.Defaulted, 0.02)))
		for unit := range uint64(units) {
			defaults, own := draw()
			must(t, s.Add(filledSample(unit, 1, 0, 0, defaults, own)))
		}
		j := s.Judged()[0]
		if j.Verdict != want || j.Name != "defaults" || j.Again != nil || j.Units != int64(units) || j.Method != methodPaired {
			t.Errorf("%s: %s: %+v", what, j.Words(), j)
		}
	}
	f("nothing is known of few", sequence.Wait, 20, func() (int, int) { return 0, 0 })
	f("the same large share", sequence.Pass, 600, func() (int, int) { n := r.IntN(11); return n, n })
	f("fewer", sequence.Pass, 600, func() (int, int) { return 5, 4 })
	f("a tenth more", sequence.Fail, 600, func() (int, int) { n := r.IntN(10); return n, n + 1 })
	f("all", sequence.Fail, 100, func() (int, int) { return 0, 10 })
}

// A share that changes has no interval, which is told in words; and units without stored values, such as those that bring their tensors whole, are
// told of.
func TestDefaultsThatCannotBeJudged(t *testing.T) {
	s := study(t, pipelineOf(limit("", criteria.Defaulted, 0.02)))
	for unit := range uint64(600) {
		must(t, s.Add(filledSample(unit, 1, 0, 0, 0, 10*int(unit/300))))
	}
	if j := s.Judged()[0]; j.Verdict != sequence.Look || j.Words() != "it is 50 % after 600 units, and has changed while it was measured" {
		t.Errorf("%s: %s", j.Verdict, j.Words())
	}
	s = study(t, pipelineOf(limit("", criteria.Defaulted, 0.02)))
	x := filledSample(1, 1, 0, 0, 0, 0)
	x.Filled, x.CandidateFilled = &origin.Tally{}, &origin.Tally{}
	must(t, s.Add(x))
	if j := s.Judged()[0]; j.Units != 0 || j.Note != "no unit has stored values on both sides" {
		t.Errorf("%+v", j)
	}
}

// A false alarm is as rare as alpha says, though somebody looks after each unit: the shares of both sides are drawn alike.
func TestDefaultsRaiseNoFalseAlarm(t *testing.T) {
	wrong := 0
	for stream := range 60 {
		r := rand.New(rand.NewPCG(10, uint64(stream)))
		s := study(t, pipelineOf(limit("", criteria.Defaulted, 0.001)))
		for unit := range uint64(500) {
			must(t, s.Add(filledSample(unit, 1, 0, 0, r.IntN(4), r.IntN(4))))
			if s.Judged()[0].Verdict == sequence.Fail {
				wrong++
				break
			}
		}
	}
	if wrong > 8 { // of 60 at 5 %: 3, and 2.5 standard deviations more
		t.Errorf("%d of 60 streams failed", wrong)
	}
}

// Where nothing is known of stores the criterion is left out, and the report says so; a model that has no other gets the defaults.
func TestDefaultsAreLeftOut(t *testing.T) {
	s := study(t, one(limit("y", "differs", 0.1), limit("", criteria.Defaulted, 0.1)))
	if r := s.Report(Coverage{}); len(r.Criteria) != 1 || !strings.Contains(r.LeftOut, "shadow: pipeline") || r.Pipeline != nil {
		t.Errorf("%+v, %q", r.Criteria, r.LeftOut)
	}
	s = study(t, one(limit("", criteria.Defaulted, 0.1)))
	if j := s.Judged(); len(j) < 2 || !j[0].Default {
		t.Errorf("%+v", j)
	}
	o := pipelineOf()
	o.MostDefaults = 0.03
	j := study(t, o).Judged()
	if last := j[len(j)-1]; last.Name != "defaults" || float64(*last.Criterion.AtMost) != 0.03 || !last.Default {
		t.Errorf("%+v", last)
	}
}

// A criterion with an alpha of its own is judged by that.
func TestDefaultsAtTheirAlpha(t *testing.T) {
	c := limit("", criteria.Defaulted, 0.02)
	c.Alpha = 1e-6
	s := study(t, pipelineOf(c))
	for unit := range uint64(450) {
		must(t, s.Add(filledSample(unit, 1, 0, 0, 3, 3)))
	}
	if j := s.Judged()[0]; j.Verdict != sequence.Wait || j.Mean != 0 || s.Report(Coverage{}).Pipeline.Defaults.Interval.High > 0.02 {
		t.Errorf("%+v", j)
	}
}

// Features beyond the bound are counted together.
func TestFeaturesAreBounded(t *testing.T) {
	s := study(t, pipelineOf())
	x := filledSample(1, 1, 0, 0, 0, 0)
	for i := range mostFeatures {
		x.Filled.Features = append(x.Filled.Features, origin.FeatureTally{Name: fmt.Sprint("x.g:", i), Stored: 1})
	}
	must(t, s.Add(x))
	if p := s.Report(Coverage{}).Pipeline; len(p.Features) != mostFeatures || p.MoreValues != 1 {
		t.Errorf("%d features, %d more values", len(p.Features), p.MoreValues)
	}
}

// A pipeline goes on after a restart as if there had been none, and not as a study of another kind.
func TestPipelineGoesOnAfterARestart(t *testing.T) {
	o := pipelineOf(limit("y", "differs", 0.5), limit("", criteria.Defaulted, 0.1))
	whole, first := study(t, o), study(t, o)
	add := func(s *Study, from, to uint64) {
		for unit := from; unit < to; unit++ {
			must(t, s.Add(filledSample(unit, 1, float32(unit%3), float32(unit%2), int(unit%4), int(unit%5))))
		}
	}
	add(whole, 0, 300)
	add(first, 0, 200)
	text, units := written(t, first)
	second, err := Restore(o, text, units)
	must(t, err)
	add(second, 200, 300)
	want, _ := written(t, whole)
	if got, _ := written(t, second); !bytes.Equal(got, want) {
		t.Errorf("after a restart\n%.600s\nwithout\n%.600s", got, want)
	}
	a, _ := json.Marshal(whole.Report(Coverage{}))
	if b, _ := json.Marshal(second.Report(Coverage{})); !bytes.Equal(a, b) {
		t.Errorf("%s\n%s", a, b)
	}
	f := func(o Options, text []byte, want string) {
		t.Helper()
		if _, err := Restore(o, text, units); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f(one(o.Criteria...), text, "its state has version 2, and this program reads version 1")
	plain, _ := written(t, study(t, one(limit("y", "differs", 0.5))))
	f(o, plain, "its state has version 1, and this program reads version 2")
	f(o, bytes.Replace(text, []byte(`"filling":`), []byte(`"filling":null,"segments":`), 1), "its state is none")
	f(o, bytes.Replace(text, []byte(`"filling":{"units":200`), []byte(`"filling":{"units":-1`), 1), "counts of stored values that are none")
}

// FuzzRestorePipeline: no state brings a study down, and one that is taken can be added to and written.
func FuzzRestorePipeline(f *testing.F) {
	o := pipelineOf(limit("", criteria.Defaulted, 0.1))
	o.UnitBytes, o.Worst = 1<<10, 2
	s := study(f, o)
	for unit := range uint64(5) {
		if err := s.Add(filledSample(unit, 1, 1, 2, 3, 4)); err != nil {
			f.Fatal(err)
		}
	}
	state, units := written(f, s)
	f.Add(state)
	f.Add(bytes.ReplaceAll(state, []byte(`"effects"`), []byte(`"worst"`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Restore(o, text, units)
		if err != nil {
			return
		}
		for unit := range uint64(3) {
			if err := s.Add(filledSample(100+unit, 1, 2, 3, 1, 2)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(s.Report(Coverage{})); err != nil {
			t.Fatal(err)
		}
	})
}
