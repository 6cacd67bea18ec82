package worker

import (
	"slices"
	"testing"
	"time"

	"sluice/backends"
	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// BenchmarkRun gives what a batch costs through a worker process beyond one in this process:
// run and scatter of a model that copies its input, with the median and the 99th percentile.
// Batches come one after the other, or paced with a millisecond of idleness between, when both
// processes have to be woken.
func BenchmarkRun(b *testing.B) {
	f := func(name string, s backends.Session, pause time.Duration) {
		b.Run(name, func(b *testing.B) {
			parts := []task.Part{whole(numbers(4, 1, 2, 3, 4, 5, 6, 7, 8))}
			times := make([]time.Duration, 0, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				if pause > 0 {
					time.Sleep(pause)
				}
				begin := clock.Now()
				if _, err := s.Run(0, parts, begin.Add(time.Second)); err != nil {
					b.Fatal(err)
				}
				if err := s.Scatter(0, parts); err != nil {
					b.Fatal(err)
				}
				times = append(times, clock.Now().Sub(begin))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2])/1e3, "p50-µs")
			b.ReportMetric(float64(times[len(times)*99/100])/1e3, "p99-µs")
		})
	}
	own := fake.New(fake.Options{Schema: fake.Echo(64)})
	f("process=own", own, 0)
	f("process=own/paced", own, time.Millisecond)
	for _, serial := range []bool{true, false} {
		d := start(b, "serve", func(o *Options) { o.Serial = serial })
		s := open(b, d, "identity", fake.Echo(64), 1)
		name := "process=worker"
		if serial {
			name += "/serial"
		}
		f(name, s, 0)
		f(name+"/paced", s, time.Millisecond)
	}
}
