package plan

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/plan/sim"
)

// The language is internal/traffic's; what a study adds is that a closed loop is refused and a trace read.
func TestLoadsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte("1000\n0\n500\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(text string, drawn bool, recorded ...time.Duration) {
		t.Helper()
		l, err := ParseLoad(text)
		if err != nil || l.String() != text || l.Drawn() != drawn || !slices.Equal(l.recorded, recorded) {
			t.Errorf("%s: %+v, error %v; want %v", text, l, err, recorded)
		}
	}
	for _, text := range []string{
		"poisson:2000", "poisson:1.5k/s,cv=2", "constant:10", "gamma:10,cv=3", "burst:10", "burst:10,times=2,on=1s,every=3s,cv=0",
		"burst:base=10,peak=15,on=1s,every=3s", "step:10@2s,20@3s,5", "ramp:1..8k@60s", "sine:1000,swing=0.2,period=4s", "sine:mean=500,amp=200,period=60s",
	} {
		f(text, true)
	}
	f("trace:"+path, false, 0, 0, ms/2)
	f("trace:"+path+",speed=2", false, 0, 0, ms/4)
}

// Recorded instants are replayed with drawn rows, at the study's speed and scale.
func TestRecordedLoadsAreReplayed(t *testing.T) {
	s := study(t, "poisson:1", resnet)
	rows, err := ParseRows("1-8")
	if err != nil {
		t.Fatal(err)
	}
	s.Traffic[0] = Traffic{Model: "resnet", Load: Load{recorded: []time.Duration{0, 10 * ms, 20 * ms}}, Rows: rows, Budget: 7 * ms, Priority: task.High}
	s.Scale, s.Speed, s.Overhead, s.Jitter = 2, 2, ms, 1
	all := yielded(s)
	if len(all) != 6 {
		t.Fatalf("%d arrivals, want 6", len(all))
	}
	for i, a := range all {
		if at := time.Duration(i/2) * 5 * ms; a.At < at || a.At > at+1 || a.Rows < 1 || a.Rows > 8 || a.Rows != all[i/2*2].Rows || a.Budget != 6*ms || a.Class != task.High {
			t.Errorf("arrival %d is %+v", i, a)
		}
	}
}

