package tensor

// Wire is a shape that a tensor has in requests and answers beside the model's own: both hold the
// same elements in the same order. Sizes between free dimensions have equal products, so that the
// free ones stand for each other in turn. In a batchable model axis 0 is the batch in both.
type Wire struct {
	Shape, Own []int64
}

// OnWire is the shape in requests and answers.
func (s *Spec) OnWire() []int64 {
	if s.Wire != nil {
		return s.Wire.Shape
	}
	return s.Shape
}

// AppendOwn appends the model's shape of a tensor that comes with the shape given, which must fit
// Shape but for axis 0 of an input that is given once.
func (w *Wire) AppendOwn(dst, given []int64) []int64 { return exchange(dst, w.Shape, w.Own, given) }

// AppendShape appends the shape in answers of a tensor that the model gave. It is false if the
// model's shape does not fit Own.
func (w *Wire) AppendShape(dst, given []int64) ([]int64, bool) {
	if len(given) != len(w.Own) {
		return dst, false
	}
	for i, d := range w.Own {
		if d >= 0 && d != given[i] {
			return dst, false
		}
	}
	return exchange(dst, w.Own, w.Shape, given), true
}

// exchange writes given, which is of the shape from, as one of the shape to.
func exchange(dst, from, to, given []int64) []int64 {
	next := 0
	for i, d := range to {
		switch {
		case i == 0 && len(from) > 0 && from[0] == d:
			d = given[0] // also where rows are given for one that is given once
			if from[0] < 0 {
				next = 1
			}
		case d < 0:
			for next < len(from) && from[next] >= 0 {
				next++
			}
			d = given[next]
			next++
		}
		dst = append(dst, d)
	}
	return dst
}
