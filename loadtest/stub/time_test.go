package stub

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/internal/clock"
)

// TestNeverEarly: an answer must not come before its instant, however late it may come, also
// where the thread is awake all the time for others.
func TestNeverEarly(t *testing.T) {
	for _, behaviour := range []string{"delay=5ms", "delay=5ms,spin", "queue=5ms", "delay=uniform:5ms-6ms", "burn=5ms"} {
		s := started(t, behaviour)
		c, others := dial(t, s), dial(t, s)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for answers := make([]byte, 4096); ; {
				_, err := io.WriteString(others, "GET /v2 HTTP/1.1\r\n\r\n")
				if err == nil {
					_, err = others.Conn.Read(answers)
				}
				if err != nil { // closed
					return
				}
			}
		}()
		for i := range 20 {
			begun := clock.Now()
			c.send(asJSON("", i, 1))
			a := c.read()
			// CPU time may run a little ahead of the clock.
			if took := clock.Now().Sub(begun); took < 5*time.Millisecond && behaviour != "burn=5ms" || took < 4900*time.Microsecond {
				t.Errorf("%s: an answer after %v", behaviour, took)
			}
			if ran := stage(t, a, "run"); ran < 5*time.Millisecond || ran > 6*time.Millisecond {
				t.Errorf("%s: the answer says that it ran for %v", behaviour, ran)
			}
		}
		others.Close()
		<-ended
	}
}

// TestQueueInstants sends requests at once to a server that takes one after the other. The
// k-th that arrived waits k services less the time that it arrived after the first, which
// is at most the time in which all were sent.
func TestQueueInstants(t *testing.T) {
	const n, service = 8, 20 * time.Millisecond
	s := started(t, "queue=20ms")
	var clients []*client
	for range n {
		c := dial(t, s)
		c.get("/v2") // it is accepted
		clients = append(clients, c)
	}
	begun := clock.Now()
	for i, c := range clients {
		c.send(asJSON("", i, 1))
	}
	until(t, s, func(c Counts) bool { return c.Accepted == n })
	span := clock.Now().Sub(begun)
	var waits []time.Duration
	for i, c := range clients {
		a := c.read()
		right(t, a, "", i, 1)
		wait := stage(t, a, "queue")
		if took := clock.Now().Sub(begun); took < wait+service {
			t.Errorf("an answer after %v that waited for %v and ran for %v", took, wait, service)
		}
		waits = append(waits, wait)
	}
	slices.Sort(waits)
	for k, wait := range waits {
		if most := time.Duration(k) * service; wait > most || wait < most-span-time.Microsecond {
			t.Errorf("the waits are %v: number %d is not from %v to %v", waits, k, most-span, most)
		}
	}
}

// TestQueueArithmetic holds the queue against Lindley's recursion, which it is for one server.
func TestQueueArithmetic(t *testing.T) {
	f := func(servers, limit int, arrivals []clock.Instant, want ...int) {
		t.Helper()
		q := newQueue(&Options{Queue: 10, Servers: servers, Limit: limit})
		for i, at := range arrivals {
			start, ok := q.take(at)
			wait := int(start.Sub(at))
			if !ok {
				wait = -1
			}
			if wait != want[i] {
				t.Errorf("%d servers, limit %d, arrivals %v: number %d waits for %d, want %d", servers, limit, arrivals, i, wait, want[i])
			}
		}
	}
	f(0, 0, []clock.Instant{0, 0, 5, 40, 41}, 0, 10, 15, 0, 9)
	f(2, 0, []clock.Instant{0, 0, 5, 5, 40}, 0, 0, 5, 5, 0)
	f(1, 1, []clock.Instant{0, 1, 2, 10, 11, 21}, 0, 9, -1, 10, -1, 9)
	f(1, 2, []clock.Instant{0, 0, 0, 0, 10, 10}, 0, 10, 20, -1, 20, -1)
	f(2, 1, []clock.Instant{0, 0, 0, 0, 10, 10, 10}, 0, 0, 10, -1, 0, 10, -1)

	q := newQueue(&Options{Queue: 7, Limit: 1000})
	var wait, last clock.Instant
	for i := range clock.Instant(10000) {
		at := i*7 + i*i%5 - i*i%3
		if i > 0 {
			wait = max(0, wait+7-(at-last))
		}
		last = at
		start, ok := q.take(at)
		if !ok || start != at+wait {
			t.Fatalf("arrival %d at %d starts at %d, want %d", i, at, start, at+wait)
		}
	}
	if cap(q.starts) > 100 {
		t.Errorf("the queue keeps %d starts", cap(q.starts))
	}
}

func TestQueueLimit(t *testing.T) {
	s := started(t, "queue=1h,limit=2") // one starts, two wait
	for i := range 3 {
		dial(t, s).send(asJSON("", i, 1))
	}
	until(t, s, func(c Counts) bool { return c.Accepted == 3 })
	c := dial(t, s)
	c.send(asJSON("", 3, 1))
	if a := c.read(); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got := s.Counts(); got.Limited != 1 || got.Answered != 1 || got.InFlight != 3 {
		t.Errorf("%+v", got)
	}
}

// TestStalls begins a stall at once: nothing may come before its end, and all that was
// asked in it is read meanwhile.
func TestStalls(t *testing.T) {
	s := started(t, "stall=300ms@1h")
	c := dial(t, s)
	c.send(asJSON("", 1, 1))
	right(t, c.read(), "", 1, 1)

	stalls(t, "stall=300ms@0s")
	stalls(t, "stall=300ms@0s,delay=1ms")
}

func stalls(t *testing.T, behaviour string) {
	t.Helper()
	const length = 300 * time.Millisecond
	s := started(t, behaviour)
	begun := clock.Now()
	s.Begin() // later, so that what is measured from begun is not too short
	var clients []*client
	for i := range 10 {
		c := dial(t, s)
		c.send(asJSON(strconv.Itoa(i), i, 1))
		clients = append(clients, c)
	}
	until(t, s, func(c Counts) bool { return c.Accepted == 10 })
	meanwhile := s.Counts()
	if clock.Now().Sub(begun) < length && meanwhile.Answered != 0 {
		t.Errorf("%d answers in a stall", meanwhile.Answered)
	}
	for i, c := range clients {
		a := c.read()
		right(t, a, strconv.Itoa(i), i, 1)
		if took := clock.Now().Sub(begun); took < length {
			t.Errorf("an answer %v after the beginning of a stall of %v", took, length)
		}
	}
}
