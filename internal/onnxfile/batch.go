package onnxfile

import "fmt"

// axis is the verdict on axis 0. With a reason there is no batch.
type axis struct {
	reason   string
	fixed    int
	unproven bool
}

func (a axis) batched() bool { return a.reason == "" }

const maxFixedBatch = 4096

// batchAxis judges axis 0 over all inputs and outputs.
func (m *Model) batchAxis(rules Rules) axis {
	if rules.Whole {
		return axis{reason: "batching is switched off for this model"}
	}
	first, known := Dim{}, false // what axis 0 is, from the first value that says so
	var a axis
	for i, list := range [][]Value{m.Inputs, m.Outputs} {
		side := [2]string{"input", "output"}[i]
		for _, v := range list {
			d, says, reason := leading(v, side)
			switch {
			case reason != "":
				return axis{reason: reason}
			case !says:
				a.unproven = true
				continue
			case !known:
				first, known = d, true
				continue
			}
			if reason := agree(first, d, v.Name, side); reason != "" {
				if d.Size >= 0 || first.Size >= 0 || !rules.AssumeBatch {
					return axis{reason: reason}
				}
				a.unproven = true
			}
			if d.Param != first.Param {
				a.unproven = true
			}
			if first.Param == "" {
				first.Param = d.Param
			}
		}
	}
	if first.Size > maxFixedBatch {
		return axis{reason: fmt.Sprintf("the file fixes axis 0 at %d, more than the %d rows that a batch may have", first.Size, maxFixedBatch)}
	}
	if first.Size > 0 {
		return axis{fixed: int(first.Size), unproven: first.Size > 1}
	}
	if reason := m.reused(first.Param); reason != "" {
		return axis{reason: reason}
	}
	a.unproven = a.unproven || first.Param == ""
	return a
}

// leading returns axis 0 of a value. Outputs without a shape, and sequences of maps
// (one a row), say nothing of it.
func leading(v Value, side string) (d Dim, says bool, reason string) {
	switch {
	case v.Type.mapRows(), !v.Type.Ranked:
		return d, false, ""
	case len(v.Type.Dims) == 0:
		return d, false, fmt.Sprintf("%s %q is a scalar, so it has no axis for the batch", side, clip(v.Name))
	}
	return v.Type.Dims[0], true, ""
}

// agree compares axis 0 of a value with what the others have there. A free axis
// without a name agrees with any free one.
func agree(first, d Dim, name, side string) string {
	switch {
	case first.Size != d.Size:
		return fmt.Sprintf("axis 0 of %s %q is %s where others have %s", side, clip(name), d, first)
	case first.Param != d.Param && first.Param != "" && d.Param != "":
		return fmt.Sprintf("axis 0 of %s %q has the name %s where others have %s", side, clip(name), d, first)
	}
	return ""
}

// String names the dimension for messages.
func (d Dim) String() string {
	switch {
	case d.Size >= 0:
		return fmt.Sprintf("%d", d.Size)
	case d.Param != "":
		return fmt.Sprintf("%q", clip(d.Param))
	}
	return "free"
}

// reused reports an input that has the batch's name on another axis as well: its
// rows then depend on how many there are.
func (m *Model) reused(param string) string {
	if param == "" {
		return ""
	}
	for _, v := range m.Inputs {
		for i, d := range v.Type.Dims {
			if i > 0 && d.Param == param {
				return fmt.Sprintf("input %q has the batch's dimension %q on axis %d too", clip(v.Name), clip(param), i)
			}
		}
	}
	return ""
}
