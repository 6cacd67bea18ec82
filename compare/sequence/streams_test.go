package sequence

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"sluice/internal/longtest"
)

var update = flag.Bool("update", false, "write the table into docs/compare.md")

const (
	streams     = 400
	streamUnits = 20_000
	firstLook   = 100
	mostRows    = 200
	correlation = 0.2 // of the rows of a unit
	// allowed is how many of 400 streams may be wrong where 20 are expected: 2.5 standard deviations more.
	allowed = 31
	// A bias of a tenth of a unit's standard deviation must be found so early in four of five streams.
	foundBy    = 2500
	leastFound = 320

	flipLimit   = 0.002
	excessLimit = 0.004
)

// noise is what rows differ by when nothing differs but the noise. A row's difference is the root of 0.2 times the unit's draw, plus
// the root of 0.8 times its own: its mean is 0, its variance 1.
type noise struct {
	name string
	draw func(*rand.Rand) float64
	// beyond is the share of rows whose difference is farther than x from 0; it is right from 1.4 on.
	beyond func(x float64) float64
}

var unitPart, rowPart = math.Sqrt(correlation), math.Sqrt(1 - correlation)

var noises = []noise{
	{"normal", (*rand.Rand).NormFloat64, func(x float64) float64 { return math.Erfc(x / math.Sqrt2) }},
	{"exponential", func(r *rand.Rand) float64 { return r.ExpFloat64() - 1 }, func(x float64) float64 {
		// The sum of two exponential variables, less its mean; it is never below -1.35.
		x += unitPart + rowPart
		return (rowPart*math.Exp(-x/rowPart) - unitPart*math.Exp(-x/unitPart)) / (rowPart - unitPart)
	}},
}

