package compare

import (
	"errors"

	"sluice/compare/measure"
	"sluice/internal/tensor"
)

// The effects into which the difference of a pipeline is split. With the answer of the candidate to the primary's inputs between
// them, the one goes from the primary's answer to that, the other from that to the candidate's own.
const (
	modelEffect = iota
	featureEffect
	numEffects
)

// effect follows the figures of one output for one of them.
type effect struct {
	compare *measure.Comparer
	tracks  []*track // by figure
}

// newEffects are those of an output of a pipeline.
func (s *Study) newEffects(o *output, spec *tensor.Spec, options measure.Options) (err error) {
	options.Pairs = nil
	for e := range o.effects {
		to := &o.effects[e]
		if to.compare, err = measure.NewComparer(spec, options); err != nil {
			return err
		}
		for _, f := range o.figures {
			t, err := newTrack(f.Role, false, s.o.Alpha, s.o.MostUnits)
			if err != nil {
				return err
			}
			to.tracks = append(to.tracks, t)
		}
	}
	return nil
}

// addEffects counts what the candidate answered to the primary's inputs. Answers of which one cannot be compared count for nothing: neither
// effect would have the same units as the other.
func (s *Study) addEffects(o *output, x *Sample) {
	between := named(x.OnRow, o.spec.Name)
	want, got := named(x.Primary, o.spec.Name), named(x.Candidate, o.spec.Name)
	if between == nil || want == nil || got == nil {
		return
	}
	threshold := o.noise.Threshold(o.kind)
	model, err := o.effects[modelEffect].compare.Compare(want, between, threshold)
	if err != nil {
		return
	}
	features, err := o.effects[featureEffect].compare.Compare(between, got, threshold)
	if err != nil {
		return
	}
	for e, unit := range [numEffects]measure.Unit{modelEffect: model, featureEffect: features} {
		for i, v := range unit.Values {
			if o.counted(i, s.o.Again) {
				o.effects[e].tracks[i].add(candidate, v)
			}
		}
	}
}

// Split is what the difference of an output comes from: of each of its figures, what the candidate's model does on the primary's
// inputs, and what its own features do to it.
type Split struct {
	Output   string   `json:"output"`
	Model    []Figure `json:"model"`
	Features []Figure `json:"features"`
}

func (o *output) split() Split {
	figures := func(e int) (all []Figure) {
		for i, t := range o.effects[e].tracks {
			all = append(all, figureOf(o.figures[i].Name, shareUnit(t), t))
		}
		return all
	}
	return Split{Output: o.spec.Name, Model: figures(modelEffect), Features: figures(featureEffect)}
}

func shareUnit(t *track) string {
	if t.role == measure.Share {
		return UnitShare
	}
	return ""
}

// effectStates are the sums of the effects.
func (o *output) effectStates() [][]trackState {
	all := make([][]trackState, numEffects)
	for e := range o.effects {
		for _, t := range o.effects[e].tracks {
			all[e] = append(all[e], t.state())
		}
	}
	return all
}

// restoreEffects takes sums of the same form; there are none of an output that has no effects.
func (o *output) restoreEffects(all [][]trackState) error {
	if o.effects[modelEffect].compare == nil && len(all) == 0 {
		return nil
	}
	if len(all) != numEffects || o.effects[modelEffect].compare == nil {
		return errors.New("its state has other effects")
	}
	for e := range o.effects {
		if len(all[e]) != len(o.effects[e].tracks) {
			return errors.New("its state has other figures of effects")
		}
		for i := range all[e] {
			if err := o.effects[e].tracks[i].restore(&all[e][i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// restorePipeline takes what a state has of the whole pipeline.
func (s *Study) restorePipeline(st *state) error {
	if (st.Defaults == nil) != (s.defaults == nil) || (st.Filling == nil) != (s.filling == nil) {
		return errors.New("its state lacks what stores were found to have, or has it of a comparison without")
	}
	if s.filling == nil {
		return nil
	}
	if err := errors.Join(s.defaults.restore(st.Defaults), st.Filling.restore()); err != nil {
		return err
	}
	s.filling = st.Filling
	return nil
}
