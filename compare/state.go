package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sluice/compare/measure"
	"sluice/compare/sequence"
	"sluice/internal/tensor"
)

const (
	// stateVersion and pipelineVersion, of a pipeline, change with the figures and with what the fields mean.
	stateVersion    = 1
	pipelineVersion = 2
	// MaxState is the most bytes of a state that is read.
	MaxState = 32 << 20
)

// identity is what a state belongs to.
type identity struct {
	Model     string            `json:"model"`
	Primary   Version           `json:"primary"`
	Candidate Version           `json:"candidate"`
	Schema    []string          `json:"schema"`
	Outputs   map[string]Output `json:"outputs"`
	Criteria  []Criterion       `json:"criteria"`
	Segments  []string          `json:"segments"`
	// Rules are tolerance, A/A, alpha, most units, worst rows and seed.
	Rules string `json:"rules"`
}

type state struct {
	Version int           `json:"version"`
	Of      identity      `json:"of"`
	Over    bool          `json:"over,omitempty"`
	Counts  Counts        `json:"counts"`
	Errors  trackState    `json:"errors"`
	Latency trackState    `json:"latency"`
	Runs    [arms]*spread `json:"runs"`
	Outputs []outputState `json:"outputs"`

	// Of a pipeline.
	Defaults *trackState `json:"defaults,omitempty"`
	Filling  *filling    `json:"filling,omitempty"`
}

type trackState struct {
	Shares [arms]*sequence.Betting `json:"shares"`
	Mean   *sequence.Asymptotic    `json:"mean,omitempty"`
	Sizes  [arms]*spread           `json:"sizes"`
	Also   []trackState            `json:"also,omitempty"`
}

type outputState struct {
	Noise    *measure.Noise     `json:"noise"`
	Pairs    *measure.Pairs     `json:"pairs"`
	Tracks   []trackState       `json:"tracks"`
	Rows     [arms]*spread      `json:"rows"`
	Worst    json.RawMessage    `json:"worst"`
	Segments []measure.Segments `json:"segments"`
	Drift    *drift             `json:"drift,omitempty"`
	Effects  [][]trackState     `json:"effects,omitempty"` // of a pipeline
}

func (s *Study) identity() identity {
	o := &s.o
	id := identity{Model: o.Model, Primary: o.Primary, Candidate: o.Candidate, Outputs: o.Outputs, Criteria: o.Criteria, Segments: o.Segments}
	for _, specs := range [][]tensor.Spec{o.Schema.Inputs, o.Schema.Outputs} {
		for i := range specs {
			id.Schema = append(id.Schema, fmt.Sprintf("%s %s%v %q", specs[i].Name, specs[i].Type, specs[i].Shape, specs[i].Labels))
		}
	}
	id.Rules = fmt.Sprintf("tolerance %v, again %v, alpha %v, most units %d, worst %d, seed %d", o.Tolerance, o.Again, o.Alpha, o.MostUnits, o.Worst, o.Seed)
	if o.Pipeline {
		id.Rules += ", pipeline"
	}
	return id
}

func (s *Study) version() int {
	if s.o.Pipeline {
		return pipelineVersion
	}
	return stateVersion
}

// MarshalJSON gives the state, but for the filter of units.
func (s *Study) MarshalJSON() ([]byte, error) {
	st := state{Version: s.version(), Of: s.identity(), Over: s.over, Counts: s.counts, Errors: s.errors.state(), Latency: s.latency.state(), Runs: [arms]*spread{&s.runs[0], &s.runs[1]}}
	if s.o.Pipeline {
		defaults := s.defaults.state()
		st.Defaults, st.Filling = &defaults, s.filling
	}
	for _, o := range s.outputs {
		worst, err := json.Marshal(o.worst)
		if err != nil {
			return nil, err
		}
		os := outputState{Noise: &o.noise, Pairs: &o.pairs, Rows: [arms]*spread{&o.rows[0], &o.rows[1]}, Worst: worst, Segments: o.segments, Drift: o.drift}
		for _, t := range o.tracks {
			os.Tracks = append(os.Tracks, t.state())
		}
		if s.o.Pipeline {
			os.Effects = o.effectStates()
		}
		st.Outputs = append(st.Outputs, os)
	}
	return json.Marshal(st)
}

// MarshalUnits gives the filter of units. It is to be written before the state: a unit that the filter knows and the
// state does not is left out, and one that only the state knows would count twice.
func (s *Study) MarshalUnits() ([]byte, error) { return s.seen.MarshalBinary() }

func (t *track) state() trackState {
	st := trackState{Shares: t.shares, Mean: t.mean, Sizes: t.sizes}
	for _, other := range t.also {
		st.Also = append(st.Also, other.state())
	}
	return st
}

// Restore goes on with a study whose state and units were written. It refuses those of other versions, and of other
// options: what was counted by other rules cannot be added to.
func Restore(o Options, text, units []byte) (*Study, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	if err := s.restore(text, units); err != nil {
		return nil, fmt.Errorf("cannot go on with the comparison of %s with %s: %w; begin a new one", o.Candidate, o.Primary, err)
	}
	return s, nil
}

