package rollout

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/compare/sequence"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// short is a plan of seconds.
func short() Plan {
	p := Default()
	p.ShadowUnits, p.ShadowTime, p.Patience, p.P99, p.Slice, p.Score, p.Defaults, p.CoolDown = 100, time.Minute, time.Hour, 50*time.Millisecond, time.Second, 0.1, 0.02, time.Minute
	p.Steps = []Step{{0.1, time.Second, 10}, {0.5, 2 * time.Second, 10}, {1, time.Second, 10}}
	return p
}

func at(phase Phase, step int) *State {
	return &State{Ref: Ref{"2", "d2"}, Phase: phase, Step: step, Since: noon}
}

// said is a decision in words.
func said(d *Decision) string {
	if d == nil {
		return "waits"
	}
	to := "live"
	if d.To != nil {
		to = fmt.Sprintf("%s %d", d.To.Phase, d.To.Step)
	}
	return fmt.Sprintf("%s to %s, share %g, by %s: %s", d.Action, to, d.Share, d.Criterion, d.Sentence)
}

func TestNext(t *testing.T) {
	plan := short()
	f := func(what string, m Model, after time.Duration, want string) {
		t.Helper()
		if m.State != nil && m.Evidence.Of == (State{}) {
			m.Evidence.Of = *m.State
		}
		if got := said(plan.Next(noon.Add(after), &m)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	two := &Ref{"2", "d2"}
	f("nothing there", Model{Ready: true}, 0, "waits")
	f("a new version", Model{Ready: true, Candidate: two}, 0, "begin shadow to shadow 0")
	f("a new version while it is held", Model{Ready: true, Held: true, Candidate: two}, 0, "waits")
	f("one that clients can tell", Model{Ready: true, Candidate: two, Difference: "an input"}, 0, "stop to look 0, share 0, by schema: clients could tell it from the live version: an input")
	plan.SkipShadow = true
	f("a plan without a shadow", Model{Ready: true, Candidate: two}, 0, "canary to canary 1, share 0.1, by candidate: version 2 has passed the load gates; step 1 of 3: 10 % of the units")
	f("the same version after its way back", Model{Ready: true, State: at(Returned, 1), Candidate: two}, time.Hour, "waits")
	f("the same version after a person's word", Model{Ready: true, State: at(Ended, 1), Candidate: two}, time.Hour, "waits")
	returned := at(Returned, 1)
	returned.Until = noon.Add(time.Minute)
	f("another version in the cool-down", Model{Ready: true, State: returned, Candidate: &Ref{"3", "d3"}}, time.Second, "waits")
	f("another version after it", Model{Ready: true, State: returned, Candidate: &Ref{"3", "d3"}}, time.Minute, "canary to canary 1")
	f("another version while one waits for a person", Model{Ready: true, State: at(Look, 1), Candidate: &Ref{"3", "d3"}}, time.Hour, "waits")

	pass, fail, wait := Judgement{"flips", "flips <= 1 %", sequence.Pass}, Judgement{"mean", "mean within 0.1", sequence.Fail}, Judgement{"mean", "", sequence.Wait}
	shadow := func(units int64, why string, j ...Judgement) Model {
		return Model{State: at(Shadow, 0), Ready: true, Evidence: Evidence{ShadowUnits: units, NoShadow: why, Judged: j}}
	}
	f("few units", shadow(99, "", pass), time.Second, "waits")
	f("enough units", shadow(100, "", pass), time.Second, "canary to canary 1, share 0.1, by criteria: 1 criteria PASS after 100 units")
	f("enough time", shadow(9, "", pass), time.Minute, "canary to canary 1")
	f("a criterion that fails", shadow(9, "", pass, fail), time.Second, "rollback to returned 0, share 0, by mean: FAIL after 9 units: mean within 0.1")
	f("a criterion that waits", shadow(100, "", pass, wait), time.Second, "stop to look 0, share 0, by criteria: WAIT after 100 units")
	f("no criteria", shadow(100, ""), time.Second, "stop to look 0, share 0, by criteria: nothing judges its 100 units")
	f("no mirror", shadow(0, "there is none"), 0, "stop to look 0, share 0, by shadow: no shadow is set up: there is none")

	canary := func(step int, e Evidence) Model { return Model{State: at(Canary, step), Ready: true, Evidence: e} }
	well := Evidence{Watched: 2 * time.Second, Canary: Arm{Units: 10, Requests: 12}, Live: Arm{Units: 90, Errors: sequence.Interval{High: 1}}}
	with := func(change func(*Evidence)) Evidence { e := well; change(&e); return e }
	f("all is well", canary(1, well), time.Second, "canary to canary 2, share 0.5, by step: step 1 of 3 was well: 10 units, 0 of 12 requests failed")
	f("the last step", canary(3, well), time.Second, "promote to live, share 0, by steps")
	f("too soon", canary(1, with(func(e *Evidence) { e.Watched = time.Second / 2 })), time.Hour/2, "waits")
	f("too few units", canary(1, with(func(e *Evidence) { e.Canary.Units = 9 })), time.Hour/2, "waits")
	f("too few units for too long", canary(1, with(func(e *Evidence) { e.Canary.Units = 9 })), time.Hour, "stop to look 1, share 0, by patience: step 1 was not over after 1h0m0s: 9 units")
	f("not ready", Model{State: at(Canary, 1), Evidence: well}, time.Minute, "waits")
	f("not ready for too long", Model{State: at(Canary, 1), Evidence: well}, time.Hour, "stop to look 1")
	f("held", Model{State: at(Canary, 1), Ready: true, Held: true, Evidence: well}, 2*time.Hour, "waits")
	f("the evidence of another step", Model{State: at(Canary, 1), Ready: true, Evidence: with(func(e *Evidence) { e.Of = *at(Canary, 2); e.NotFinite = 1 })}, time.Second, "waits")
	f("steps that are fewer now", canary(4, well), time.Second, "stop to look 4, share 0, by steps: it is at step 4, and the settings have 3 steps now")
	f("an answer that is not finite", canary(2, with(func(e *Evidence) { e.NotFinite = 1 })), time.Second, "rollback to returned 2, share 0, by finite: 1 of its answers")
	f("errors", canary(1, with(func(e *Evidence) { e.Canary.Errors = sequence.Interval{Low: 0.2, High: 0.1}; e.Live.Errors.High = 0.01 })), time.Second, "rollback to returned 1, share 0, by errors: it fails at least 19 % more often")
	f("errors of both", canary(1, with(func(e *Evidence) {
		e.Canary.Errors, e.Live.Errors = sequence.Interval{Low: 0.2, High: 0.3}, sequence.Interval{Low: 0.2, High: 0.1}
	})), time.Second, "canary to canary 2")
	slow, quick := Slice{100, 2}, Slice{100, 1}
	f("slow slices", canary(1, with(func(e *Evidence) { e.Slices = []Slice{slow, quick, slow, quick, slow} })), time.Second, "rollback to returned 1, share 0, by p99: its 99th percentile was over 50ms in 3 of the last 5 slices of 1s; in the last one 2 of 100 requests took longer")
	f("two slow slices", canary(1, with(func(e *Evidence) { e.Slices = []Slice{slow, quick, slow, quick, quick} })), time.Second, "canary to canary 2")
	f("another score", canary(1, with(func(e *Evidence) { e.Score = sequence.Interval{Low: 0.2, High: 0.3} })), time.Second, "rollback to returned 1, share 0, by score")
	again := at(Canary, 1)
	again.Again = true
	f("the second way back in a row", Model{State: again, Ready: true, Evidence: with(func(e *Evidence) { e.Of = *again; e.NotFinite = 1 })}, time.Second, "stop to look 1, share 0, by finite")
}

// What the tally gathers leads to the way back, and only then.
func TestTally(t *testing.T) {
	plan := short()
	f := func(what string, n int, sample func(i int, s *Sample), want string) {
		t.Helper()
		s := at(Canary, 1)
		tally := NewTally(&plan, *s, noon, nil)
		now := noon
		for i := range n {
			for _, canary := range []bool{true, false} {
				x := Sample{Canary: canary, Unit: uint64(i)*0x9e3779b97f4a7c15 + 1, Took: time.Millisecond, Score: 0.5 + float64(i%10)/100}
				sample(i, &x)
				now = noon.Add(time.Duration(i) * 10 * time.Millisecond)
				tally.Add(now, &x)
			}
		}
		m := Model{State: s, Ready: true, Evidence: tally.Evidence(now)}
		if got := said(plan.Next(now, &m)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	f("alike", 600, func(int, *Sample) {}, "canary to canary 2")
	f("one unit alone", 600, func(_ int, s *Sample) { s.Unit = 7 }, "waits")
	f("every tenth fails", 600, func(i int, s *Sample) { s.Failed = s.Canary && i%10 == 0 }, "rollback to returned 1, share 0, by errors")
	f("every tenth fails on both", 600, func(i int, s *Sample) { s.Failed = i%10 == 0 }, "canary to canary 2")
	f("slow", 600, func(i int, s *Sample) {
		if s.Canary && i%20 == 0 {
			s.Took = time.Second
		}
	}, "rollback to returned 1, share 0, by p99")
	f("another score", 600, func(_ int, s *Sample) {
		if s.Canary {
			s.Score += 0.2
		}
	}, "rollback to returned 1, share 0, by score")
	f("more defaults", 600, func(_ int, s *Sample) {
		if s.Values = 20; s.Canary {
			s.Defaults = 4
		}
	}, "rollback to returned 1, share 0, by defaults: its share of stored values that are defaults is at least ")
	f("defaults of both", 600, func(_ int, s *Sample) { s.Values, s.Defaults = 20, 4 }, "canary to canary 2")
	f("a canary that is filled, and a live version that is not", 600, func(_ int, s *Sample) {
		if s.Canary {
			s.Values, s.Defaults = 20, 20
		}
	}, "canary to canary 2")
	f("no score", 600, func(_ int, s *Sample) { s.Score = math.NaN() }, "canary to canary 2")

	// Requests with little time, a client's own: what counts is whether the live version answers them.
	hurried := func(s *Sample) { s.Failed, s.Around, s.Took, s.Score = true, true, time.Millisecond, math.NaN() }
	f("half of both have too little time", 600, func(i int, s *Sample) {
		if i%2 == 0 {
			hurried(s)
		}
	}, "canary to canary 2")
	f("too little time for the canary alone", 600, func(i int, s *Sample) {
		if s.Canary && i%2 == 0 {
			hurried(s)
		}
	}, "rollback to returned 1, share 0, by errors")
	f("slow, and most have too little time to show it", 600, func(i int, s *Sample) {
		switch {
		case i%4 != 0:
			hurried(s)
		case s.Canary && i%100 == 0:
			s.Took = time.Second
		}
	}, "rollback to returned 1, share 0, by p99")

	// A canary with all units is held against what the live version did in the step before.
	before := NewTally(&plan, *at(Canary, 2), noon, nil)
	before.Add(noon, &Sample{Unit: 1})
	if e := NewTally(&plan, *at(Canary, 3), noon, before).Evidence(noon); e.Live.Units != 1 || e.Canary.Units != 0 {
		t.Errorf("%+v", e)
	}
	// Then what fails for what is around it is held against nothing.
	last := NewTally(&plan, *at(Canary, 3), noon, before)
	for i := range uint64(1000) {
		last.Add(noon, &Sample{Canary: true, Unit: i, Failed: true, Around: true})
	}
	if e := last.Evidence(noon); e.Canary.Requests != 0 || e.Canary.Units != 0 {
		t.Errorf("%+v", e)
	}
	last.Add(noon, &Sample{Canary: true, Unit: 1, Failed: true})
	if e := last.Evidence(noon); e.Canary.Failed != 1 || e.Canary.Units != 1 {
		t.Errorf("%+v", e)
	}
}

// world is a gateway that forgets, is late and loses decisions, and a person beside it.
type world struct {
	state *State
	live  string
	// steps are what was written down, of the versions.
	steps map[string][]string
	backs int // in a row
}

// write does what the roles do: it takes a decision if the state is still the one that it came from.
func (w *world) write(t *rapid.T, p *Plan, d *Decision) {
	if (w.state == nil) != (d.From == nil) || w.state != nil && !w.state.is(d.From) {
		return
	}
	version := d.Ref.Version
	step := string(d.Action)
	if d.Action == Share {
		step = fmt.Sprint("canary ", d.To.Step)
		if d.Share != p.Steps[d.To.Step-1].Share {
			t.Fatalf("step %d has the share %v", d.To.Step, d.Share)
		}
	}
	w.steps[version] = append(w.steps[version], step)
	switch w.state = d.To; d.Action {
	case Back:
		if w.backs++; w.backs > 1 {
			t.Fatal("two ways back in a row without a person")
		}
	case Promote:
		w.live, w.backs = version, 0
	}
}

// A step is never skipped or repeated, whatever the order of looks, restarts and lost decisions.
func TestNeverSkipsOrRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := short()
		plan.SkipShadow = rapid.Bool().Draw(t, "skip shadow")
		way := []string{string(Begin), "canary 1", "canary 2", "canary 3", string(Promote)}
		if plan.SkipShadow {
			way = way[1:]
		}
		w := world{live: "v1", steps: map[string][]string{}}
		now, newest := noon, 1
		var late []*Decision
		var tally *Tally
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.SampledFrom([]string{"look", "look", "look", "lose", "delay", "late", "restart", "version", "person", "traffic", "traffic", "traffic"}).Draw(t, "event") {
			case "restart":
				tally = nil
			case "version":
				newest++
			case "person": // ends what there is
				if w.state != nil {
					w.state = &State{Ref: w.state.Ref, Phase: Ended, Since: now}
				}
				w.backs = 0
			case "traffic":
				bad := rapid.IntRange(0, 9).Draw(t, "bad") == 0
				for i := range 20 {
					if tally != nil {
						tally.Add(now, &Sample{Canary: true, Unit: uint64(now.UnixNano())*31 + uint64(i)*0x9e3779b97f4a7c15})
					}
				}
				if bad && tally != nil {
					tally.NotFinite()
				}
			case "late":
				for _, d := range late {
					w.write(t, &plan, d)
				}
				late = nil
			default:
				m := Model{State: w.state, Ready: rapid.IntRange(0, 9).Draw(t, "ready") > 0}
				if name := fmt.Sprint("v", newest); name != w.live {
					m.Candidate = &Ref{name, "d" + name}
				}
				if w.state != nil && w.state.Phase == Canary {
					if tally == nil || !tally.Of(w.state) {
						tally = NewTally(&plan, *w.state, now, tally)
					}
					m.Evidence = tally.Evidence(now)
				} else if w.state != nil {
					m.Evidence = Evidence{Of: *w.state, ShadowUnits: int64(rapid.IntRange(0, 200).Draw(t, "units")), Judged: []Judgement{{"flips", "", rapid.SampledFrom([]sequence.Verdict{sequence.Pass, sequence.Pass, sequence.Wait, sequence.Fail}).Draw(t, "verdict")}}}
				}
				d := plan.Next(now, &m)
				if d == nil {
					break
				}
				switch rapid.IntRange(0, 5).Draw(t, "fate") {
				case 0: // it is lost
				case 1:
					late = append(late, d)
				case 2: // it comes twice
					w.write(t, &plan, d)
					w.write(t, &plan, d)
				default:
					w.write(t, &plan, d)
				}
			}
			for version, steps := range w.steps {
				for i, s := range steps {
					last := i == len(steps)-1
					if i < len(way) && s == way[i] || last && (s == string(Back) || s == string(Stop)) {
						continue
					}
					t.Fatalf("%s: %v", version, steps)
				}
			}
		}
	})
}

func TestDefaultIsSound(t *testing.T) {
	p := Default()
	if err := p.Check(); err != nil || len(p.Steps) != 5 {
		t.Errorf("%v, %+v", err, p)
	}
	p.Steps[1].Share = 0.01
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "step 2 has the share 0.01") {
		t.Errorf("%v", err)
	}
}