func TestBadTextsAreRefused(t *testing.T) {
	load := func(s string) error { _, err := ParseLoad(s); return err }
	rows := func(s string) error { _, err := ParseRows(s); return err }
	fleet := func(s string) error { _, err := ParseFleet(s); return err }
	noise := func(s string) error { _, err := ParseNoise(s); return err }
	factors := func(s string) error { _, err := ParseFactors(s); return err }
	objectives := func(s string) error { _, err := ParseObjectives(s); return err }
	costs := func(s string) error { return Costs{}.ParseCost(s) }
	f := func(parse func(string) error, text, want string) {
		t.Helper()
		if err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	f(load, "", "there is no kind")
	f(load, "uniform:3", `there is no kind "uniform"; use poisson:RATE`)
	f(load, "poisson", "takes one rate")
	f(load, "poisson:1,2", "takes one rate")
	f(load, "poisson:-1", `"-1" is not a rate`)
	f(load, "poisson:NaN", "is not a rate")
	f(load, "poisson:1e9", "100 million")
	f(load, "poisson:1e-300", "is not a rate")
	f(load, "closed:8", "the callers of a closed loop wait for a server's answers; use one with a rate")
	f(load, "trace:/nowhere/x", "cannot open the trace")
	f(load, "burst:0", "all its rates are 0")
	f(load, "sine:0", "sine needs a mean rate above 0")
	f(load, "burst:1,on=1ns", "from 1ms")
	f(load, "poisson:1,on=1s", `poisson has no option "on"`)
	f(load, "poisson:1,cv=-1", "cv=-1 is not between")
	f(load, "gamma:1", "gamma needs cv=")
	f(load, "burst:1,on=3s", "does not fit")
	f(load, "burst:1,on=0s", "not a length of time")
	f(load, "step:1,2", "is not a rate with its length")
	f(load, "step:1@x,2", "not a length of time")
	f(load, "step:cv=1", "as in step:500@10s")
	f(load, "ramp:cv=1", "as in ramp:100..2000@60s")
	f(load, "ramp:1..2", "as in ramp:100..2000@60s")
	f(load, "sine:1,swing=2", "swing=2 is not between")
	f(rows, "0", "use a number")
	f(rows, "8-1", "use a number")
	f(rows, "1,x", "use a number")
	f(rows, "9999999999", "use a number")
	f(fleet, "gpu", "use KIND=COUNT")
	f(fleet, "=1", "use KIND=COUNT")
	f(fleet, "gpu=1x0", "use KIND=COUNT")
	f(fleet, "gpu=-1", "use KIND=COUNT")
	f(noise, "sigma", "use none")
	f(noise, "sigma=9", "use none")
	f(noise, "hiccups=0.1", "use none")
	f(noise, "x=1", "use none")
	f(factors, "1,0", "is not a factor")
	f(factors, "x", "is not a factor")
	f(objectives, "p99", "use a form such as p99<10ms")
	f(objectives, "p99<20", "not a latency")
	f(objectives, "p99>20ms", "bounded from above")
	f(objectives, "attainment<0.9", "bounded from below")
	f(objectives, "attainment>=99", "not a part")
	f(objectives, "p100<1s", "not a percentile")
	f(objectives, "px<1s", `there is no figure "px"`)
	f(objectives, "goodput>x", "not a number")
	f(objectives, "speed>1", `there is no figure "speed"`)
	f(objectives, "p99<1s,service.p99<1s", `a simulation has no figure "service.p99"; it has attainment`)
	f(objectives, "p99<1s for 5s", "leave out \"for 5s\"")
	f(objectives, "err>1%", "bounded from above")
	f(costs, "gpu", "use KIND=ROWS:LATENCY")
	f(costs, "gpu/=1:1ms", "use KIND=ROWS:LATENCY")
	f(costs, "gpu=1", "use ROWS:P50")
	f(costs, "gpu=1:2", "use ROWS:P50")
	f(costs, "gpu=1:2ms/x", "use ROWS:P50")
	f(costs, "gpu=0:2ms", "a batch of 0 rows")
	f(costs, "gpu=1:0s", "must be positive")
	f(costs, "gpu=1:2ms/1ms", "below the median")
	f(costs, "gpu=2:2ms,1:3ms", "sizes must ascend")
	f(costs, "gpu=1:2ms,2:1ms", "latencies must not fall")
}

func TestTextsAreRead(t *testing.T) {
	if g, err := ParseFleet("gpu=2, cpu=1x4"); err != nil || !reflect.DeepEqual(g, []Group{{Kind: "gpu", Count: 2}, {Kind: "cpu", Count: 1, Lanes: 4}}) {
		t.Errorf("fleet %+v, error %v", g, err)
	}
	if n, err := ParseNoise("sigma=0.05,hiccups=0.01x3"); err != nil || n != (sim.Noise{Sigma: 0.05, HiccupShare: 0.01, HiccupTimes: 3}) {
		t.Errorf("noise %+v, error %v", n, err)
	}
	if n, err := ParseNoise("none"); err != nil || n != (sim.Noise{}) {
		t.Errorf("noise %+v, error %v", n, err)
	}
	if f, err := ParseFactors("0.5, 5x"); err != nil || !reflect.DeepEqual(f, []float64{0.5, 5}) {
		t.Errorf("factors %v, error %v", f, err)
	}
	c := Costs{}
	if err := c.ParseCost("gpu/eta=1:2ms/3ms,8:4ms"); err != nil || !reflect.DeepEqual(c["gpu"]["eta"], cost.Curve{{Rows: 1, P50: 2 * ms, P95: 3 * ms}, {Rows: 8, P50: 4 * ms}}) {
		t.Errorf("costs %+v, error %v", c, err)
	}
}

func TestRowsAreDrawn(t *testing.T) {
	f := func(text string, low, high int, mean float64) {
		t.Helper()
		r, err := ParseRows(text)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		sum, least, most := 0, math.MaxInt, 0
		const n = 20_000
		for range n {
			rows := r.draw(rng)
			sum, least, most = sum+rows, min(least, rows), max(most, rows)
		}
		if got := float64(sum) / n; least != low || most != high || math.Abs(got/mean-1) > 0.03 {
			t.Errorf("%s: %d to %d rows, %.2f on average", text, least, most, got)
		}
	}
	f("8", 8, 8, 8)
	f("1-8", 1, 8, 4.5)
	f("uniform:2-3", 2, 3, 2.5)
	f("1,1,1,32", 1, 32, 8.75)
	f("list:5", 5, 5, 5)
}

// What an objective says of the same outcome. A fleet that refuses has quick answers and misses.
func TestObjectivesOfAnOutcome(t *testing.T) {
	out := &Outcome{Counts: Counts{Arrived: 1000, InTime: 970, Late: 10, Dropped: 5, Refused: 15}, Attainment: 0.97, Goodput: 97, Offered: 100, latencies: new(histogram)}
	for range 980 {
		out.latencies.add(8 * ms)
	}
	out.Latency = latencyOf(out.latencies)
	f := func(text, value string, held bool) {
		t.Helper()
		all, err := ParseObjectives(text)
		if err != nil {
			t.Error(err)
			return
		}
		if got := check(all[0], out); got.Value != value || got.Held != held || !got.Sure {
			t.Errorf("%s: %+v, want %s %v", text, got, value, held)
		}
	}
	f("p99<1h", "not reached: too few are answered", false)
	f("ok.p99<10ms", "8ms", true)
	f("p50<8ms", "8ms", false)
	f("p95<10ms", "8ms", true)
	f("attainment>=97%", "97.00 %", true)
	f("attainment>0.97", "97.00 %", false)
	f("unserved<2%", "2.0 %", false)
	f("unserved<=2%", "2.0 %", true)
	f("err<=20", "20", true)
	f("err<2%", "2.0 %", false)
	f("rejected<=1.5%", "1.5 %", true)
	f("goodput>=97", "97/s", true)
	f("offered>=101/s", "100/s", false)
	f("max<9ms", "8ms", true)
	f("ok.mean<8ms", "8ms", false)
}

// The histogram against the sorted list.
func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1<<45), 1, 200).Draw(t, "values")
		missing := uint64(rapid.IntRange(0, 50).Draw(t, "missing"))
		q := rapid.Float64Range(0.001, 1).Draw(t, "q")
		var h histogram
		for _, v := range values {
			h.add(time.Duration(v))
		}
		sorted := append([]int64{}, values...)
		for i := range sorted {
			for k := i; k > 0 && sorted[k] < sorted[k-1]; k-- {
				sorted[k], sorted[k-1] = sorted[k-1], sorted[k]
			}
		}
		n := uint64(len(values)) + missing
		rank := int(math.Ceil(q*float64(n)-1e-9)) - 1
		got, ok := h.quantile(q, n)
		if ok != (rank < len(sorted)) {
			t.Fatalf("quantile %g of %d and %d missing: known %v", q, len(values), missing, ok)
		}
		if ok {
			want := float64(sorted[max(rank, 0)])
			if float64(got) < want || float64(got) > want*(1+1.0/512)+1 {
				t.Fatalf("quantile %g is %v, want %v", q, got, time.Duration(want))
			}
		}
		limit := time.Duration(rapid.Int64Range(0, 1<<45).Draw(t, "limit"))
		surely, perhaps := uint64(0), uint64(0)
		for _, v := range values {
			if float64(v)*(1+1.0/512)+1 <= float64(limit) {
				surely++
			}
			if v <= int64(limit) {
				perhaps++
			}
		}
		if got := h.within(limit); got < surely || got > perhaps {
			t.Fatalf("%d within %v, want %d to %d", got, limit, surely, perhaps)
		}
	})
}

