package httpfront

import (
	"bufio"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/clock"
)

// A worker that gets no processor reads a request late. Its clock runs from when the kernel had it, so
// that what comes too late is known to be late.
func TestStarvedReader(t *testing.T) {
	models := fixtures()
	starved, release := make(chan struct{}), make(chan struct{})
	var hold atomic.Bool
	e := serve(t, models, func(o *setup) {
		o.Workers = 1
		o.Run = func() (bool, time.Duration) { // what the worker does between reading and reading
			if hold.CompareAndSwap(true, false) {
				close(starved)
				<-release
			}
			return false, 0
		}
	})
	if a := e.send(get("/v2/health/live")); a.status != 200 { // the listener is served from here on
		t.Fatal(a)
	}
	const held = 30 * time.Millisecond
	c := e.dial()
	in := bufio.NewReader(c)
	ask := func(budget string) {
		t.Helper()
		raw := post(simpleInfer, simpleBody(""), "Sluice-Budget-Ms: "+budget)
		if _, err := io.WriteString(c, raw); err != nil {
			t.Fatal(err)
		}
	}
	read := func() {
		t.Helper()
		if a, err := readAnswer(in); err != nil || a.status != 200 {
			t.Fatalf("got %d, %v", a.status, err)
		}
	}
	ask("1000")
	read()
	hold.Store(true)
	other := e.dial() // wakes the worker, which then starves
	before := clock.Now()
	if _, err := io.WriteString(other, get("/v2/health/live")); err != nil {
		t.Fatal(err)
	}
	<-starved
	ask("1000")
	sent := clock.Now()
	time.Sleep(held)
	close(release)
	read()
	late := e.outcomes(2)[1]
	if late.Total < held || late.Decode < held {
		t.Errorf("a request that lay in the kernel for %v took %v, of which %v to be decoded", held, late.Total, late.Decode)
	}
	if most := clock.Now().Sub(before); late.Total > most {
		t.Errorf("it took %v, and was sent %v ago", late.Total, most)
	}
	ask("1000")
	read()
	if next := e.outcomes(3)[2]; next.Total > clock.Now().Sub(sent)-held {
		t.Errorf("the next request on the connection took %v: its clock began before it was sent", next.Total)
	}
}
