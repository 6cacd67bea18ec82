package measure

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of what is counted by name.
const (
	maxPairs = 400
	maxName  = 64 // bytes of a class or of a segment's value
)

// Pairs counts the pairs of classes on which the primary and the candidate disagree. It holds the first 400 pairs that
// come; those that come later, and those with a name of more than 64 bytes or of what is no UTF-8, are counted together. The
// zero value is ready.
type Pairs struct {
	counts map[pair]int64
	other  int64
}

type pair struct{ primary, candidate string }

// PairCount is how many rows got a pair of classes.
type PairCount struct {
	Primary   string `json:"primary"`
	Candidate string `json:"candidate"`
	Rows      int64  `json:"rows"`
}

// Add counts a row that the primary gives one class and the candidate another.
func (p *Pairs) Add(primary, candidate []byte) {
	_, known := p.counts[pair{string(primary), string(candidate)}]
	switch {
	case known:
	case len(p.counts) == maxPairs || !named(primary) || !named(candidate):
		p.other++
		return
	case p.counts == nil:
		p.counts = map[pair]int64{}
	}
	p.counts[pair{string(primary), string(candidate)}]++
}

// named tells whether a name may be kept, and comes out of the state as it went in.
func named(name []byte) bool { return len(name) <= maxName && utf8.Valid(name) }

// Top returns the n pairs with the most rows, and how many rows have any other.
func (p *Pairs) Top(n int) (top []PairCount, other int64) {
	other = p.other
	for names, rows := range p.counts {
		top = append(top, PairCount{names.primary, names.candidate, rows})
	}
	slices.SortFunc(top, func(a, b PairCount) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Primary, b.Primary), strings.Compare(a.Candidate, b.Candidate))
	})
	n = min(max(n, 0), len(top))
	for _, rest := range top[n:] {
		other += rest.Rows
	}
	return top[:n], other
}

type pairsState struct {
	Pairs []PairCount `json:"pairs"`
	Other int64       `json:"other"`
}

// MarshalJSON gives the state.
func (p *Pairs) MarshalJSON() ([]byte, error) {
	top, other := p.Top(maxPairs)
	return json.Marshal(pairsState{top, other})
}

// UnmarshalJSON takes a state that MarshalJSON gave.
func (p *Pairs) UnmarshalJSON(data []byte) error {
	var s pairsState
	if err := decode(data, &s); err != nil {
		return fmt.Errorf("cannot read the pairs of classes: %w", err)
	}
	if len(s.Pairs) > maxPairs || s.Other < 0 || s.Other > maxCount {
		return fmt.Errorf("cannot read the pairs of classes: %d pairs and %d other rows; the most are %d pairs and %d rows", len(s.Pairs), s.Other, maxPairs, int64(maxCount))
	}
	read := Pairs{counts: make(map[pair]int64, len(s.Pairs)), other: s.Other}
	for _, c := range s.Pairs {
		names := pair{c.Primary, c.Candidate}
		if _, twice := read.counts[names]; twice || c.Rows < 1 || c.Rows > maxCount || len(c.Primary) > maxName || len(c.Candidate) > maxName {
			return fmt.Errorf("cannot read the pairs of classes: the pair %.64q, %.64q is there twice, has no number of rows (%d), or has a name over %d bytes", c.Primary, c.Candidate, c.Rows, maxName)
		}
		read.counts[names] = c.Rows
	}
	*p = read
	return nil
}
