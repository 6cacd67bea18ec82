//go:build !race

package engine

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// TestNoAllocations holds the engine to its promise: once connections and buffers have grown,
// a request allocates nothing.
func TestNoAllocations(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nServer-Timing: run;dur=1.000\r\nSluice-Device: cpu\r\n\r\nx")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // it allocates nothing per request either
				defer c.Close()
				in := make([]byte, 1<<10)
				for {
					if _, err := c.Read(in); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	const n = 20_000
	e, err := New(Options{
		Targets:  []Target{{Addr: netip.MustParseAddrPort(l.Addr().String()), Payloads: payloads(4), Checker: checkFunc(func(*Answer) Verdict { return Verdict{Kind: Right} })}},
		Arrivals: every(n, 50*time.Microsecond, 4), Connections: 16, CPU: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	counts(t, e)
	// Connections cost something each, and so does what the runtime does beside it.
	if got := float64(after.Mallocs-before.Mallocs) / n; got > 0.1 {
		t.Errorf("%.3f allocations per request", got)
	}
}