func (s *Study) restore(text, units []byte) error {
	if len(text) > MaxState {
		return fmt.Errorf("its state has %d bytes; the most are %d", len(text), MaxState)
	}
	var of struct {
		Version int      `json:"version"`
		Of      identity `json:"of"`
	}
	if err := json.Unmarshal(text, &of); err != nil {
		return fmt.Errorf("its state is none: %w", err)
	}
	if of.Version != s.version() {
		return fmt.Errorf("its state has version %d, and this program reads version %d", of.Version, s.version())
	}
	if err := s.same(of.Of); err != nil {
		return err
	}
	var st state
	if err := decode(text, &st); err != nil {
		return fmt.Errorf("its state is none: %w", err)
	}
	if len(st.Outputs) != len(s.outputs) || st.Runs[0] == nil || st.Runs[1] == nil || !st.Counts.valid() {
		return errors.New("its state lacks outputs, device times or counts")
	}
	if err := errors.Join(s.errors.restore(&st.Errors), s.latency.restore(&st.Latency)); err != nil {
		return err
	}
	if err := s.restorePipeline(&st); err != nil {
		return err
	}
	for i, o := range s.outputs {
		if err := o.restore(&st.Outputs[i]); err != nil {
			return fmt.Errorf("output %.64q: %w", o.spec.Name, err)
		}
	}
	if err := s.seen.UnmarshalBinary(units); err != nil {
		return err
	}
	if s.seen.Size() != s.o.UnitBytes {
		return fmt.Errorf("its filter of units has %d bytes, and now it has %d", s.seen.Size(), s.o.UnitBytes)
	}
	s.runs, s.counts, s.over = [arms]spread{*st.Runs[0], *st.Runs[1]}, st.Counts, st.Over
	if s.counts.Failures == nil {
		s.counts.Failures = map[string]int64{}
	}
	return nil
}

// same tells in what a state's study is another one.
func (s *Study) same(was identity) error {
	is := s.identity()
	for _, part := range []struct {
		name    string
		was, is any
	}{
		{"model", was.Model, is.Model},
		{"primary", was.Primary, is.Primary},
		{"candidate", was.Candidate, is.Candidate},
		{"schema", was.Schema, is.Schema},
		{"outputs", was.Outputs, is.Outputs},
		{"criteria", was.Criteria, is.Criteria},
		{"segments", was.Segments, is.Segments},
		{"rules", was.Rules, is.Rules},
	} {
		before, err := json.Marshal(part.was)
		now, fault := json.Marshal(part.is)
		if err := errors.Join(err, fault); err != nil {
			return err
		}
		if none := func(b []byte) bool { return string(b) == "null" || string(b) == "{}" || string(b) == "[]" }; !bytes.Equal(before, now) && !(none(before) && none(now)) {
			return fmt.Errorf("its %s was %.200s, and is %.200s now", part.name, before, now)
		}
	}
	return nil
}

func (c *Counts) valid() bool {
	for _, n := range []int64{c.Samples, c.Repeated, c.Compared, c.Rows, c.Again, c.Degraded} {
		if n < 0 || n > maxCount {
			return false
		}
	}
	for _, n := range c.Failures {
		if n < 1 || n > c.Compared {
			return false
		}
	}
	return len(c.Failures) <= maxReasons+1 && c.Repeated+c.Compared == c.Samples && c.Again <= c.Compared && c.Degraded <= c.Compared
}

// restore takes the sums of a track of the same form.
func (t *track) restore(st *trackState) error {
	if len(st.Also) != len(t.also) || (st.Mean == nil) != (t.mean == nil) {
		return errors.New("a figure of its state has other sequences")
	}
	for arm := range arms {
		if (st.Shares[arm] == nil) != (t.shares[arm] == nil) || (st.Sizes[arm] == nil) != (t.sizes[arm] == nil) {
			return errors.New("a figure of its state has other sequences")
		}
		if t.shares[arm] != nil && st.Shares[arm].Alpha() != t.shares[arm].Alpha() {
			return fmt.Errorf("a sequence of its state has alpha %v, and now it has %v", st.Shares[arm].Alpha(), t.shares[arm].Alpha())
		}
	}
	if t.mean != nil && st.Mean.Alpha() != t.mean.Alpha() {
		return fmt.Errorf("a sequence of its state has alpha %v, and now it has %v", st.Mean.Alpha(), t.mean.Alpha())
	}
	t.shares, t.mean, t.sizes = st.Shares, st.Mean, st.Sizes
	for i := range st.Also {
		if err := t.also[i].restore(&st.Also[i]); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) restore(st *outputState) error {
	switch {
	case st.Noise == nil || st.Pairs == nil || st.Rows[0] == nil || st.Rows[1] == nil || (st.Drift == nil) != (o.drift == nil):
		return errors.New("its state is not whole")
	case len(st.Tracks) != len(o.tracks) || len(st.Segments) != len(o.segments):
		return errors.New("its state has other figures")
	}
	for i := range st.Tracks {
		if err := o.tracks[i].restore(&st.Tracks[i]); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(st.Worst, o.worst); err != nil {
		return err
	}
	if err := o.restoreEffects(st.Effects); err != nil {
		return err
	}
	// The comparer of the candidate counts into pairs, which stay where they are.
	o.noise, o.pairs, o.rows, o.segments = *st.Noise, *st.Pairs, [arms]spread{*st.Rows[0], *st.Rows[1]}, st.Segments
	if o.drift != nil {
		st.Drift.column = o.drift.column
		o.drift = st.Drift
	}
	return nil
}

// decode reads a state, which has no field that is not known.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind it")
	}
	return nil
}
