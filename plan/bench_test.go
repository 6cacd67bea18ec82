package plan

import (
	"context"
	"testing"
	"time"
)

// BenchmarkStudy simulates 100,000 requests per second and says how many seconds of them one
// second of a core is worth.
func BenchmarkStudy(b *testing.B) {
	f := func(name, load string, groups ...Group) {
		b.Run(name, func(b *testing.B) {
			s := Study{Costs: Costs{}, Budget: 20 * time.Millisecond, Seed: 1, Length: time.Second, Fleet: groups}
			for _, c := range []string{"gpu=1:0.5ms,512:4ms", "small=1:2.1ms,8:3.9ms,32:11.2ms", "cpu=1:5ms,8:20ms"} {
				if err := s.Costs.ParseCost(c); err != nil {
					b.Fatal(err)
				}
			}
			l, err := ParseLoad(load)
			if err != nil {
				b.Fatal(err)
			}
			s.Traffic = []Traffic{{Model: "m", Load: l}}
			for b.Loop() {
				if _, err := s.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(s.Length.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "virtual-s/s")
		})
	}
	f("1gpu", "poisson:100k", Group{Kind: "gpu", Count: 1})
	f("1gpu+cpu", "gamma:100k,cv=3", Group{Kind: "gpu", Count: 1}, Group{Kind: "cpu", Count: 1, Lanes: 16})
	f("64small", "poisson:100k", Group{Kind: "small", Count: 64})
	f("overload", "poisson:100k", Group{Kind: "small", Count: 1})
}
