package sequence

import (
	"fmt"
	"math"
)

// Betting is a confidence sequence for the mean of values in [0, 1], two-sided at level alpha: with probability 1 - alpha the
// mean lies in its interval after every unit. Its zero value is of no use; NewBetting makes one.
//
// Source: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal
// Statistical Society B 86 (2024), doi:10.1093/jrsssb/qkad009: the hedged capital process of section 4, with the grid of
// constant bets that supplement B calls hgKelly. For each mean m two gamblers have half of the capital each. One bets that values are above
// m, the other that they are below: a bet b multiplies its capital by 1 + b (x - m) with each value x. If m is the mean, no
// bet makes money in expectation, so by Ville's inequality the capital reaches 1/alpha with probability alpha at most, ever.
// All m at which it has reached that are refuted for good.
//
// The usual bets are computed from the values before (predictable plug-in), and differ from unit to unit, so that the
// capital has to be kept for each of a thousand m. Here each gambler splits the money among bets that stay, b = k / (1 + k m) for a few
// fixed k. Then
//
//	log capital(k, m) = sum of log(1 + k x) - n log(1 + k m)
//
// One sum for each k is all that has to be kept: no grid of means limits how small a share can be, a value of 0 costs nothing, and each
// bound is the root of a function that is convex in m. Splitting costs less than the plug-in loses: TestTextbookIsWider has the figures.
type Betting struct {
	alpha        float64
	refuted      float64 // the log capital of one gambler, of half the money, at which a mean is refuted
	units        int64
	sum          float64
	above, below gambler
}

// bets is the number of bets among which a gambler splits the money.
const bets = 17

// aboveBets and belowBets are k of each bet. 1 + k is a ratio of odds: the bet wins most if the odds of the share are that
// many times the odds of m. The ratios are 1 + 16, 1 + 8, ... 1 + 2^-12, and the same downwards: 1/17 and so on. The large ones are for few units and
// for shares of 0, the small ones for narrow intervals: down to a half-width of 3e-5 for a variance of 1/4.
var (
	aboveBets, belowBets [bets]float64
	// logWeights are the logarithms of the parts of the money. From odds of 1 + 1 on they fall with the root of k, since few units come first.
	logWeights [bets]float64
)

func init() {
	total := 0.0
	for k := range bets {
		odds := math.Ldexp(16, -k)
		aboveBets[k], belowBets[k] = odds, -odds/(1+odds)
		total += math.Sqrt(min(odds, 1))
		logWeights[k] = math.Log(min(odds, 1)) / 2
	}
	for k := range bets {
		logWeights[k] -= math.Log(total)
	}
}

// NewBetting returns a sequence without units. Alpha is the probability with which the interval may ever miss the mean: above 0, at most 0.5.
func NewBetting(alpha float64) (*Betting, error) {
	if err := checkAlpha(alpha); err != nil {
		return nil, err
	}
	s := &Betting{alpha: alpha, refuted: math.Log(2 / alpha), above: gambler{bets: &aboveBets}, below: gambler{bets: &belowBets}}
	s.above.move(0)
	s.below.move(1)
	return s, nil
}

func checkAlpha(alpha float64) error {
	if !(alpha > 0 && alpha <= 0.5) {
		return fmt.Errorf("cannot have a confidence sequence of alpha %v: alpha is above 0 and at most 0.5", alpha)
	}
	return nil
}

// Add counts a unit. It refuses a value outside of [0, 1].
func (s *Betting) Add(x float64) error {
	if !(x >= 0 && x <= 1) {
		return fmt.Errorf("cannot count a share of %v: it lies in [0, 1]", x)
	}
	s.units++
	if x > 0 {
		s.sum += x
		s.above.add(x)
		s.below.add(x)
	}
	// A value on the other side of a bound makes no money there.
	if x > s.above.bound {
		s.above.refute(s.units, s.refuted)
	}
	if x < s.below.bound {
		s.below.refute(s.units, s.refuted)
	}
	return nil
}

// Interval holds what is not refuted yet. It never grows, and is empty if the mean has changed.
func (s *Betting) Interval() Interval { return Interval{s.above.bound, s.below.bound} }

// Mean is that of the units so far, 0 without any.
func (s *Betting) Mean() float64 { return s.sum / float64(max(s.units, 1)) }

// Units is the number of units so far.
func (s *Betting) Units() int64 { return s.units }

// Alpha is the level of the sequence.
func (s *Betting) Alpha() float64 { return s.alpha }

// gambler bets on one side of each mean. Where its capital suffices to refute a mean, it does for all means farther out.
type gambler struct {
	bets *[bets]float64
	// gains are the sums of log(1 + k x).
	gains [bets]float64
	// bound is where the refuted means end.
	bound float64
	// costs are log(1 + k bound).
	costs [bets]float64
}

func (g *gambler) add(x float64) {
	for i, k := range g.bets {
		g.gains[i] += math.Log1p(k * x)
	}
}

const (
	// slack is how far a bound's log capital may be above what refutes it before the bound moves: at most every few units, and by a
	// thousandth less than it might.
	slack = 1e-3
	// mostSteps is never reached: from anywhere about ten steps suffice.
	mostSteps = 100
)

// refute moves the bound to where the capital is just enough. The log capital is convex in the mean, as a log-sum-exp of convex
// functions, so Newton's steps from a refuted mean only pass means that are refuted, too.
func (g *gambler) refute(units int64, enough float64) {
	n := float64(units)
	for range mostSteps {
		capital, slope, reached := g.capital(n, enough)
		if !reached {
			return
		}
		g.move(g.bound - (capital-enough)/slope)
	}
}

// capital is the log capital at the bound, and its slope in the mean, if that is more than enough.
func (g *gambler) capital(n, enough float64) (capital, slope float64, reached bool) {
	var each [bets]float64
	most := math.Inf(-1)
	for i := range each {
		each[i] = logWeights[i] + g.gains[i] - n*g.costs[i]
		if each[i] > most {
			most = each[i]
		}
	}
	if most+logBets <= enough+slack { // all of them as large as the largest would not do
		return 0, 0, false
	}
	sum := 0.0
	for i, k := range g.bets {
		part := math.Exp(each[i] - most)
		sum += part
		slope -= part * n * k / (1 + k*g.bound)
	}
	capital = most + math.Log(sum)
	return capital, slope / sum, capital > enough+slack
}

var logBets = math.Log(bets)

func (g *gambler) move(bound float64) {
	g.bound = bound
	for i, k := range g.bets {
		g.costs[i] = math.Log1p(k * bound)
	}
}
