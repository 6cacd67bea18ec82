package stub

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
)

// TestExactFaults does each kind of fault, and all at once, and counts on both sides.
func TestExactFaults(t *testing.T) {
	for _, behaviour := range []string{
		"lose=7", "drop=7", "corrupt=7", "repeat=7",
		"lose=10,drop=10,corrupt=10,repeat=10", "lose=1", "lose=1000", "delay=exp:200us,drop=3,lose=3,seed=3",
	} {
		t.Run(behaviour, func(t *testing.T) { exactly(t, behaviour) })
	}
}

func exactly(t *testing.T, behaviour string) {
	s := started(t, behaviour)
	o, err := Parse(behaviour)
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	var want struct{ lose, drop, corrupt, repeat, fine int }
	var left [4]int
	c := dial(t, s)
	for i := 1; i <= n; i++ {
		id := strconv.Itoa(i)
		c.send(asJSON(id, i, 2))
		turn := func(kind, every int) bool { // what the package comment says, said again
			left[kind]++
			return every > 0 && left[kind]%every == 0
		}
		switch {
		case turn(0, o.Lose):
			want.lose++
			c = dial(t, s) // an answer on the old one would be read by nobody; the count tells
		case turn(1, o.Drop):
			want.drop++
			c.ended()
			c = dial(t, s)
		case turn(2, o.Corrupt):
			want.corrupt++
			a, y, wrong := c.read(), expected(i, 2), 0
			for k := range y {
				if a.y[k] != y[k] {
					wrong++
					if math.Abs(float64(a.y[k]-y[k])) != 0.5 {
						t.Errorf("%v was made of %v", a.y[k], y[k])
					}
				}
			}
			if wrong != 1 || a.id != id {
				t.Errorf("%d values are wrong, id %q; want one, id %q", wrong, a.id, id)
			}
		case turn(3, o.Repeat):
			want.repeat++
			right(t, c.read(), id, i, 2)
			right(t, c.read(), id, i, 2)
		default:
			want.fine++
			right(t, c.read(), id, i, 2)
		}
	}
	got := s.Counts()
	if int(got.Lost.N) != want.lose || int(got.Dropped.N) != want.drop || int(got.Corrupted.N) != want.corrupt || int(got.Repeated.N) != want.repeat {
		t.Errorf("the server says %+v, the client %+v", got, want)
	}
	if answered := want.corrupt + want.repeat + want.fine; int(got.Answered) != answered || got.Accepted != n || got.Status[200] != got.Answered {
		t.Errorf("%d of %d answered, want %d", got.Answered, got.Accepted, answered)
	}
	if o.Lose == 10 && (got.Lost.IDs[0] != "10" || len(got.Lost.IDs) != n/10) {
		t.Errorf("lost %v", got.Lost)
	}
}

// TestLostConnectionsStay asks again on a connection whose request was lost.
func TestLostConnectionsStay(t *testing.T) {
	s := started(t, "lose=2")
	c := dial(t, s)
	for i := range 4 {
		c.send(asJSON(strconv.Itoa(i), i, 1))
	}
	right(t, c.read(), "0", 0, 1)
	right(t, c.read(), "2", 2, 1)
	if got := s.Counts(); got.Lost.N != 2 || !slices.Equal(got.Lost.IDs, []string{"1", "3"}) {
		t.Errorf("%+v", got.Lost)
	}
}

// TestSwaps sends pairs on two connections. Every tenth request waits for the one after it.
func TestSwaps(t *testing.T) {
	for _, level := range []string{"whole", "values"} {
		s := started(t, "swap=10,level="+level)
		a, b := dial(t, s), dial(t, s)
		const n = 200
		for i := 1; i <= n; i++ {
			id := strconv.Itoa(i)
			if i%10 != 0 {
				b.send(asJSON(id, i, 1))
				right(t, b.read(), id, i, 1)
				continue
			}
			i++
			next := strconv.Itoa(i)
			a.send(asJSON(id, i-1, 1))
			until(t, s, func(c Counts) bool { return c.Accepted == int64(i-1) }) // it is the first of the two
			b.send(asJSON(next, i, 1))
			first, second := a.read(), b.read()
			if level == "whole" {
				right(t, first, next, i, 1)
				right(t, second, id, i-1, 1)
			} else {
				right(t, first, id, i, 1)
				right(t, second, next, i-1, 1)
			}
		}
		got := s.Counts()
		if got.Swapped.N != n/10 || len(got.Swapped.IDs) != n/5 || got.Swapped.IDs[0] != "10" || got.Swapped.IDs[1] != "11" || got.Unpaired != 0 {
			t.Errorf("%s: %+v", level, got.Swapped)
		}
	}
}

