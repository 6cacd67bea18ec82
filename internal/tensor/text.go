package tensor

// stringBytes is what a string counts beside its text and the four bytes of its length: an empty one
// costs a library some ninety bytes, and a byte of text eight.
const stringBytes = 8

// TextBytes is what the strings among tensors come to.
func TextBytes(tensors []Tensor) (n int64) {
	for i := range tensors {
		if t := &tensors[i]; t.Type == Bytes {
			elements, _ := Elements(t.Shape)
			n += int64(len(t.Data)) + stringBytes*elements
		}
	}
	return n
}

// rowsByText is the most rows like those of the inputs whose strings may share a run; 0 if as many
// may as the model takes.
func (s *Schema) rowsByText(inputs []Tensor) int {
	if s.MaxText == 0 {
		return 0
	}
	text, rows := TextBytes(inputs), int64(1)
	for i := range inputs {
		if !s.Inputs[i].Once {
			rows = max(rows, inputs[i].Shape[0])
		}
	}
	if text/rows*int64(s.MaxBatch) <= s.MaxText {
		return 0
	}
	n := 1
	for 2*n < s.MaxBatch && text/rows*int64(2*n) <= s.MaxText {
		n *= 2
	}
	return n
}
