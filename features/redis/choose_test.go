package redis

import (
	"testing"
	"time"
)

// drive makes reads of one key: the time of each is what cost says of its way.
func drive(c *chooser, reads int, cost func(all bool) time.Duration, fields int) (alls int) {
	for range reads {
		t := c.next()
		if t.all {
			alls++
		}
		if t.all || t.sized {
			c.size(fields)
		}
		if t.timed {
			c.note(t, 1, cost(t.all))
		}
	}
	return alls
}

func TestChooserTakesTheFasterWay(t *testing.T) {
	f := func(what string, hmget, hgetall time.Duration, fields int, want bool, tried int) {
		t.Helper()
		c := &chooser{}
		cost := func(all bool) time.Duration {
			if all {
				return hgetall
			}
			return hmget
		}
		if n := drive(c, every*judged, cost, fields); n != tried || c.all != want {
			t.Errorf("%s: %d reads of all fields, and then all is %t; want %d and %t", what, n, c.all, tried, want)
		}
	}
	f("slower", 10, 20, 100, false, judged)
	f("as fast", 10, 10, 100, false, judged)
	f("hardly faster", 100, 95, 100, false, judged)
	f("faster", 20, 10, 100, true, judged)
	f("as many fields as may be", 20, 10, maxAll, true, judged)
	f("too many fields", 20, 10, maxAll+1, false, 0)
}

func TestChooserFollowsTheLoad(t *testing.T) {
	c := &chooser{}
	slow := false
	cost := func(all bool) time.Duration {
		if all == slow {
			return 30
		}
		return 10
	}
	for _, want := range []bool{true, false, true} {
		slow = !want
		drive(c, 4*every*judged, cost, 10)
		if c.all != want {
			t.Errorf("all is %t, want %t", c.all, want)
		}
		if n := drive(c, every, cost, 10); want && n != every-1 || !want && n != 1 {
			t.Errorf("%d of %d reads take all fields", n, every)
		}
	}
	c.size(maxAll + 1)
	if n := drive(c, 10*every, cost, 10); n != 0 {
		t.Errorf("%d reads take all fields of a hash that is too large", n)
	}
}

func TestChooserKnowsSizesFirst(t *testing.T) {
	c := &chooser{}
	for range sizedAt - 1 {
		if got := c.next(); got != (turn{}) {
			t.Fatal(got)
		}
	}
	if got := c.next(); got != (turn{sized: true}) {
		t.Error(got)
	}
	for range every - sizedAt - 1 { // nobody says how many there are
		c.next()
	}
	if got := c.next(); got != (turn{}) {
		t.Error("a hash of unknown size is read whole", got)
	}
}