// TestSwapsNeedAPartner: equal answers, and one connection alone, do not make a pair.
func TestSwapsNeedAPartner(t *testing.T) {
	s := started(t, "swap=2")
	a, b := dial(t, s), dial(t, s)
	a.send(asJSON("1", 1, 1))
	right(t, a.read(), "1", 1, 1)
	a.send(asJSON("2", 2, 1)) // waits
	until(t, s, func(c Counts) bool { return c.Accepted == 2 })
	b.send(asJSON("3", 2, 1)) // has the same answer
	right(t, b.read(), "3", 2, 1)
	right(t, a.read(), "2", 2, 1)
	if got := s.Counts(); got.Swapped.N != 0 || got.Unpaired != 1 {
		t.Errorf("%+v", got)
	}

	a.send(asJSON("4", 4, 1)) // waits, and goes: the turn is the next one's
	until(t, s, func(c Counts) bool { return c.Accepted == 4 })
	a.reset()
	until(t, s, func(c Counts) bool { return c.Gone == 1 })
	b.send(asJSON("5", 5, 1))
	until(t, s, func(c Counts) bool { return c.Accepted == 5 })
	other := dial(t, s)
	other.send(asJSON("6", 6, 1))
	right(t, b.read(), "6", 6, 1)
	right(t, other.read(), "5", 5, 1)
	if got := s.Counts(); got.Swapped.N != 1 || got.Unpaired != 1 || !slices.Equal(got.Swapped.IDs, []string{"5", "6"}) {
		t.Errorf("%+v", got)
	}
}

func TestChances(t *testing.T) {
	s := started(t, "status=503:20,429:10,close=10,seed=4")
	const n = 2000
	got := map[int]int{}
	closed := 0
	c := dial(t, s)
	for i := range n {
		c.send(asBinary("", i, 1))
		if _, err := c.in.Peek(1); err != nil {
			closed++
			c = dial(t, s)
			continue
		}
		a := c.read()
		got[a.status]++
		if a.status != http.StatusOK && a.header.Get("Retry-After") != "1" {
			t.Errorf("%d without Retry-After: %v", a.status, a.header)
		}
	}
	counts := s.Counts()
	if counts.Closed.N != int64(closed) || counts.Drawn != int64(got[503]+got[429]) || counts.Status[503] != int64(got[503]) || counts.Status[429] != int64(got[429]) {
		t.Errorf("the server says %+v, the client %v and %d closed", counts, got, closed)
	}
	near := func(n int, share float64) bool { return math.Abs(float64(n)/2000-share) < 4*math.Sqrt(share/2000) }
	if !near(got[503], 0.2) || !near(got[429], 0.1) || !near(closed, 0.1) || !near(got[200], 0.6) {
		t.Errorf("%v, %d closed", got, closed)
	}
}

// TestNeverEarly: an answer must not come before its instant, however late it may come.
func TestNeverEarly(t *testing.T) {
	for _, behaviour := range []string{"delay=5ms", "delay=5ms,spin", "queue=5ms", "delay=uniform:5ms-6ms", "burn=5ms"} {
		c := dial(t, started(t, behaviour))
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

	const length = 300 * time.Millisecond
	s = started(t, "stall=300ms@0s,delay=1ms")
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

func TestBehavioursAreRead(t *testing.T) {
	f := func(text string, want Options) {
		t.Helper()
		got, err := Parse(text)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%q: %+v, error %v; want %+v", text, got, err, want)
		}
	}
	const ms = time.Millisecond
	f("", Options{})
	f("delay=5ms", Options{Delay: Delay{Low: 5 * ms, High: 5 * ms}})
	f("delay=150us:10,2ms:5, seed=7", Options{Delay: Delay{Parts: []Part{{150 * time.Microsecond, 10}, {2 * ms, 5}}}, Seed: 7})
	f("delay=exp:5ms", Options{Delay: Delay{Mean: 5 * ms}})
	f("delay=uniform:1ms-5ms", Options{Delay: Delay{Low: ms, High: 5 * ms}})
	f("status=503:5,429:1,close=5", Options{Status: []Chance{{503, 5}, {429, 1}}, Close: 5})
	f("stall=1s@10s,1s@20s", Options{Stalls: []Stall{{time.Second, 10 * time.Second}, {time.Second, 20 * time.Second}}})
	f("queue=1ms,servers=2,limit=10", Options{Queue: ms, Servers: 2, Limit: 10})
	f("burn=100us,spin,lose=1,drop=2,corrupt=3,repeat=4,swap=5,level=values", Options{Burn: ms / 10, Spin: true, Lose: 1, Drop: 2, Corrupt: 3, Repeat: 4, Swap: 5, SwapValues: true})
}

func TestBadBehavioursAreRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("cannot read the behaviour %q", text)) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	f("fast", `there is no "fast"; use delay=5ms`)
	f("spin,5", `there is no "5"`)
	f("speed=1", `there is no "speed"`)
	f("seed=1,seed=2", "seed= comes twice")
	f("delay=", "is not a time")
	f("delay=-1ms", "is not a time")
	f("delay=2h", "up to an hour")
	f("delay=1ms:x", "is not a time with its percentage")
	f("delay=1ms:60,2ms:60", "120 % of the requests")
	f("delay=1ms:NaN", "is not possible")
	f("delay=uniform:5ms-1ms", "the shorter first")
	f("delay=exp:0s", "is not a time")
	f("status=503", "is not a status with its percentage")
	f("status=200:5", "not one of 400 to 599")
	f("status=503:60,close=50", "110 % of the requests")
	f("close=-1", "use 0 to 100")
	f("close=NaN", "use 0 to 100")
	f("stall=1s", "as in 1s@10s")
	f("stall=0s@1s", "is not possible")
	f("limit=1", "give queue= too")
	f("queue=1ms,limit=0", "a whole number from 1")
	f("queue=1ms,servers=70000", "is more than 65536")
	f("lose=0", "a whole number from 1")
	f("swap=1", "a whole number from 2")
	f("level=values", "give swap= too")
	f("swap=2,level=bits", "use whole or values")
	f("seed=-1", "seed=-1")
}
