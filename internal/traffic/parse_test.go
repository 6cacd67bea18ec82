package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

func mustParse(t testing.TB, expr string) Load {
	t.Helper()
	l, err := Parse(expr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestExpressionsAreRead(t *testing.T) {
	f := func(expr string, want profile, cv float64, natural time.Duration) {
		t.Helper()
		l, err := Parse(expr)
		if err != nil || l.String() != expr || fmt.Sprint(l.profile) != fmt.Sprint(want) || l.cv != cv || l.Natural() != natural || !l.Drawn() {
			t.Errorf("%s: %+v, error %v; want %+v, CV %g, natural %v", expr, l, err, want, cv, natural)
		}
	}
	f("poisson:500", steady(500), 1, 0)
	f("poisson:500/s", steady(500), 1, 0)
	f("poisson:1.5k", steady(1500), 1, 0)
	f("poisson:1.5k/s", steady(1500), 1, 0)
	f("constant:0.5", steady(0.5), 0, 0)
	f("constant:1000k", steady(1e6), 0, 0)
	f("step:10@2s,20@3s", steps{{10, 0, 0}, {20, 2, 20}}, 1, 5*time.Second)
	f("step:10@2s,0@1s,20", steps{{10, 0, 0}, {0, 2, 20}, {20, 3, 20}}, 1, 0)
	f("step:10@2s,arrivals=constant", steps{{10, 0, 0}}, 0, 2*time.Second)
	f("ramp:0..2k@60s", ramp{0, 2000, 60}, 1, time.Minute)
	f("ramp: 5..1@1s , arrivals = poisson", ramp{5, 1, 1}, 1, time.Second)
	f("burst:base=10,peak=100,on=1s,every=3s", burst{10, 100, 1, 3}, 1, 0)
	f("burst:base=0,peak=100,on=1s,every=3s", burst{0, 100, 1, 3}, 1, 0)
	f("burst:10", burst{10, 40, 0.2, 2}, 1, 0)
	f("burst:10,times=2,arrivals=constant", burst{10, 20, 0.2, 2}, 0, 0)
	f("sine:mean=500,amp=200,period=60s", sine{500, 200, 60}, 1, 0)
	f("sine:500,swing=0.4,period=60s", sine{500, 200, 60}, 1, 0)
	f("sine:500", sine{500, 250, 86400}, 1, 0)
	f("sine:1000,swing=0.2,period=4s", sine{1000, 200, 4}, 1, 0)
	f("gamma:10,cv=3", steady(10), 3, 0)
	f("poisson:1.5k,cv=2", steady(1500), 2, 0)
	f("constant:10,cv=0.5", steady(10), 0.5, 0)
	f("poisson:5,arrivals=constant", steady(5), 0, 0)
	f("poisson:100000k", steady(1e8), 1, 0)
	f("burst:10,times=2,on=1s,every=3s,cv=0", burst{10, 20, 1, 3}, 0, 0)
	f("burst:base=10,peak=15,on=1s,every=3s", burst{10, 15, 1, 3}, 1, 0)
	f("step:10@2s,20@3s,5", steps{{10, 0, 0}, {20, 2, 20}, {5, 5, 80}}, 1, 0)
}

func TestClosedLoadsAreRead(t *testing.T) {
	f := func(expr string, want Closed) {
		t.Helper()
		l := mustParse(t, expr)
		if c, ok := l.Closed(); !ok || c != want {
			t.Errorf("%s: %+v, %v; want %+v", expr, c, ok, want)
		}
		if l.Drawn() {
			t.Errorf("%s is drawn", expr)
		}
	}
	f("closed:8", Closed{Workers: 8})
	f("closed:1,think=exp:5ms", Closed{1, Think{5 * ms, true}})
	f("closed:20000,think=const:1s", Closed{20000, Think{time.Second, false}})
	if _, ok := mustParse(t, "poisson:1").Closed(); ok {
		t.Error("poisson:1 is taken for a closed loop")
	}
}

func TestThinkTimes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	if d := (Think{}).Draw(rng); d != 0 {
		t.Errorf("no think time is %v", d)
	}
	if d := (Think{Mean: ms}).Draw(rng); d != ms {
		t.Errorf("a constant think time of 1ms is %v", d)
	}
	var all []time.Duration
	for range 5000 {
		all = append(all, Think{Mean: ms, Exponential: true}.Draw(rng))
	}
	if d := distance(all, func(gap float64) float64 { return -math.Expm1(-gap / float64(ms)) }); d > 1.628/math.Sqrt(5000) {
		t.Errorf("think times are not exponential: distance %.4f", d)
	}
}

// distance is that of Kolmogorov and Smirnov between times and a distribution.
func distance(all []time.Duration, of func(float64) float64) (d float64) {
	slices.Sort(all)
	n := float64(len(all))
	for i, v := range all {
		f := of(float64(v))
		d = max(d, float64(i+1)/n-f, f-float64(i)/n)
	}
	return d
}

func TestTracesAreRead(t *testing.T) {
	f := func(expr, file string, speed float64) {
		t.Helper()
		l := mustParse(t, expr)
		if got, times, ok := l.Trace(); !ok || got != file || times != speed || l.Drawn() {
			t.Errorf("%s: file %q, speed %g; want %q, %g", expr, got, times, file, speed)
		}
	}
	f("trace:a.jsonl", "a.jsonl", 1)
	f("trace:a.jsonl,speed=2", "a.jsonl", 2)
	f("trace:a,b.jsonl,speed=0.5", "a,b.jsonl", 0.5)
	f("trace:a,b.jsonl", "a,b.jsonl", 1)
	f("trace:x=1/a.jsonl", "x=1/a.jsonl", 1)
}

// rejected are expressions that cannot be read, with a part of the sentence that says why.
var rejected = []struct{ expr, want string }{
	{"", `there is no kind ""; use poisson:RATE`},
	{"uniform:3", `there is no kind "uniform"`},
	{"Poisson:3", `there is no kind "Poisson"`},
	{"poisson", "takes one rate, as in poisson:500"},
	{"poisson:", "takes one rate"},
	{"poisson:1,2", "takes one rate"},
	{"poisson:0", `"0" is not a rate above 0`},
	{"poisson:-1", `"-1" is not a rate from 0.001 to 100 million`},
	{"poisson:NaN", "is not a rate"},
	{"poisson:Inf", "is not a rate"},
	{"poisson:1e-300", "is not a rate"},
	{"poisson:100000001", "100 million"},
	{"poisson:100001k", "100 million"},
	{"poisson:1e9", "100 million"},
	{"poisson:1kk", "is not a rate"},
	{"poisson:5/s/s", "is not a rate"},
	{"poisson:5/m", "is not a rate"},
	{"poisson:5,speed=2", `poisson has no option "speed"`},
	{"poisson:5,arrivals=constant,cv=2", "arrivals=constant and cv=2 say the same thing"},
	{"poisson:1,on=1s", `poisson has no option "on"`},
	{"poisson:1,cv=-1", "cv=-1 is not between 0 and 100"},
	{"poisson:1,cv=x", "cv=x is not between 0 and 100"},
	{"gamma:1", "gamma needs cv="},
	{"gamma:1,arrivals=constant", "gamma needs cv="},
	{"gamma:cv=1", "gamma takes one rate"},
	{"constant:x", `"x" is not a rate`},
	{"step:", "is not a rate with its length, as in step:500@10s,2k@10s"},
	{"step:arrivals=constant", "step takes rates with their lengths"},
	{"step:1,2@10s", `the step "1" is not a rate with its length`},
	{"step:1@x", `the length "x" is not a length of time`},
	{"step:1@10", `the length "10" is not a length of time`},
	{"step:1@-1s", "not a length of time"},
	{"step:0@1s", "all its rates are 0"},
	{"step:1@8000h,1@8000h", "longer than a year"},
	{"ramp:1..2", "ramp takes two rates and a length"},
	{"ramp:1@10s", "ramp takes two rates and a length"},
	{"ramp:1..2@10s,3", "ramp takes two rates and a length"},
	{"ramp:0..0@10s", "all its rates are 0"},
	{"ramp:1..2@1ns", "not a length of time from 1ms"},
	{"ramp:1..x@1s", `"x" is not a rate`},
	{"burst:peak=100,on=1s,every=2s", "burst takes one rate, as in burst:500 or burst:base=500"},
	{"burst:5,base=5", "takes one rate"},
	{"burst:0", "all its rates are 0"},
	{"burst:5,on=3s", "on= must be below every="},
	{"burst:5,on=0s", "on=0s is not a length of time"},
	{"burst:5,on=1ns", "from 1ms"},
	{"burst:5,times=0.5", "times=0.5 is not between 1 and"},
	{"burst:50000k,times=4", "more than 100 million"},
	{"burst:5,peak=x", `"x" is not a rate`},
	{"burst:5,on=1s,on=2s,every=9s", "on= comes twice"},
	{"sine:5,swing=2", "swing=2 is not between 0 and 1"},
	{"sine:mean=5,amp=6", "amp=6 is more than the mean"},
	{"sine:0", "sine needs a mean rate above 0"},
	{"sine:mean=0,amp=0", "sine needs a mean rate above 0"},
	{"sine:90000k,swing=0.5", "highest rate is more than 100 million"},
	{"sine:5,period=0s", "period=0s is not a length of time"},
	{"sine:5,arrivals=even", "arrivals=even is not one of poisson and constant"},
	{"trace:", "trace takes a file"},
	{"trace:a,speed=0", "speed=0 is not a number from 0.001"},
	{"trace:a,speed=NaN", "speed=NaN is not a number"},
	{"trace:a,sped=2", `trace has no option "sped"`},
	{"closed:", "closed takes a number of workers from 1 to 20000"},
	{"closed:0", "closed takes a number of workers"},
	{"closed:20001", "closed takes a number of workers"},
	{"closed:1.5", "closed takes a number of workers"},
	{"closed:1,think=5ms", "think=5ms is not exp:TIME or const:TIME"},
	{"closed:1,think=exp:0s", "is not exp:TIME"},
	{"closed:1,think=norm:1s", "is not exp:TIME"},
	{"closed:1,arrivals=constant", `closed has no option "arrivals"`},
	{"closed:1,cv=1", `closed has no option "cv"`},
	{"step:cv=1", "step takes rates with their lengths"},
	{"ramp:cv=1", "ramp takes two rates and a length"},
}

func TestBadExpressionsAreRefused(t *testing.T) {
	for _, r := range rejected {
		_, err := Parse(r.expr)
		if err == nil || !strings.Contains(err.Error(), r.want) || !strings.HasPrefix(err.Error(), fmt.Sprintf("cannot read the load %q: ", r.expr)) {
			t.Errorf("%q: error %v, want one with %q", r.expr, err, r.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, r := range rejected {
		f.Add(r.expr)
	}
	for _, expr := range []string{"poisson:5", "step:1@1s,2@2s,0", "ramp:0..9@1s", "burst:0,peak=9,on=1ms,every=2ms", "sine:9,swing=1,period=1ms,arrivals=constant", "closed:3,think=exp:1ms", "gamma:2k,cv=3", "gamma:1,cv=100", "poisson:5,cv=0.001"} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		l, err := Parse(expr)
		if err != nil {
			if !strings.Contains(err.Error(), "cannot read the load") {
				t.Fatalf("%q: the error %q does not say what it is about", expr, err)
			}
			return
		}
		if !l.Drawn() {
			return
		}
		p := l.Start(rand.New(rand.NewPCG(1, 1)))
		var last time.Duration
		for range 100 {
			at := p.Next()
			if at < last {
				t.Fatalf("%q: %v comes after %v", expr, at, last)
			}
			last = at
		}
	})
}
