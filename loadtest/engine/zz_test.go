package engine

import (
	"fmt"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"sluice/loadtest/sample"
)

func TestZZ(t *testing.T) {
	addr := os.Getenv("ZZ")
	if addr == "" {
		t.Skip()
	}
	rate, _ := strconv.ParseFloat(os.Getenv("RATE"), 64)
	cpu := -1
	if c := os.Getenv("CPU"); c != "" {
		cpu, _ = strconv.Atoi(c)
	}
	body := make([]byte, 1200)
	p := Payload{Bytes: append(fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(body)), body...), ID: -1}
	debug.SetGCPercent(-1)
	n := int(rate * 5)
	var as []Arrival
	for i := range n {
		as = append(as, Arrival{At: time.Duration(float64(i) / rate * 1e9)})
	}
	e, err := New(Options{Targets: []Target{{Addr: netip.MustParseAddrPort(addr), Payloads: []Payload{p}}}, Arrivals: as, CPU: cpu, RealTime: os.Getenv("RT") != ""})
	if err != nil {
		t.Fatal(err)
	}
	var a, b syscall.Rusage
	syscall.Getrusage(0, &a)
	e.Run(t.Context())
	syscall.Getrusage(0, &b)
	used := time.Duration(b.Utime.Nano() + b.Stime.Nano() - a.Utime.Nano() - a.Stime.Nano())
	var lag, svc, resp []float64
	for _, s := range e.Samples()[n/5:] {
		lag = append(lag, float64(s.PacerLag())/1e3)
		svc = append(svc, float64(s.Service())/1e3)
		resp = append(resp, float64(s.Response())/1e3)
	}
	slices.Sort(lag)
	slices.Sort(svc)
	slices.Sort(resp)
	q := func(v []float64, q float64) float64 { return v[int(q*float64(len(v)-1))] }
	c := [sample.Outcomes]int{}
	for _, s := range e.Samples() {
		c[s.Outcome]++
	}
	fmt.Printf("rate %.0f cpu/req %.2f us lag p50 %.1f p99 %.1f max %.0f  service p50 %.1f p99 %.1f  resp p50 %.1f p99 %.1f conns %d outcomes %v\n", rate, float64(used)/1e3/float64(n), q(lag, .5), q(lag, .99), lag[len(lag)-1], q(svc, .5), q(svc, .99), q(resp, .5), q(resp, .99), e.Progress().Connections, c)
}
