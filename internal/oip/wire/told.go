package wire

import (
	"strconv"

	"sluice/internal/jsonscan"
	"sluice/internal/origin"
)

// mostTold bounds what an answer tells of filled columns, in bytes. Columns that do not fit are counted.
const mostTold = 64 << 10

// Told is what an answer says of its filled inputs beside its tensors. It may say nothing.
type Told struct {
	// Degraded says that inputs are worse than they could have been.
	Degraded bool
	// Rung names what answers in the place of the model that was asked; empty if nothing does.
	Rung string
	// Trail is told of whole; nil if it is not.
	Trail *origin.Trail
}

// AppendParameters appends the answer's parameters, with a comma in front, if it has some. They are of the protocol's types: each
// filled column has a text.
func (t *Told) AppendParameters(dst []byte) []byte {
	if !t.Degraded && t.Rung == "" && t.Trail == nil {
		return dst
	}
	dst = append(dst, `,"parameters":{`...)
	if t.Degraded {
		dst = append(dst, `"degraded":true,`...)
	}
	if t.Rung != "" {
		dst = append(jsonscan.AppendString(append(dst, `"rung":`...), t.Rung), ',')
	}
	if t.Trail != nil {
		dst = appendTrail(dst, t.Trail)
	}
	if last := len(dst) - 1; dst[last] == ',' {
		dst = dst[:last]
	}
	return append(dst, '}')
}

// appendTrail appends a parameter for each column, with a comma behind it: such as cached*180,missing for 181 rows.
func appendTrail(dst []byte, t *origin.Trail) []byte {
	begin, out := len(dst), 0
	for c := range t.Columns {
		if !t.Tells(c) {
			continue
		}
		from := len(dst)
		dst = jsonscan.AppendEscaped(append(dst, `"features.`...), t.Columns[c].Input)
		dst = jsonscan.AppendEscaped(append(dst, '.'), t.Columns[c].Name)
		dst = append(dst, `":"`...)
		for row := 0; row < t.Rows && len(dst)-begin <= mostTold; {
			n, s := t.Run(c, row)
			dst = append(dst, s.String()...)
			if n > 1 {
				dst = strconv.AppendInt(append(dst, '*'), int64(n), 10)
			}
			dst = append(dst, ',')
			row += n
		}
		dst[len(dst)-1] = '"'
		dst = append(dst, ',')
		if len(dst)-begin > mostTold {
			dst = dst[:from]
			out++
		}
	}
	if out > 0 {
		dst = strconv.AppendInt(append(dst, `"features_left_out":`...), int64(out), 10)
		dst = append(dst, ',')
	}
	return dst
}

// Estimate is about what AppendParameters appends.
func (t *Told) Estimate() (n int64) {
	const least, name, run = 32, 24, 12
	if t.Degraded {
		n = least
	}
	if t.Rung != "" {
		n += int64(least + len(t.Rung))
	}
	if t.Trail == nil {
		return n
	}
	for c := range t.Trail.Columns {
		n += int64(name + len(t.Trail.Columns[c].Input) + len(t.Trail.Columns[c].Name) + run*t.Trail.Rows)
	}
	return min(n, mostTold)
}
