package price

import (
	"math"
	"slices"
)

// searched is up to how many replicas break-even points and flips are looked for where they may go on for ever.
const searched = 1000

// staircase is what a device costs a day over a scale that multiplies its levels. It is constant above one step and up
// to the next one, the step itself included.
type staircase struct {
	capacity float64 // rows/s that a replica is given
	price    float64 // of an hour
	floor    float64 // replicas that always run
	levels   []level
	still    bool // the scale does not matter
}

// replicaHours is how many hours the replicas run in a day, together.
func (s staircase) replicaHours(scale float64) float64 {
	if s.still {
		scale = 1
	}
	sum := 0.0
	for _, l := range s.levels {
		sum += l.hours * replicas(scale*l.rate, s.capacity, s.floor)
	}
	return sum
}

func (s staircase) cost(scale float64) float64 { return s.price * s.replicaHours(scale) }

// bounds are a slope and a rest: the cost is from slope*scale to slope*scale + rest.
func (s staircase) bounds() (slope, rest float64) {
	if s.still {
		return 0, s.cost(1)
	}
	for _, l := range s.levels {
		slope += l.hours * l.rate * s.price / s.capacity
		rest += l.hours * s.floor * s.price
	}
	return slope, rest
}

// appendSteps appends the scales below the top at which a replica more is needed.
func (s staircase) appendSteps(to []float64, top float64) []float64 {
	if s.still {
		return to
	}
	for _, l := range s.levels {
		for k := s.floor; l.rate > 0; k++ {
			step := k * s.capacity / l.rate
			if step >= top {
				break
			}
			to = append(to, step)
		}
	}
	return to
}

// ceiling is the scale at which the busiest level takes as many replicas as are looked at.
func (s staircase) ceiling() float64 {
	if s.still {
		return math.Inf(1)
	}
	busiest := slices.MaxFunc(s.levels, func(a, b level) int { return compare(a.rate, b.rate) })
	return searched * s.capacity / busiest.rate
}

// reach is how far two staircases are followed, at least so far. All tells that beyond it the one with the lower slope is
// the cheaper one.
func reach(a, b staircase, least float64) (top float64, all bool) {
	slopeA, restA := a.bounds()
	slopeB, restB := b.bounds()
	rest, gap := restA, slopeB-slopeA
	if gap < 0 {
		rest, gap = restB, -gap
	}
	most := max(min(a.ceiling(), b.ceiling()), 2*least)
	last := max(2*rest/gap, least) // twice, so that the two differ clearly there; infinite where they may change places for ever
	return min(last, most), last <= most
}

// span is a range of scales in which it is the same one that costs less: the first (-1), the second (1), or none (0).
type span struct {
	above, upTo float64
	cheaper     int
}

// follow splits the scales up to the top into spans. Both staircases are constant between their steps, so what holds at
// the end of such a piece holds in all of it.
func follow(a, b staircase, top float64) []span {
	ends := append(b.appendSteps(a.appendSteps(nil, top), top), top)
	slices.Sort(ends)
	var spans []span
	above := 0.0
	for _, end := range slices.Compact(ends) {
		cheaper := compare(a.cost(end), b.cost(end))
		if n := len(spans); n > 0 && spans[n-1].cheaper == cheaper {
			spans[n-1].upTo = end
		} else {
			spans = append(spans, span{above, end, cheaper})
		}
		above = end
	}
	return spans
}

// at is the index of the span that has a scale.
func at(spans []span, scale float64) int {
	i := slices.IndexFunc(spans, func(s span) bool { return s.upTo >= scale*(1-exact) })
	if i < 0 {
		return len(spans) - 1
	}
	return i
}

// flips are the scales next to 1 at which the other one becomes cheaper: at most down, above up. 0 is none.
func flips(a, b staircase) (down, up float64) {
	top, _ := reach(a, b, 1)
	spans := follow(a, b, top)
	now := at(spans, 1)
	other := -spans[now].cheaper
	for _, s := range spans[:now] {
		if s.cheaper == other {
			down = s.upTo
		}
	}
	for _, s := range spans[now+1:] {
		if s.cheaper == other {
			return down, s.above
		}
	}
	return down, 0
}

// compare is the sign of a-b, and 0 where the two are the same but for rounding.
func compare(a, b float64) int {
	switch {
	case math.Abs(a-b) <= exact*max(math.Abs(a), math.Abs(b)):
		return 0
	case a < b:
		return -1
	default:
		return 1
	}
}
