package loadtest

import (
	"fmt"
	"time"

	shadow "sluice/compare"
	"sluice/compare/sequence"
	"sluice/internal/tensor"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/verify"
)

// mirrored judges B by the answers to the payloads that both got. Each payload is a unit; both were asked for its answer alone, and
// gave no other one in the run, or it would be a wrong answer.
func (m *measured) mirrored(o *ABOptions, a, b *aim) (*shadow.Report, error) {
	pa, pb := &a.parts[0], &b.parts[0]
	if !tensors(pa) || !tensors(pb) || pb.byOther || pa.set.Model == nil {
		return nil, nil //nolint:nilnil // there is nothing to compare
	}
	study, err := shadow.New(o.study(pa, pb))
	if err != nil {
		return nil, usage(err)
	}
	pairs := m.pairs()
	for v := range pa.set.Payloads {
		p, sent := pairs[v]
		if !sent {
			continue
		}
		x := shadow.Sample{
			ID: fmt.Sprintf("variant %d", v), Unit: uint64(v), Rows: rowsOf(pa.set.Rows[v].Inputs), Inputs: pa.set.Rows[v].Inputs, //nolint:gosec // no variant is below 0
			Primary: pa.known.Rows[v].Outputs, Candidate: pb.known.Rows[v].Outputs, PrimaryRun: p.run[0], CandidateRun: p.run[1],
		}
		if p.failed {
			x.Candidate, x.Failure = nil, "error"
		}
		if err := study.Add(&x); err != nil {
			return nil, err
		}
	}
	study.End()
	r := study.Report(shadow.Coverage{Mode: "mirror"})
	if r.Coverage.Compared == 0 {
		return nil, nil //nolint:nilnil // it ended too soon
	}
	return r, nil
}

func tensors(p *part) bool {
	return p.known != nil && len(p.known.Rows) > 0 && len(p.known.Rows[0].Outputs) > 0
}

func rowsOf(inputs []tensor.Tensor) int {
	n := int64(1)
	for i := range inputs {
		if len(inputs[i].Shape) > 0 {
			n = max(n, inputs[i].Shape[0])
		}
	}
	return int(n)
}

// study is what the caller knows of the model, or what its metadata says.
func (o *ABOptions) study(a, b *part) shadow.Options {
	var s shadow.Options
	if o.Compare != nil {
		s = *o.Compare
	}
	name := func(p *part) shadow.Version {
		v := shadow.Version{Name: p.set.Model.Name, Version: p.known.Version, Digest: p.digest}
		if v.Version == "" {
			v.Version = p.set.Model.Version
		}
		return v
	}
	s.Model, s.Primary, s.Candidate, s.Seed = a.set.Model.Name, name(a), name(b), o.Seed
	if s.Schema == nil {
		s.Schema = schemaOf(a.set.Model)
	}
	return s
}

// schemaOf takes a model for one whose rows are independent if the first axis of all that it takes and gives is free.
func schemaOf(m *payload.Model) *tensor.Schema {
	s := &tensor.Schema{Inputs: m.Inputs, Outputs: m.Outputs, MaxBatch: 1, MaxRows: 1}
	for _, specs := range [][]tensor.Spec{m.Inputs, m.Outputs} {
		for i := range specs {
			if len(specs[i].Shape) == 0 || specs[i].Shape[0] >= 0 {
				s.MaxBatch, s.MaxRows = 0, 0
			}
		}
	}
	return s
}

// mirrorPair is the first pair of a variant.
type mirrorPair struct {
	run    [2]time.Duration
	failed bool // B gave no answer
}

// pairs are the first pairs of each variant in the window that A answered.
func (m *measured) pairs() map[int]mirrorPair {
	all := map[int]mirrorPair{}
	for i := 0; i+1 < len(m.samples); i += 2 {
		one, other := &m.samples[i], &m.samples[i+1]
		if one.Target > other.Target {
			one, other = other, one
		}
		if one.Target == other.Target || !m.holds(&m.samples[i]) || !one.Answered() || one.Status != 200 {
			continue // a control pair has one target
		}
		if _, there := all[int(one.Variant)]; !there {
			all[int(one.Variant)] = mirrorPair{[2]time.Duration{took(one), took(other)}, !other.Answered() || other.Status != 200}
		}
	}
	return all
}

// took is the device time that the server tells, else the time that a client sees.
func took(s *sample.Sample) time.Duration {
	if us := s.Server[sample.Run]; us > 0 {
		return time.Duration(us) * time.Microsecond
	}
	return s.Service()
}

// counted counts mirrored pairs, and those of which one is not the answer that its target is known to give.
func (m *measured) counted(ab *result.AB) {
	for i := 0; i+1 < len(m.samples); i += 2 {
		one, other := &m.samples[i], &m.samples[i+1]
		compared := one.Target != other.Target && one.Flags&other.Flags&sample.Verified != 0 // a control pair has one target
		if !compared || !m.holds(one) {
			continue
		}
		ab.Mirrored++
		if !one.Right() || !other.Right() {
			ab.Different++
		}
	}
}

// held has B held to what A answers: B's own answers are not known, since they change.
func (o *ABOptions) held(a, b *aim) error {
	known := a.parts[0].known
	if known == nil || b.parts[0].known != nil || o.Unverified {
		return nil
	}
	e, err := verify.FromRows(b.parts[0].set, nil, known.Rows, "target A")
	if err != nil {
		return err
	}
	b.parts[0].why, b.parts[0].byOther = "", true
	b.parts[0].expect(e, &o.Options)
	return nil
}

// broken are the criteria that are shown not to hold, as thresholds that failed.
func broken(r *shadow.Report) (list []result.Threshold) {
	if r == nil {
		return nil
	}
	for i := range r.Criteria {
		if j := &r.Criteria[i]; j.Verdict == sequence.Fail {
			list = append(list, result.Threshold{Expression: j.Sentence, Value: j.Words()})
		}
	}
	return list
}
