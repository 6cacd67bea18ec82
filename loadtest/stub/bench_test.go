package stub

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"
)

// exchange sends a request and reads its answer, of which the length is known, with no memory
// but what it is given.
func exchange(c *client, request, into []byte) error {
	_, err := c.Write(request)
	_, readErr := io.ReadFull(c.Conn, into)
	return errors.Join(err, readErr)
}

// prepared is a connection with a request and room for its answer.
func prepared(t testing.TB, s *Server, request string) (c *client, bytes, into []byte) {
	c = dial(t, s)
	c.send(request)
	into = make([]byte, 4096)
	n, err := c.Conn.Read(into)
	if err != nil {
		t.Fatal(err)
	}
	return c, []byte(request), into[:n]
}

func TestRequestsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, request := range map[string]string{"json": asJSON("0123456789abcdef", 1, 1), "binary": asBinary("0123456789abcdef", 1, 1)} {
		for _, behaviour := range []string{"", "delay=100us", "queue=10us,limit=5", "swap=1000000"} {
			c, bytes, into := prepared(t, started(t, behaviour), request)
			n := testing.AllocsPerRun(500, func() {
				if err := exchange(c, bytes, into); err != nil {
					t.Fatal(err)
				}
			})
			if n > 0 {
				t.Errorf("%s with %q: %g allocations a request", name, behaviour, n)
			}
		}
	}
}

// BenchmarkAnswer is the time from a request to its answer over one connection, both ends of
// it in this process.
func BenchmarkAnswer(b *testing.B) {
	f := func(name, behaviour, request string) {
		b.Run(name, func(b *testing.B) {
			c, bytes, into := prepared(b, started(b, behaviour), request)
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if err := exchange(c, bytes, into); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
		})
	}
	f("json", "", asJSON("0123456789abcdef", 1, 1))
	f("binary", "", asBinary("0123456789abcdef", 1, 1))
	f("delay-1ms", "delay=1ms", asBinary("0123456789abcdef", 1, 1))
	f("delay-1ms-spin", "delay=1ms,spin", asBinary("0123456789abcdef", 1, 1))
}

// BenchmarkPipeline is the thread's time per request alone: it never sleeps.
func BenchmarkPipeline(b *testing.B) {
	f := func(name, request string) {
		b.Run(name, func(b *testing.B) {
			const many = 16
			c, bytes, into := prepared(b, started(b, ""), request)
			bytes, into = slices.Repeat(bytes, many), slices.Repeat(into, many)
			for b.Loop() {
				if err := exchange(c, bytes, into); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/request")
		})
	}
	f("json", asJSON("0123456789abcdef", 1, 1))
	f("binary", asBinary("0123456789abcdef", 1, 1))
}
