package study

import (
	"strings"
	"testing"

	"sluice/batcher/policy"
)

func TestPreferAndPrices(t *testing.T) {
	f := func(want string, prefer, price string) *builder {
		t.Helper()
		q, err := Read("", func(name string) []string {
			switch name {
			case "cost":
				return []string{"gpu=1:2ms", "cpu=1:4ms"}
			case "fleet":
				return []string{"gpu=1,cpu=1"}
			case "budget":
				return []string{"20ms"}
			case "load":
				return []string{"poisson:10"}
			case "prefer":
				return []string{prefer}
			case "price":
				return []string{price}
			}
			return nil
		})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("--prefer %s --price %s: %v, want %q", prefer, price, err, want)
		}
		return &builder{q: q}
	}
	q := f("", "cheapest-in-budget", "gpu=0.8, cpu=0.357").q
	if q.Study.Prefer != policy.PreferCheapest || q.Study.Fleet[0].Price != 0.8 || q.Study.Fleet[1].Price != 0.357 {
		t.Errorf("%v, %+v", q.Study.Prefer, q.Study.Fleet)
	}
	f(`--prefer: prefer is "cheap"; it must be order or cheapest-in-budget`, "cheap", "gpu=1")
	f(`--price: "gpu" is no kind of device with its price`, "order", "gpu")
	f(`--price: "gpu=0" is no kind`, "order", "gpu=0")
	f("--price names tpu, of which the fleet has none", "order", "tpu=1")
}
