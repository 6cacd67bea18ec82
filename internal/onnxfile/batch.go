package onnxfile

import (
	"fmt"
	"slices"
)

// axis is what the inputs say of axis 0. With a reason there is no batch.
type axis struct {
	reason string
	fixed  int
	// shared names the inputs that the file fixes at one row where others are free.
	shared []string
}

func (a axis) batched() bool { return a.reason == "" }

const maxFixedBatch = 4096

// batchAxis judges axis 0 over the inputs that a request gives a row of for each of its rows.
// Outputs are not asked: what a file declares of them is often not what it gives.
func (m *Model) batchAxis(rules Rules) axis {
	if rules.Whole {
		return axis{reason: "batching is switched off for this model"}
	}
	var first Dim
	known := false
	var ones []string
	for _, v := range m.Inputs {
		once := slices.Contains(rules.Once, v.Name)
		if len(v.Type.Dims) == 0 {
			return axis{reason: fmt.Sprintf("input %q is a scalar, so it has no axis for the batch", clip(v.Name))}
		}
		d := v.Type.Dims[0]
		switch {
		case once && d.Size > 1:
			return axis{reason: fmt.Sprintf("input %q is to be given once a request and the file fixes its axis 0 at %d", clip(v.Name), d.Size)}
		case once:
		case d.Size == 1:
			ones = append(ones, v.Name)
		case !known:
			first, known = d, true
		case d.Size != first.Size:
			return axis{reason: fmt.Sprintf("axis 0 of input %q is %s where others have %s", clip(v.Name), d, first)}
		}
	}
	switch {
	case !known && len(ones) == 0:
		return axis{reason: "every input is given once a request, so that none carries rows"}
	case !known:
		return axis{fixed: 1}
	case len(ones) > 0:
		return axis{
			reason: fmt.Sprintf("axis 0 of input %q is 1 where others have %s; if a request gives it once for all its rows, name it under once", clip(ones[0]), first),
			shared: ones,
		}
	case first.Size > maxFixedBatch:
		return axis{reason: fmt.Sprintf("the file fixes axis 0 at %d, more than the %d rows that a batch may have", first.Size, maxFixedBatch)}
	case first.Size > 0:
		return axis{fixed: int(first.Size)}
	}
	return axis{reason: m.reused(rules.Once)}
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

// reused reports an input that has its axis 0's name on another axis as well: its rows then
// depend on how many there are.
func (m *Model) reused(once []string) string {
	for _, v := range m.Inputs {
		name := v.Type.Dims[0].Param
		if name == "" || slices.Contains(once, v.Name) {
			continue
		}
		for _, w := range m.Inputs {
			for i, d := range w.Type.Dims {
				if i > 0 && d.Param == name {
					return fmt.Sprintf("input %q has the batch's dimension %q on axis %d too", clip(w.Name), clip(name), i)
				}
			}
		}
	}
	return ""
}

// onceCandidates are the inputs that a request may give once for all its rows, as far as the
// names of axes tell: axis 0 is fixed at one row, or has another name than that of the outputs,
// where some input has the outputs' name.
func (m *Model) onceCandidates(a axis) []string {
	if len(a.shared) > 0 {
		return a.shared
	}
	if !a.batched() || a.fixed > 0 {
		return nil
	}
	rows := ""
	for _, v := range m.Outputs {
		if len(v.Type.Dims) > 0 && v.Type.Dims[0].Param != "" {
			if rows != "" && rows != v.Type.Dims[0].Param {
				return nil
			}
			rows = v.Type.Dims[0].Param
		}
	}
	var once []string
	for _, v := range m.Inputs {
		if name := v.Type.Dims[0].Param; name != "" && name != rows {
			once = append(once, v.Name)
		}
	}
	if rows == "" || len(once) == len(m.Inputs) {
		return nil
	}
	return once
}
