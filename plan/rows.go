package plan

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Rows is how many rows requests have: each of a list is as likely as the others. The zero
// value is one row.
type Rows struct {
	Text string
	list []int
	low  int // of a range, if list is nil
	high int
}

// maxRows bounds a request; larger ones are split into parts that the limit bounds too.
const maxRows = 1 << 20

// ParseRows reads a number of rows: 8, a range with equally likely numbers such as 1-8, or
// a list such as 1,1,1,32.
func ParseRows(text string) (Rows, error) {
	r := Rows{Text: text}
	bad := fmt.Errorf("cannot read the rows %q: use a number, a range such as 1-8, or a list such as 1,1,1,32, of 1 to %d", text, maxRows)
	number := func(s string) int {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || n > maxRows {
			return 0
		}
		return n
	}
	if low, high, span := strings.Cut(strings.TrimPrefix(text, "uniform:"), "-"); span {
		r.low, r.high = number(low), number(high)
		if r.low == 0 || r.high < r.low {
			return Rows{}, bad
		}
		return r, nil
	}
	for _, part := range strings.Split(strings.TrimPrefix(text, "list:"), ",") {
		n := number(part)
		if n == 0 {
			return Rows{}, bad
		}
		r.list = append(r.list, n)
	}
	return r, nil
}

func (r Rows) draw(rng *rand.Rand) int {
	switch {
	case len(r.list) == 1:
		return r.list[0]
	case len(r.list) > 1:
		return r.list[rng.IntN(len(r.list))]
	case r.high > 0:
		return r.low + rng.IntN(r.high-r.low+1)
	default:
		return 1
	}
}
