package agree

import (
	"slices"

	"sluice/internal/tensor"
)

// Contrast is how a row's answer differs from the one that it should have. Numbers without
// tolerance stand apart from the others: where two scores are nearly equal, the order in
// which floats are added decides which label wins, and no answer is the wrong one.
type Contrast struct {
	Scores Worst // in floating outputs, and in shapes
	Labels Worst // in whole numbers, bools and strings
	clear  bool  // the labels differ, and the scores leave no doubt about the label
}

// Answers compares the outputs of one row, or of one request that runs whole. Those that
// are Invalid in either are passed over. row is the row's number for messages.
func Answers(got, want []tensor.Tensor, batchable bool, row int, t Tolerance) Contrast {
	var c Contrast
	for i := range min(len(got), len(want)) {
		g, w := &got[i], &want[i]
		switch {
		case g.Type == tensor.Invalid || w.Type == tensor.Invalid:
		case w.Type.Float() || !slices.Equal(g.Shape, w.Shape):
			c.Scores.Add(g, w, batchable, row, t)
		default:
			c.Labels.Add(g, w, batchable, row, t)
		}
	}
	c.clear = c.Labels.Failed() && clearScores(got, t) && clearScores(want, t)
	return c
}

// Failed tells whether some difference is not allowed.
func (c *Contrast) Failed() bool { return c.Scores.Failed() || c.Labels.Failed() }

// Certain tells whether the one row shows that something is wrong.
func (c *Contrast) Certain() bool {
	return c.Scores.Failed() || c.Labels.Failed() && c.clear
}

// Worst is the difference to speak of.
func (c *Contrast) Worst() *Worst {
	if c.Scores.Failed() || !c.Labels.Failed() {
		return &c.Scores
	}
	return &c.Labels
}

// clearScores tells whether the best of a row's scores is ahead of the second by more than
// the tolerance. The scores are the only floating output of several columns; where there are
// more of them, nothing says which one the label comes from.
func clearScores(outputs []tensor.Tensor, t Tolerance) bool {
	var scores *tensor.Tensor
	for i := range outputs {
		x := &outputs[i]
		if !x.Type.Float() || len(x.Shape) > 0 && x.Shape[len(x.Shape)-1] < 2 {
			continue
		}
		if scores != nil || len(x.Shape) != 2 || x.Shape[0] != 1 {
			return false
		}
		scores = x
	}
	if scores == nil {
		return false
	}
	var best, second float64
	for i := range len(scores.Data) / scores.Type.Size() {
		switch x := tensor.FloatAt(scores.Type, scores.Data, i); {
		case x != x: // not a number: nothing is ahead of it
			return false
		case i == 0:
			best, second = x, x
		case x > best:
			best, second = x, best
		case i == 1 || x > second:
			second = x
		}
	}
	return best-second > t.Limit(best)
}
