package stub

import (
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
)

// TestClientsThatGo leaves while an answer is under way.
func TestClientsThatGo(t *testing.T) {
	s := started(t, "delay=1h")
	for range 5 {
		c := dial(t, s)
		c.send(asJSON("", 1, 1))
		until(t, s, func(c Counts) bool { return c.InFlight == 1 })
		c.reset()
		until(t, s, func(c Counts) bool { return c.InFlight == 0 })
	}
	if got := s.Counts(); got.Gone != 5 || got.Accepted != 5 {
		t.Errorf("%+v", got)
	}
}

func TestClose(t *testing.T) {
	s := started(t, "delay=1h")
	c := dial(t, s)
	c.send(asJSON("", 1, 1))
	until(t, s, func(c Counts) bool { return c.InFlight == 1 })
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c.ended()
	s.Begin()
	if got := s.Counts(); got.Accepted != 1 || got.InFlight != 1 {
		t.Errorf("%+v", got)
	}
	if _, err := Start(Options{Addr: "256.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "cannot listen on 256.0.0.1:0") {
		t.Errorf("error %v", err)
	}
	if _, err := Start(Options{Swap: 1}); err == nil {
		t.Error("swap=1 is taken")
	}
	other := started(t, "")
	if _, err := Start(Options{Addr: other.Addr()}); err == nil {
		t.Error("an address in use is taken")
	}
}

// TestManyAsk asks for the counts from many goroutines while the server works and ends.
func TestManyAsk(t *testing.T) {
	s := started(t, "")
	c := dial(t, s)
	done := make(chan bool)
	for range 8 {
		go func() {
			for range 200 {
				s.Counts()
				s.Begin()
			}
			done <- true
		}()
	}
	for i := range 200 {
		c.send(asBinary("", i, 1))
		right(t, c.read(), "", i, 1)
		if got := s.Counts().Answered; got != int64(i+1) {
			t.Fatalf("%d are counted, %d were read", got, i+1)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		<-done
	}
}

// TestBegin starts the clock of stalls from inside and from outside.
func TestBegin(t *testing.T) {
	s := started(t, "")
	c := dial(t, s)
	before := s.origin.Load()
	s.Begin()
	inside := s.origin.Load()
	c.send("POST /stub/begin HTTP/1.1\r\n\r\n")
	if a := c.read(); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if outside := s.origin.Load(); before >= inside || inside >= outside {
		t.Errorf("the clock begins at %d, %d and %d", before, inside, outside)
	}
}

// TestStallInstants asks when answers may be sent, at instants around three stalls.
func TestStallInstants(t *testing.T) {
	o, err := Parse("stall=10s@10s,5s@30s,10s@32s")
	if err != nil {
		t.Fatal(err)
	}
	l := loop{o: o, server: new(Server)}
	const second = clock.Instant(time.Second)
	l.server.origin.Store(int64(100 * second))
	f := func(now, want clock.Instant) {
		t.Helper()
		if got := l.stalled(100*second + now); got != 0 && got != 100*second+want || got == 0 && want != 0 {
			t.Errorf("at %d: nothing until %d, want %d", now, got-100*second, want)
		}
	}
	f(0, 0)
	f(10*second-1, 0)
	f(10*second, 20*second)
	f(20*second-1, 20*second)
	f(20*second, 0)
	f(31*second, 35*second)
	f(33*second, 42*second)
	f(42*second, 0)
}
