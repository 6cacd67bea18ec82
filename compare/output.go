package compare

import (
	"sluice/compare/criteria"
	"sluice/compare/measure"
	"sluice/internal/tensor"
)

// output is what is known of one output.
type output struct {
	spec *tensor.Spec
	kind measure.Kind
	// compare has a comparer for each arm, so that pairs are counted of the candidate alone; look is for what does not count.
	compare [arms]*measure.Comparer
	look    *measure.Comparer
	noise   measure.Noise
	pairs   measure.Pairs
	figures []measure.Figure
	tracks  []*track // by figure
	rows    [arms]spread
	worst   *measure.Reservoir
	// segments has the units' first figure, differs, by the values of each declared input.
	segments []measure.Segments
	drift    *drift // nil of an output without scores
	// effects are those of a pipeline; empty of another study.
	effects [numEffects]effect
}

// Numbers of the figures that each kind begins with.
const (
	differs = iota
	mismatch
)

func (s *Study) newOutput(spec *tensor.Spec) (*output, error) {
	o := &output{spec: spec, segments: make([]measure.Segments, len(s.o.Segments))}
	options, err := criteria.Options(s.o.Schema, spec, s.o.Outputs[spec.Name], s.o.Tolerance)
	if err != nil {
		return nil, err
	}
	o.kind, o.figures = options.Kind, options.Kind.Figures()
	for arm := range arms {
		if o.compare[arm], err = measure.NewComparer(spec, options); err != nil {
			return nil, err
		}
	}
	if o.look, err = measure.NewComparer(spec, options); err != nil {
		return nil, err
	}
	options.Pairs = &o.pairs
	if o.compare[candidate], err = measure.NewComparer(spec, options); err != nil {
		return nil, err
	}
	for i, f := range o.figures {
		// NaN that the primary does not answer is the candidate's fault, however the primary varies: it has no A/A arm.
		t, err := newTrack(f.Role, s.o.Again && i != mismatch, s.o.Alpha, s.o.MostUnits)
		if err != nil {
			return nil, err
		}
		o.tracks = append(o.tracks, t)
	}
	if s.o.Pipeline {
		if err := s.newEffects(o, spec, options); err != nil {
			return nil, err
		}
	}
	room := min(worstBytes/len(s.o.Schema.Outputs)/s.o.Worst, mostContent)
	o.worst, err = measure.NewReservoir(s.o.Worst, s.o.Worst*max(room, minRoom))
	o.drift = newDrift(&options, spec)
	return o, err
}

// minRoom is what a row that differs may take at least, its ID included.
const minRoom = 1 << 10

func (o *output) track(figure string) *track {
	for i, f := range o.figures {
		if f.Name == figure {
			return o.tracks[i]
		}
	}
	return nil
}

// counted tells whether a figure counts by now: what differs is not known before the noise is.
func (o *output) counted(figure int, hasAgain bool) bool {
	return figure != differs || !hasAgain || o.noise.Known()
}

// add counts a unit of an arm.
func (o *output) add(arm int, unit measure.Unit, hasAgain bool) {
	for i, x := range unit.Values {
		if o.counted(i, hasAgain) {
			o.tracks[i].add(arm, x)
		}
	}
	for _, d := range unit.Rows {
		o.rows[arm].add(d)
	}
}
