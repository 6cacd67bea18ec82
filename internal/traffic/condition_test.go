package traffic

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestConditionsAreRead(t *testing.T) {
	f := func(text string, want Condition) {
		t.Helper()
		want.Text = strings.TrimSpace(text)
		if got, err := ParseCondition(text); err != nil || got != want {
			t.Errorf("%s: %+v, error %v; want %+v", text, got, err, want)
		}
	}
	f("p99<10ms", Condition{Figure: "p", Quantile: 0.99, Op: "<", Bound: 10})
	f(" ok.p99.9 <= 250us for 5s", Condition{Figure: "ok.p", Quantile: 0.999, Op: "<=", Bound: 0.25, Seconds: 5})
	f("service.max<1.5s", Condition{Figure: "service.max", Op: "<", Bound: 1500})
	f("attainment>=99%", Condition{Figure: "attainment", Kind: Part, Op: ">=", Bound: 0.99})
	f("unserved<0.01", Condition{Figure: "unserved", Kind: Part, Op: "<", Bound: 0.01})
	f("goodput>=480/s", Condition{Figure: "goodput", Kind: Rate, Op: ">=", Bound: 480})
	f("err<0.1%", Condition{Figure: "err", Kind: Count, Op: "<", Bound: 0.001, Share: true})
	f("wrong==0", Condition{Figure: "wrong", Kind: Count, Op: "=="})
	f("cpu.tool>1.5", Condition{Figure: "cpu.tool", Kind: Cores, Op: ">", Bound: 1.5})
	f("rss.target<1GiB", Condition{Figure: "rss.target", Kind: Size, Op: "<", Bound: 1 << 30})
	if all, err := ParseConditions("p99<20ms, attainment>=0.99"); err != nil || len(all) != 2 || all[1].Text != "attainment>=0.99" {
		t.Errorf("%+v, error %v", all, err)
	}
	if _, err := ParseConditions("p99<10ms,px<1s"); err == nil || !strings.Contains(err.Error(), `"px<1s", which begins at column 10`) {
		t.Errorf("error %v", err)
	}
}

func TestBoundsAreHeld(t *testing.T) {
	f := func(text string, v float64, want bool) {
		t.Helper()
		c, err := ParseCondition(text)
		if err != nil || c.Holds(v) != want {
			t.Errorf("%g keeps to %s: %v, error %v", v, text, c.Holds(v), err)
		}
	}
	f("p99<10ms", 10, false)
	f("p99<=10ms", 10, true)
	f("goodput>5", 5, false)
	f("goodput>=5", 5, true)
	f("wrong==0", 1, false)
	f("wrong==0", 0, true)
	if c, err := ParseCondition("p99<20.1ms"); err != nil || c.Limit() != 20100*time.Microsecond || c.Name() != "p99" || c.FromBelow() {
		t.Errorf("%+v, limit %v, error %v", c, c.Limit(), err)
	}
}

func FuzzParseCondition(f *testing.F) {
	for _, text := range []string{"p99<10ms", "p99.9 <= 20us for 5s", "achieved>=99%", "err<0.1%", "wrong==0", "rss.target<1GiB", "µ<", "p<", "lag.p1.<1ms", "goodput>=1e308", "p99<1s for 9999999h", "ok.p50<1s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCondition(text)
		if err != nil {
			if !strings.Contains(err.Error(), "column") {
				t.Errorf("%q: %v names no column", text, err)
			}
			return
		}
		if !(c.Bound >= 0) || math.IsInf(c.Bound, 0) || c.Quantile < 0 || c.Quantile >= 1 {
			t.Errorf("%q: bound %v of quantile %v", text, c.Bound, c.Quantile)
		}
		if again, err := ParseCondition(c.Text); err != nil || again != c {
			t.Errorf("%q is read as another condition the second time: %v", text, err)
		}
	})
}
