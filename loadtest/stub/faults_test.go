package stub

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"testing"
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
			// An answer on this connection would be read by nobody; the count tells.
			until(t, s, func(c Counts) bool { return c.Accepted == int64(i) })
			c = dial(t, s)
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