// distance is the inverse of beyond.
func (n noise) distance(share float64) float64 {
	low, high := 1.4, 50.0
	for range 60 {
		if middle := (low + high) / 2; n.beyond(middle) > share {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// event is something that a stream shows at some look, or not.
type event int

const (
	exceedAlarm event = iota
	exceedNewcombe
	exceedPass
	flipAlarm
	flipAtLimit
	flipPass
	meanAlarm
	meanFixed
	meanByRows
	meanPass
	biasFound
	exceedShown
	exceedFound
	flipShown
	events
)

// rule is a line of the table.
type rule struct {
	event event
	what  string
	least int
	most  int
}

var rules = []rule{
	{exceedAlarm, "A/A: the excess over the noise threshold is above 0", 0, allowed},
	{flipAlarm, "A/A: the excess of flips is above 0, both arms flip 0.2 % of rows", 0, allowed},
	{flipAtLimit, "0.2 % of rows flip: FAIL for a limit of 0.2 %", 0, allowed},
	{meanAlarm, "A/A: the mean difference is not 0", 0, allowed},
	{exceedPass, "the excess over the noise threshold is 0.6 %: PASS for a limit of 0.4 %", 0, allowed},
	{flipPass, "0.3 % of rows flip: PASS for a limit of 0.2 %", 0, allowed},
	{meanPass, "the mean difference is 1.5 margins, a tenth of a standard deviation: PASS", 0, allowed},
	{biasFound, "the mean difference is a tenth of a standard deviation: found by unit 2,500", leastFound, streams},
	{exceedShown, "A/A: the excess over the noise threshold is 0: PASS for a limit of 0.4 % by unit 20,000", leastFound, streams},
	{exceedFound, "the excess over the noise threshold is 0.6 %: found to be above 0 by unit 20,000", leastFound, streams},
	{flipShown, "0.2 % of rows flip: PASS for a limit of 0.3 % by unit 20,000", leastFound, streams},
	{meanFixed, "A/A, wrong: the fixed 95 % interval of the mean, looked at after each unit, excludes 0", allowed + 1, streams},
	{meanByRows, "A/A, wrong: the sequence of the mean over rows instead of units excludes 0", allowed + 1, streams},
	{exceedNewcombe, "A/A, wrong: Newcombe's interval over rows, looked at after each unit, excludes 0", allowed + 1, streams},
}

// stream draws the units of both arms of one comparison and looks after each of them.
type stream struct {
	noise
	random *rand.Rand
	seen   [events]bool

	threshold                            Threshold
	aaExceed, abExceed, moreExceed       *Betting // more: with 1.5 times the limit
	aaFlip, abFlip, moreFlip, singleFlip *Betting
	mean, biased                         *Asymptotic
	bias                                 float64
	rows, rowSum, rowSquares             float64
	rho                                  float64
	aaCount, abCount, counted            int64 // rows above the threshold, of all rows
}

func newStream(t *testing.T, n noise, seed uint64) *stream {
	const alpha = 0.05
	s := &stream{noise: n, random: rand.New(rand.NewPCG(seed, 20_000))}
	for _, b := range []**Betting{&s.aaExceed, &s.abExceed, &s.moreExceed, &s.aaFlip, &s.abFlip} {
		*b = newBetting(t, alpha/2)
	}
	s.moreFlip, s.singleFlip = newBetting(t, alpha), newBetting(t, alpha)
	s.mean, s.biased = newAsymptotic(t, alpha, streamUnits), newAsymptotic(t, alpha, streamUnits)
	// The variance of a unit's mean is that of the unit's draw, and that of its rows' over their number.
	variance := correlation
	for rows := range mostRows {
		variance += (1 - correlation) / float64(rows+1) * math.Log1p(1/float64(rows+1)) / math.Log(mostRows+1)
	}
	s.bias = math.Sqrt(variance) / 10
	s.rho = rhoFor(streamUnits, alpha)
	return s
}

// run draws the units. Large units are rarer: the logarithm of the number of rows is uniform.
func (s *stream) run(t *testing.T) {
	flips, moreFlips := s.distance(flipLimit), s.distance(1.5*flipLimit)
	noisy, more, frozen := math.Inf(1), math.Inf(1), false
	for unit := 1; unit <= streamUnits; unit++ {
		rows := int(math.Exp(s.random.Float64() * math.Log(mostRows+1)))
		aaUnit, abUnit := unitPart*s.draw(s.random), unitPart*s.draw(s.random)
		var aaExceed, abExceed, moreExceed, aaFlip, abFlip, moreFlip int
		sum := 0.0
		for range rows {
			aa, d := math.Abs(aaUnit+rowPart*s.draw(s.random)), abUnit+rowPart*s.draw(s.random)
			ab := math.Abs(d)
			sum += d
			s.rowSquares += d * d
			aaExceed += count(aa > noisy)
			abExceed += count(ab > noisy)
			moreExceed += count(ab > more)
			aaFlip += count(aa > flips)
			abFlip += count(ab > flips)
			moreFlip += count(ab > moreFlips)
			if !frozen {
				must(t, s.threshold.Add(aa))
			}
		}
		s.rows, s.rowSum = s.rows+float64(rows), s.rowSum+sum
		n := float64(rows)
		if frozen {
			must(t, s.aaExceed.Add(float64(aaExceed)/n))
			must(t, s.abExceed.Add(float64(abExceed)/n))
			must(t, s.moreExceed.Add(float64(moreExceed)/n))
			s.aaCount, s.abCount, s.counted = s.aaCount+int64(aaExceed), s.abCount+int64(abExceed), s.counted+int64(rows)
		} else if noisy, frozen = s.threshold.Value(); frozen {
			// A row of the worse candidate is farther out as often as that its share is 1.5 times the limit above that of the noise.
			more = s.distance(s.beyond(noisy) + 1.5*excessLimit)
		}
		must(t, s.aaFlip.Add(float64(aaFlip)/n))
		must(t, s.abFlip.Add(float64(abFlip)/n))
		must(t, s.singleFlip.Add(float64(abFlip)/n))
		must(t, s.moreFlip.Add(float64(moreFlip)/n))
		must(t, s.mean.Add(sum/n))
		must(t, s.biased.Add(sum/n+s.bias))
		if unit >= firstLook {
			s.look(unit)
		}
	}
}

func (s *stream) look(unit int) {
	see := func(e event, sees bool) { s.seen[e] = s.seen[e] || sees }
	see(exceedAlarm, Excess(s.abExceed.Interval(), s.aaExceed.Interval()).Judge(AtMost(0), false) == Fail)
	see(exceedPass, Excess(s.moreExceed.Interval(), s.aaExceed.Interval()).Judge(AtMost(excessLimit), false) == Pass)
	see(flipAlarm, Excess(s.abFlip.Interval(), s.aaFlip.Interval()).Judge(AtMost(0), false) == Fail)
	see(flipAtLimit, s.singleFlip.Interval().Judge(AtMost(flipLimit), false) == Fail)
	see(flipPass, s.moreFlip.Interval().Judge(AtMost(flipLimit), false) == Pass)
	see(meanAlarm, s.mean.Interval().Judge(Within(0), false) == Fail)
	see(meanPass, s.biased.Interval().Judge(Within(s.bias/1.5), false) == Pass)
	see(biasFound, unit <= foundBy && s.biased.Interval().Low > 0)
	see(exceedShown, Excess(s.abExceed.Interval(), s.aaExceed.Interval()).Judge(AtMost(excessLimit), false) == Pass)
	see(exceedFound, Excess(s.moreExceed.Interval(), s.aaExceed.Interval()).Judge(AtMost(0), false) == Fail)
	see(flipShown, s.singleFlip.Interval().Judge(AtMost(1.5*flipLimit), false) == Pass)
	if n := float64(unit); !s.seen[meanFixed] {
		see(meanFixed, math.Abs(s.mean.mean) > 1.96*math.Sqrt(s.mean.squares)/n)
	}
	if mean := s.rowSum / s.rows; !s.seen[meanByRows] {
		see(meanByRows, math.Abs(mean) > halfWidth(s.rows, math.Sqrt(s.rowSquares/s.rows-mean*mean), s.rho, 0.05))
	}
	if !s.seen[exceedNewcombe] {
		see(exceedNewcombe, Newcombe(s.abCount, s.counted, s.aaCount, s.counted, 0.05).Low > 0)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

func must(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// TestStreams is what the page says of the sequences: so many of 400 streams are wrong at any look, and so many of the intervals that people
// would use otherwise.
func TestStreams(t *testing.T) {
	longtest.Skip(t)
	var counts [2][events]int
	for i, n := range noises {
		var all [streams]*stream
		for j := range all {
			all[j] = newStream(t, n, uint64(1000*i+j))
		}
		var group sync.WaitGroup
		for worker := range runtime.GOMAXPROCS(0) {
			group.Go(func() {
				for j := worker; j < streams; j += runtime.GOMAXPROCS(0) {
					all[j].run(t)
				}
			})
		}
		group.Wait()
		for _, s := range all {
			for e := range events {
				counts[i][e] += count(s.seen[e])
			}
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| Of 400 streams | Must be | %s noise | %s noise |\n|---|---|---|---|\n", noises[0].name, noises[1].name)
	for _, r := range rules {
		bound := fmt.Sprintf("at most %d", r.most)
		if r.least > 0 {
			bound = fmt.Sprintf("at least %d", r.least)
		}
		fmt.Fprintf(&table, "| %s | %s | %d | %d |\n", r.what, bound, counts[0][r.event], counts[1][r.event])
		for i, n := range noises {
			if got := counts[i][r.event]; got < r.least || got > r.most {
				t.Errorf("%s noise: %s: %d of %d streams, %s are right", n.name, r.what, got, streams, bound)
			}
		}
	}
	if len(rules) != int(events) {
		t.Errorf("%d of %d events have a line", len(rules), events)
	}
	holdPage(t, table.String())
}

const (
	page        = "../../docs/compare.md"
	tableBegins = "<!-- the table below is written by go test ./compare/sequence -run TestStreams -update -->\n"
	tableEnds   = "<!-- the table above is written by go test ./compare/sequence -run TestStreams -update -->\n"
)

// holdPage compares the page's table with what was counted, or writes it.
func holdPage(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	old, after, ok2 := strings.Cut(rest, tableEnds)
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no place for the table", page)
	case *update:
		if err := os.WriteFile(page, []byte(before+tableBegins+table+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case old != table && runtime.GOARCH == "amd64": // others round a product and a sum at once, and a stream may fall on the other side
		t.Errorf("%s has another table than what was counted; go test ./compare/sequence -run TestStreams -update writes it:\n%s", page, table)
	}
}
