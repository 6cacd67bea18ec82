package models

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/tensor"
)

// contrast is how a row's answer differs from the one that it should have. Numbers without
// tolerance stand apart from the others: where two scores are nearly equal, the order in
// which floats are added decides which label wins, and no answer is the wrong one.
type contrast struct {
	scores difference // in floating outputs, and in shapes
	labels difference // in whole numbers, bools and strings
	clear  bool       // the scores leave no doubt about the label
}

// contrastOf compares the outputs of one row, or of one request that runs whole. Those that
// are Invalid in either are passed over.
func contrastOf(got, want []tensor.Tensor, s *tensor.Schema, tol Tolerance) contrast {
	var c contrast
	for i := range min(len(got), len(want)) {
		g, w := &got[i], &want[i]
		switch {
		case g.Type == tensor.Invalid || w.Type == tensor.Invalid:
		case w.Type.Float() || !slices.Equal(g.Shape, w.Shape):
			c.scores.add(g, w, s.Batchable(), 0, tol)
		default:
			c.labels.add(g, w, s.Batchable(), 0, tol)
		}
	}
	c.clear = clearScores(got, tol) && clearScores(want, tol)
	return c
}

func (c *contrast) failed() bool { return c.scores.failed() || c.labels.failed() }

// certain tells whether the one row shows that something is wrong.
func (c *contrast) certain() bool {
	return c.scores.failed() || c.labels.failed() && c.clear
}

// worst is the difference to speak of.
func (c *contrast) worst() *difference {
	if c.scores.failed() || !c.labels.failed() {
		return &c.scores
	}
	return &c.labels
}

// clearScores tells whether the best of a row's scores is ahead of the second by more than
// the tolerance. The scores are the only floating output of several columns; where there are
// more of them, nothing says which one the label comes from.
func clearScores(outputs []tensor.Tensor, tol Tolerance) bool {
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
	return best-second > tol.Abs+tol.Rel*max(best, -best)
}

// doubt remembers a row that differed in a label and had no clear scores: one such row shows
// nothing, two different ones do.
type doubt struct {
	raised bool
	print  uint64 // of the row
}

// settled tells whether a difference has to be acted on now. Where the graph proves the contrary
// one row is never enough: it may be rounding that is larger than the tolerance.
func (d *doubt) settled(c *contrast, h *heldRow, proven bool) bool {
	if c.certain() && !proven {
		return true
	}
	print := h.print()
	if d.raised && d.print != print {
		return true
	}
	d.raised, d.print = true, print
	return false
}

// What is printed of an answer at most.
const (
	maxAnswerValues = 8 // of an output
	maxAnswerBytes  = 400
)

// answerText prints the beginning of an answer for a log line, such as
// "y [1,3]: 0.25 0.5 0.25; label [1]: 7".
func answerText(outputs []tensor.Tensor) string {
	var b strings.Builder
	for i := range outputs {
		x := &outputs[i]
		if x.Type == tensor.Invalid {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s %s:", x.Name, strings.ReplaceAll(fmt.Sprint(x.Shape), " ", ","))
		writeValues(&b, x)
		if b.Len() > maxAnswerBytes {
			return strings.ToValidUTF8(b.String()[:maxAnswerBytes], "") + " ..."
		}
	}
	return b.String()
}

func writeValues(b *strings.Builder, x *tensor.Tensor) {
	n, ok := tensor.Elements(x.Shape)
	if !ok {
		return
	}
	for i := range int(min(n, maxAnswerValues)) {
		size := x.Type.Size()
		switch {
		case x.Type.Float():
			fmt.Fprintf(b, " %.7g", tensor.FloatAt(x.Type, x.Data, i))
		case x.Type == tensor.Bytes:
			element, err := tensor.BytesSpan(x.Data, i, 1)
			if err != nil {
				return
			}
			fmt.Fprintf(b, " %.40q", element[4:])
		default:
			fmt.Fprintf(b, " %s", integerText(x.Type, x.Data[i*size:(i+1)*size]))
		}
	}
	if n > maxAnswerValues {
		b.WriteString(" ...")
	}
}