// FuzzTexts holds the parsers to their word: no panic, and what they take can be simulated.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"gamma:2k,cv=3", "burst:1,times=4,on=200ms,every=2s", "step:1@1s,2", "ramp:1..2@1s", "sine:1,swing=1,period=1h", "1-8", "gpu=2,cpu=1x4", "p99<20ms,attainment>=99%", "sigma=0.1,hiccups=0.1x2", "gpu/a=1:2ms/3ms,8:4ms", "5x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := ParseLoad(text); err == nil {
			if l.Drawn() {
				p := l.Scaled(2, 3).Start(rand.New(rand.NewPCG(1, 2)))
				var last time.Duration
				for range 50 {
					at := p.Next()
					if at < last {
						t.Fatalf("%v comes after %v", at, last)
					}
					last = at
				}
			}
		}
		if r, err := ParseRows(text); err == nil && r.draw(rand.New(rand.NewPCG(1, 2))) < 1 {
			t.Fatal("no rows")
		}
		if groups, err := ParseFleet(text); err == nil && len(groups) == 0 {
			t.Fatal("no fleet")
		}
		if objectives, err := ParseObjectives(text); err == nil {
			checkAll(objectives, &Outcome{latencies: new(histogram)})
		}
		c := Costs{}
		if err := c.ParseCost(text); err == nil && len(c) != 1 {
			t.Fatal("no cost")
		}
		_, _ = ParseNoise(text)
		_, _ = ParseFactors(text)
	})
}
