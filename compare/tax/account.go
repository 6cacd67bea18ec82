package tax

import (
	"fmt"
	"math"
	"time"

	"sluice/compare"
	"sluice/compare/sequence"
)

// Slice is what live requests took in a slice of time.
type Slice struct {
	Answers int64
	P99     time.Duration
	CPU     time.Duration // of the gateway's own process, for each answer
}

// Pair is a slice with the candidates and one without them.
type Pair struct {
	On, Off Slice
	// Candidates is what their processes ran, for each second of the slice with them.
	Candidates time.Duration
}

// Limits are what candidates may cost.
type Limits struct {
	P99 time.Duration // by how much the p99 may be longer
	CPU float64       // by which share the CPU for each answer may be more
}

// alpha is the chance that candidates are ever stopped which do not exceed a limit, of both limits together.
const alpha = 0.05

// Account is what candidates have cost so far.
type Account struct {
	limits     Limits
	p99, cpu   figure
	candidates moments
	off        moments // CPU of the slices without them, which the share is of
}

// figure follows one difference.
type figure struct {
	moments
	over *sequence.Betting // pairs that exceed the limit
}

// New begins an account.
func New(l Limits) *Account {
	a := &Account{limits: l}
	for _, f := range []*figure{&a.p99, &a.cpu} {
		f.over, _ = sequence.NewBetting(alpha / 2) // a level that it takes
	}
	return a
}

// Add counts a pair.
func (a *Account) Add(p *Pair) {
	longer := (p.On.P99 - p.Off.P99).Seconds()
	a.p99.add(longer, longer > a.limits.P99.Seconds())
	more := (p.On.CPU - p.Off.CPU).Seconds()
	a.cpu.add(more, more > a.limits.CPU*p.Off.CPU.Seconds())
	a.candidates.add(p.Candidates.Seconds())
	a.off.add(p.Off.CPU.Seconds())
}

func (f *figure) add(difference float64, over bool) {
	f.moments.add(difference)
	x := 0.0
	if over {
		x = 1
	}
	_ = f.over.Add(x) // 0 and 1 are what it takes
}

// Exceeded says that it has been shown that candidates cost more than they may; empty if it has not.
func (a *Account) Exceeded() string {
	switch {
	case a.p99.over.Interval().Low > 0.5:
		return fmt.Sprintf("the p99 of live requests is longer with the shadows than without them by more than %v (shadow.tax.p99), by %s in the mean of %d pairs of slices", a.limits.P99, compare.Number(a.p99.mean, compare.UnitSeconds), a.p99.n)
	case a.cpu.over.Interval().Low > 0.5:
		return fmt.Sprintf("a live request takes more CPU with the shadows than without them by more than %s (shadow.tax.cpu), by %s in the mean of %d pairs of slices", compare.Number(a.limits.CPU, compare.UnitShare), compare.Number(a.share(a.cpu.mean), compare.UnitShare), a.cpu.n)
	}
	return ""
}

// share is a difference of CPU as a share of what a request takes without candidates.
func (a *Account) share(difference float64) float64 {
	if a.off.mean <= 0 {
		return 0
	}
	return difference / a.off.mean
}

// Figures are what candidates have cost, with intervals for a window that is closed.
type Figures struct {
	Pairs int `json:"pairs"`
	// P99 and CPU are differences for each request, in seconds; CPUShare is CPU as a share of what a request takes without them.
	P99      Figure `json:"p99"`
	CPU      Figure `json:"cpu"`
	CPUShare Figure `json:"cpu_share"`
	// Candidates is how many cores their processes used.
	Candidates float64 `json:"candidates_cores"`
	Exceeded   string  `json:"exceeded,omitempty"`
}

// Summary is what a comparison's report has of it; nil with fewer than two pairs.
func (f *Figures) Summary() *compare.Tax {
	if f.Pairs < 2 {
		return nil
	}
	return &compare.Tax{
		Pairs: f.Pairs, P99: f.P99.Mean, P99Interval: compare.Bounds{Low: *f.P99.Low, High: *f.P99.High},
		CPU: f.CPU.Mean, CPUInterval: compare.Bounds{Low: *f.CPU.Low, High: *f.CPU.High}, Smallest: *f.P99.Smallest, Note: f.Exceeded,
	}
}

