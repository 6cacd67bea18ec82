package measure

import (
	"fmt"
	"testing"
)

func TestPairs(t *testing.T) {
	var p Pairs
	for i := range maxPairs + 5 {
		for range 1 + i%3 {
			p.Add(fmt.Append(nil, i), []byte("x"))
		}
	}
	p.Add([]byte("0"), []byte("x")) // one that is known still counts
	var read Pairs
	reload(t, &p, &read)
	for _, pairs := range []*Pairs{&p, &read} {
		top, other := pairs.Top(2)
		if len(pairs.counts) != maxPairs || top[0] != (PairCount{"101", "x", 3}) || top[1] != (PairCount{"104", "x", 3}) {
			t.Errorf("the first of %d pairs are %v", len(pairs.counts), top)
		}
		// 405 pairs have 810 rows, and one has a row more.
		if all := other + top[0].Rows + top[1].Rows; all != 811 {
			t.Errorf("%d rows in all", all)
		}
	}
	if top, other := p.Top(1000); len(top) != maxPairs || other != 2+3+1+2+3 {
		t.Errorf("%d pairs and %d rows of others", len(top), other)
	}
}
