package result

import (
	"math"
	"strings"
	"testing"
	"time"

	"sluice/internal/traffic"
)

// run is a valid run of 30,000 requests at 500 a second.
func run() *Result {
	return &Result{
		Command: "run",
		Load:    Load{Expression: "poisson:500", Duration: 60, Offered: 500, Sent: 499.8, Good: 498.5, Achieved: 0.9996},
		Ledger:  Ledger{Scheduled: 30_000, OK: 29_910, Rejected: 60, Timeout: 20, ServerErr: 10},
		Response: Latency{N: 29_910, Mean: 2.4, Min: 0.9, Max: 31, Quantiles: []Quantile{
			{Q: 0.5, Ms: 2.1, Lo: 2, Hi: 2.2}, {Q: 0.99, Ms: 6.02, Lo: 5.7, Hi: 6.4}, {Q: 0.999, Ms: 10.004},
		}, Refused: []Refusal{{Q: 0.9999, Need: 46_050}}},
		Every: Latency{N: 30_000, Mean: 2.4, Min: 0.9, Max: 31, Quantiles: []Quantile{
			{Q: 0.5, Ms: 2.12}, {Q: 0.99, Ms: 6.5},
		}, Refused: []Refusal{{Q: 0.9999, Need: 46_050}}},
		Service:  Latency{N: 29_910, Mean: 2.2, Max: 30, Quantiles: []Quantile{{Q: 0.99, Ms: 5.7}}},
		Lag:      Latency{N: 29_980, Max: 4, Quantiles: []Quantile{{Q: 0.99, Ms: 0.11}}},
		PacerLag: Latency{N: 29_980, Max: 3, Quantiles: []Quantile{{Q: 0.99, Ms: 0.09}}},
		Resources: &Resources{
			Tool:   Process{Cores: 0.09},
			Target: &Process{Cores: 0.71, RSSMax: 212 << 20},
		},
		Verify:   Verify{Source: "golden", Checked: 29_910, Fraction: 1},
		Validity: Validity{Valid: true},
	}
}

func TestThresholdsOfARun(t *testing.T) {
	f := func(expr, value string, pass bool) {
		t.Helper()
		c, err := ParseThreshold(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			return
		}
		want := Threshold{Expression: strings.TrimSpace(expr), Value: value, Pass: pass}
		if got := c.Check(run()); got != want {
			t.Errorf("%s: got %+v, want %+v", expr, got, want)
		}
	}
	f("p99<10ms", "6.5 ms", true) // of all requests
	f("p99<6.1ms", "6.5 ms", false)
	f("p99<=6.5ms", "6.5 ms", true)
	f("response.p99<10ms", "6.5 ms", true)
	f("p99.9<1h", "not reached: 0.3 % of 30,000 requests have no right answer", false)
	f("p99.99<1s", "n too small: 30,000 samples, 46,050 needed", false)
	f("p95<1s", "not measured", false)
	f("ok.p99<10ms", "6.02 ms", true)
	f(" ok.p99 < 6 ms ", "6.02 ms", false)
	f("ok.p99<=6.02ms", "6.02 ms", true)
	f("ok.p99<6.02ms", "6.02 ms", false)
	f("ok.p99.9<10ms", "10.004 ms", false) // as many digits as tell it from its bound
	f("ok.p50>2ms", "2.1 ms", true)
	f("ok.p99.99<1s", "n too small: 29,910 samples, 46,050 needed", false)
	f("ok.p95<1s", "not measured", false)
	f("ok.mean<2.5ms", "2.4 ms", true)
	f("unserved<0.2%", "0.3 %", false)
	f("attainment>=99%", "not measured", false)
	f("refusals.p99<1ms", "no sample", false)
	f("service.p99<5.8ms", "5.7 ms", true)
	f("lag.p99<200us", "110 us", true)
	f("lag.p99<200µs", "110 us", true)
	f("pacer.max<2ms", "3 ms", false)
	f("mean<2.5ms", "2.4 ms", true)
	f("max<0.03s", "31 ms", false)
	f("min>=1ms", "900 us", false)
	f("achieved>=99%", "99.96 %", true)
	f("achieved>=0.9997", "99.96 %", false)
	f("goodput>=480/s", "498.5/s", true)
	f("goodput>=500", "498.5/s", false)
	f("sent>499/s", "499.8/s", true)
	f("offered<=500", "500/s", true)
	f("err<0.1%", "0.3 %", false)
	f("err<=90", "90", true)
	f("failed<0.2%", "0.1 %", true)
	f("failed==30", "30", true)
	f("rejected<5%", "0.2 %", true)
	f("wrong==0", "0", true)
	f("timeout==0", "20", false)
	f("server_err<=10", "10", true)
	f("client_err==0", "0", true)
	f("refused==0", "0", true)
	f("unsent==0", "0", true)
	f("lost==0", "0", true)
	f("extra==0", "0", true)
	f("cpu.target<1.5", "0.71 cores", true)
	f("cpu.tool<0.05", "0.09 cores", false)
	f("rss.target<200MiB", "212 MiB", false)
	f("rss.target<1GB", "212 MiB", true)
}