// Figure is the mean of a difference.
type Figure struct {
	Mean float64 `json:"mean"`
	// Low and High hold 95 %, Upper is the upper bound at 95 % of one side. They are null with fewer than two pairs.
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
	Upper *float64 `json:"upper"`
	// Smallest is the smallest tax that so many pairs find with a chance of 80 %.
	Smallest *float64 `json:"smallest"`
	// Over is how many pairs exceeded the limit.
	Over int64 `json:"pairs_over_limit"`
}

// Report is the account so far.
func (a *Account) Report() *Figures {
	f := &Figures{Pairs: int(a.p99.n), P99: a.p99.figure(1), CPU: a.cpu.figure(1), Candidates: a.candidates.mean, Exceeded: a.Exceeded()}
	if a.off.mean > 0 {
		f.CPUShare = a.cpu.figure(1 / a.off.mean)
	}
	return f
}

func (f *figure) figure(scale float64) Figure {
	r := Figure{Mean: scale * f.mean, Over: int64(math.Round(f.over.Mean() * float64(f.over.Units())))}
	if f.n < 2 {
		return r
	}
	at := func(x float64) *float64 { x *= scale; return &x }
	error := f.error()
	both, one := error*quantile(0.975, f.n-1), error*quantile(0.95, f.n-1)
	r.Low, r.High, r.Upper = at(f.mean-both), at(f.mean+both), at(f.mean+one)
	r.Smallest = at(one + error*quantile(0.8, f.n-1))
	return r
}

// Upper is the upper bound of the p99's difference, in seconds, and of the share of the CPU, at a level of one side; false with
// fewer than two pairs.
func (a *Account) Upper(level float64) (p99, cpu float64, ok bool) {
	if a.p99.n < 2 {
		return 0, 0, false
	}
	q := quantile(level, a.p99.n-1)
	return a.p99.mean + q*a.p99.error(), a.share(a.cpu.mean + q*a.cpu.error()), true
}

// moments are the sums of a mean and its error (B. P. Welford, Technometrics 4, 1962).
type moments struct {
	n             int64
	mean, squares float64
}

func (m *moments) add(x float64) {
	m.n++
	before := x - m.mean
	m.mean += before / float64(m.n)
	m.squares += before * (x - m.mean)
}

// error is the standard error of the mean.
func (m *moments) error() float64 {
	return math.Sqrt(m.squares / float64(m.n-1) / float64(m.n))
}

// quantile is that of Student's t for so many degrees of freedom. One and two have closed forms; for more it is Hill's approximation
// (G. W. Hill, Algorithm 396, Communications of the ACM 13, 1970), whose error is below 1e-4 from three on.
func quantile(p float64, freedom int64) float64 {
	tail := 2 * (1 - p) // of both sides
	n := float64(freedom)
	switch freedom {
	case 1:
		return 1 / math.Tan(tail*math.Pi/2)
	case 2:
		return math.Sqrt(2/(tail*(2-tail)) - 2)
	}
	a := 1 / (n - 0.5)
	b := 48 / (a * a)
	c := ((20700*a/b-98)*a-16)*a + 96.36
	d := ((94.5/(b+c)-3)/b + 1) * math.Sqrt(a*math.Pi/2) * n
	x := d * tail
	y := math.Pow(x, 2/n)
	if y > 0.05+a {
		x = -math.Sqrt2 * math.Erfinv(1-tail) // the normal quantile of tail/2
		y = x * x
		if freedom < 5 {
			c += 0.3 * (n - 4.5) * (x + 0.6)
		}
		c = (((0.05*d*x-5)*x-7)*x-2)*x + b + c
		y = (((((0.4*y+6.3)*y+36)*y+94.5)/c-y-3)/b + 1) * x
		y = math.Expm1(a * y * y)
	} else {
		y = ((1/(((n+6)/(n*y)-0.089*d-0.822)*(n+2)*3)+0.5/(n+4))*y-1)*(n+1)/(n+2) + 1/y
	}
	return math.Sqrt(n * y)
}
