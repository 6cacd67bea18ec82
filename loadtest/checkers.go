package loadtest

import (
	"sort"

	"sluice/loadtest/engine"
	"sluice/loadtest/verify"
)

// checkers compare the answers of several models: each has the variants from its first on.
type checkers []span

type span struct {
	first   int
	checker *verify.Checker // nil if answers are not compared
}

// Check implements engine.Checker.
func (all checkers) Check(a *engine.Answer) engine.Verdict {
	c := all[sort.Search(len(all), func(i int) bool { return all[i].first > a.Variant })-1]
	if c.checker == nil {
		return engine.Verdict{}
	}
	a.Variant -= c.first // the answer is the engine's own for this one call
	return c.checker.Check(a)
}
