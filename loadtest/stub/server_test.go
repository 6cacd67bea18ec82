package stub

import (
	"strings"
	"testing"
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
