package oip

import (
	"strconv"

	"sluice/internal/jsonscan"
	"sluice/internal/origin"
)

// mostExplained bounds what an answer tells of filled columns, in bytes. Columns that do not fit are counted.
const mostExplained = 64 << 10

// appendParameters appends the answer's parameters, if it has some. They are of the protocol's types: each filled column has a text.
func (r *Request) appendParameters(dst []byte) []byte {
	if !r.Degraded && r.Rung == "" && r.Trail == nil {
		return dst
	}
	dst = append(dst, `,"parameters":{`...)
	if r.Degraded {
		dst = append(dst, `"degraded":true,`...)
	}
	if r.Rung != "" {
		dst = jsonscan.AppendString(append(dst, `"rung":`...), r.Rung)
		dst = append(dst, ',')
	}
	if r.Trail != nil {
		dst = appendTrail(dst, r.Trail)
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
		for row := 0; row < t.Rows && len(dst)-begin <= mostExplained; {
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
		if len(dst)-begin > mostExplained {
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

// explained is about what appendTrail appends.
func (r *Request) explained() (n int64) {
	if r.Trail == nil {
		return 0
	}
	const name, run = 24, 12
	for c := range r.Trail.Columns {
		n += int64(name + len(r.Trail.Columns[c].Input) + len(r.Trail.Columns[c].Name) + run*r.Trail.Rows)
	}
	return min(n, mostExplained)
}