func TestWhatIsNotMeasuredIsNotHeld(t *testing.T) {
	for _, expr := range []string{"p99<1h", "ok.p99<1h", "unserved<=1", "attainment>=0", "service.max<1h", "mean<1h", "err<100%", "err<=100%", "cpu.target<99", "cpu.tool<99", "rss.target<99GB", "p99<1h for 1s", "goodput>=0 for 1s"} {
		c, err := ParseThreshold(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Check(&Result{}); got.Pass || got.Value == "" {
			t.Errorf("%s passes on nothing: %+v", expr, got)
		}
	}
}

func TestBadThresholdsAreRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := ParseThreshold(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "cannot read the threshold") {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	f("", "column 1: a comparison is missing")
	f("p99", "column 4: a comparison is missing")
	f("<10ms", "column 1: a figure is missing")
	f("p99<", "column 5: a bound is missing behind <")
	f("p99<10", `column 5: "10" is not a latency; write it with its unit`)
	f("p99 <  -1ms", `column 8: "-1ms" is not a latency`)
	f("p99!=10ms", `column 4: "!" is not a comparison; use <, <=`)
	f("p99=10ms", `"=" is not a comparison`)
	f("p99==10ms", "p99 is never equal to a number")
	f("p100<1s", `column 1: "p100" is not a percentile between`)
	f("p0<1s", "is not a percentile between")
	f("p9.9.9<1s", `there is no figure "p9.9.9"`)
	f("p<1s", `there is no figure "p"; use one of p50`)
	f("lag.p<1s", `there is no figure "lag.p"`)
	f("p-1<1s", "there is no figure")
	f("pInf<1s", "there is no figure")
	f("tail.p99<1s", `there is no figure "tail.p99"`)
	f("  speed>3", `column 3: there is no figure "speed"; use one of p50`)
	f("speed>3", "achieved, goodput, sent, offered, err, failed, wrong")
	f("achieved>=99", `"99" is not a part`)
	f("err<NaN%", `"NaN%" is not a part`)
	f("err<0.1", "write a whole number, or a part of them as 0.1%")
	f("err<-1", "is not a number of requests")
	f("err<1e3", "is not a number of requests")
	f("extra<1% for 5s", "a second has no extra")
	f("goodput>5%", "is not a number of requests per second")
	f("goodput>Inf", "is not a number of requests per second")
	f("cpu.target<x", "is not a number of cores")
	f("rss.target<5", "is not a size such as")
	f("p99<1s for 0s", `column 12: "0s" is not a number of seconds`)
	f("p99<1s for 1500ms", "is not a number of seconds")
	f("p99<1s for 5", `"5" is not a number of seconds`)
	f("p95<1s for 5s", `column 1: a second has no p95; with "for" use one of p50, p90, p99, max`)
	f("ok.p95<1s for 5s", "a second has no ok.p95")
	f("µ<1", `column 1: there is no figure "µ"`)
	f("p99<µ", `column 5: "µ"`)
}

// Each figure of the language is one of a run.
func TestFiguresOfTheLanguageAreMeasured(t *testing.T) {
	for _, name := range strings.Split(traffic.Figures(), ", ") {
		if _, known := metrics[name]; !known && name != "p50" && !strings.HasSuffix(name, ".") && !strings.Contains(name, " ") {
			t.Errorf("nothing measures %s", name)
		}
	}
	for _, clock := range []string{"", "response.", "ok.", "service.", "lag.", "pacer.", "refusals."} {
		for _, of := range []string{"p", "mean", "max", "min"} {
			if metrics[clock+of].clock == nil {
				t.Errorf("nothing measures %s%s", clock, of)
			}
		}
	}
}

func TestQuantilesAndShortages(t *testing.T) {
	var all []Condition
	for _, expr := range []string{"p99<1s", "service.p99<1s", "p99.99<1s", "p99.99<2s", "max<1s", "p50<1s for 5s", "wrong==0"} {
		c, err := ParseThreshold(expr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if got := Quantiles(all); len(got) != 2 || got[0] != 0.99 || got[1] != 0.9999 {
		t.Errorf("quantiles %v", got)
	}
	r := run()
	if got := Shortages(all, r); len(got) != 1 || got[0] != (Shortage{"p99.99", 30_000, 46_050}) {
		t.Errorf("shortages %v", got)
	}
	// Enough was asked and too little came back: the target's fault, and no reason to call the run invalid.
	r.Ledger.Scheduled = 46_050
	if got := Shortages(all, r); len(got) != 0 {
		t.Errorf("shortages %v", got)
	}
}

func TestObjectivesAreRead(t *testing.T) {
	f := func(text string, want Objective) {
		t.Helper()
		want.Text = text
		if got, err := ParseObjective(text); err != nil || got != want {
			t.Errorf("%s: got %+v, error %v; want %+v", text, got, err, want)
		}
	}
	f("p99<10ms,err<0.1%,wrong==0", Objective{Quantile: 0.99, Limit: 10 * time.Millisecond, Errors: 0.001})
	f("p99.9<=250us", Objective{Quantile: 0.999, Limit: 250 * time.Microsecond, Errors: 1})
	f("wrong<=0, response.p50 < 1s, err==0", Objective{Quantile: 0.5, Limit: time.Second})

	bad := func(text, want string) {
		t.Helper()
		if _, err := ParseObjective(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	bad("", "a comparison is missing")
	bad("err<1%", "column 7: it bounds no latency")
	bad("p99<10ms,p50<1ms", `column 10: "p50<1ms" cannot be part of it`)
	bad("p99<10ms,", `which begins at column 10`)
	bad("p99>10ms", "not a bound from above")
	bad("p99<10ms for 5s", "not a bound from above")
	bad("service.p99<10ms", "cannot be part of it")
	bad("p99<0ms", "cannot be part of it")
	bad("p99<10ms,wrong<1", "cannot be part of it")
	bad("p99<10ms,err<5", "cannot be part of it")
	bad("p99<10ms,mean<1ms", "cannot be part of it")
}

func FuzzParseThreshold(f *testing.F) {
	for _, text := range []string{"p99<10ms", "p99.9 <= 20us for 5s", "achieved>=99%", "err<0.1%", "wrong==0", "rss.target<1GiB", "µ<", "p<", "lag.p1.<1ms", "goodput>=1e308", "p99<1s for 9999999h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseThreshold(text)
		if err != nil {
			if !strings.Contains(err.Error(), "column") {
				t.Errorf("%q: %v names no column", text, err)
			}
			return
		}
		if !(c.Bound >= 0) || math.IsInf(c.Bound, 0) || c.Quantile < 0 || c.Quantile >= 1 {
			t.Errorf("%q: bound %v of quantile %v", text, c.Bound, c.Quantile)
		}
		again, err := ParseThreshold(c.Text)
		if err != nil || again.Bound != c.Bound || again.Op != c.Op || again.Name() != c.Name() || again.Seconds != c.Seconds {
			t.Errorf("%q is read as another condition the second time: %v", text, err)
		}
		c.Check(run())
		c.Check(&Result{})
		if c, err := ParseAbort(text); err == nil {
			Aborts([]Condition{c}, seconds(1, 0, 30))
		}
		_, _ = ParseObjective(text)
	})
}
