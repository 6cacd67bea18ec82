package compare

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/compare/criteria"
	"sluice/compare/sequence"
	"sluice/internal/tensor"
)

func criteriaLimit(x float64) *criteria.Limit { return criteria.At(x) }

// The faults of an answer, each of which says whether it could be done.

func nanRow(r *rand.Rand, x *Sample, _ []tensor.Tensor) bool {
	t := &x.Candidate[len(x.Candidate)-1]
	row := r.IntN(x.Rows)
	width := len(t.Data) / x.Rows
	for at := row * width; at < (row+1)*width; at += 4 {
		binary.LittleEndian.PutUint32(t.Data[at:], math.Float32bits(float32(math.NaN())))
	}
	return true
}

func otherAnswer(_ *rand.Rand, x *Sample, before []tensor.Tensor) bool {
	if before == nil || before[0].Shape[0] != x.Primary[0].Shape[0] {
		return false
	}
	x.Candidate = before
	return true
}

func swappedClass(_ *rand.Rand, x *Sample, _ []tensor.Tensor) bool {
	label, scores := &x.Candidate[0], &x.Candidate[1]
	did := false
	for row := range x.Rows {
		switch at := label.Data[8*row:]; binary.LittleEndian.Uint64(at) {
		case 3:
			binary.LittleEndian.PutUint64(at, 8)
			did = true
		case 8:
			binary.LittleEndian.PutUint64(at, 3)
			did = true
		}
		three, eight := scores.Data[40*row+12:40*row+16], scores.Data[40*row+32:40*row+36]
		kept := slices.Clone(three)
		copy(three, eight)
		copy(eight, kept)
	}
	return did
}

func brokenRank(_ *rand.Rand, x *Sample, _ []tensor.Tensor) bool {
	t := &x.Candidate[0]
	for at := 0; at < len(t.Data); at += 4 {
		t.Data[at+3] ^= 0x80 // the sign
	}
	return true
}

// One in so many requests has the fault. What is found is found by unit 2,000, fails, and stands among the worst rows.
func TestFaultsAreFound(t *testing.T) {
	f := func(model, name string, every int, fault func(*rand.Rand, *Sample, []tensor.Tensor) bool, criterion string) {
		t.Helper()
		all := shapes()
		sh := all[slices.IndexFunc(all, func(s shape) bool { return s.name == model })]
		n := 0
		list, spoiled := sh.samples(2000, 7, func(r *rand.Rand, x *Sample, before []tensor.Tensor) bool {
			n++
			return n%every == 0 && fault(r, x, before)
		})
		s := study(t, sh.options)
		add(t, s, list)
		report := s.Report(Coverage{})
		if report.Verdict != sequence.Fail {
			t.Errorf("%s, %s: %s", model, name, report.Reason)
		}
		for _, j := range report.Criteria {
			if failed := j.Verdict == sequence.Fail; failed != (j.Name == criterion) && j.Name == criterion {
				t.Errorf("%s, %s: %s is %s", model, name, j.Name, j.Words())
			}
		}
		for _, o := range report.Outputs {
			for i, w := range o.Worst {
				if i < 5 && !spoiled[w.ID] && w.Difference > 1e-3 {
					t.Errorf("%s, %s: the worst rows of %s have %s, which is right: %v", model, name, o.Name, w.ID, w.Difference)
				}
			}
		}
		worst := report.Outputs[len(report.Outputs)-1].Worst
		if len(worst) == 0 || !spoiled[worst[0].ID] || worst[0].Request == "" {
			t.Errorf("%s, %s: the worst rows are %+v", model, name, worst[:min(len(worst), 2)])
		}
	}
	f("ranker", "NaN", 50, nanRow, "score mismatch")
	f("digits", "NaN", 50, nanRow, "probabilities mismatch")
	f("encoder", "NaN", 50, nanRow, "embedding mismatch")
	f("ranker", "an answer of another request", 2, otherAnswer, "score rbo_distance")
	f("digits", "an answer of another request", 5, otherAnswer, "label differs")
	f("encoder", "an answer of another request", 5, otherAnswer, "embedding differs")
	f("digits", "a swapped class", 1, swappedClass, "label differs")
	f("ranker", "a broken rank", 10, brokenRank, "score rbo_distance")
}

// A model against itself passes with the noise of its batches, and says what the noise is.
func TestItselfPasses(t *testing.T) {
	for _, sh := range shapes() {
		list, _ := sh.samples(4000, 11, nil)
		s := study(t, sh.options)
		for i := range list {
			add(t, s, list[i:i+1])
			if s.Units() >= 3000 && s.Verdict() == sequence.Pass {
				break
			}
		}
		report := s.Report(Coverage{Mode: "live"})
		if report.Verdict != sequence.Pass {
			t.Errorf("%s: %s", sh.name, report.Reason)
			for _, j := range report.Criteria {
				t.Logf("%s: %s %s", j.Name, j.Words(), j.Note)
			}
		}
		for _, o := range report.Outputs {
			if !o.Noise.Known || o.Noise.Rows != 1000 {
				t.Errorf("%s: the noise of %s is %+v", sh.name, o.Name, o.Noise)
			}
		}
	}
}
