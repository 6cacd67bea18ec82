package origin

import (
	"fmt"
	"testing"
)

func TestTrail(t *testing.T) {
	var trail Trail
	f := func(rows int, want string) {
		t.Helper()
		if got := fmt.Sprint(trail.Rows, trail.Values(), trail.Tells(0), trail.Tells(1), trail.Row(rows-1), trail.Ages(0), trail.Ages(NoGroup)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	columns := []Column{{Input: "x", Name: "u:a"}, {Input: "y", Name: "km", Group: NoGroup}}
	trail.Begin(columns, 1, 2)
	f(2, "2 4 false false [ ] [-1ns -1ns] []")
	trail.Row(0)[1], trail.Row(1)[0], trail.Ages(0)[1] = Request, Stale, 5
	f(2, "2 4 false true [stale ] [-1ns 5ns] []")
	if rows, s := trail.Run(1, 0); rows != 1 || s != Request {
		t.Errorf("a run of %d rows that are %s", rows, s)
	}
	trail.Row(1)[1] = Request
	if rows, s := trail.Run(1, 0); rows != 2 || s != Request {
		t.Errorf("a run of %d rows that are %s", rows, s)
	}
	again := Trail{}
	again.Begin([]Column{{Name: "a"}, {Name: "a", Repeated: true}}, 1, 1)
	again.Row(0)[0], again.Row(0)[1] = Present, Present
	if !again.Tells(0) || again.Tells(1) {
		t.Error("what is repeated is told of twice, or not at all")
	}
	trail.Reset()
	if trail.Rows != 0 || trail.Tells(0) {
		t.Errorf("after Reset: %+v", trail)
	}
	trail.Begin(columns, 1, 1)
	f(1, "1 2 false false [ ] [-1ns] []")
	trail.Begin(columns, 1, mostKept)
	if trail.Reset(); cap(trail.statuses) > 0 {
		t.Errorf("memory for %d values is kept", cap(trail.statuses))
	}
}

func TestStatus(t *testing.T) {
	f := func(s Status, word string, aged bool) {
		t.Helper()
		if s.String() != word || s.Aged() != aged {
			t.Errorf("%d is %q, aged %v", s, s, s.Aged())
		}
	}
	f(None, "", false)
	f(Present, "present", true)
	f(Cached, "cached", true)
	f(Stale, "stale", true)
	f(Request, "request", false)
	f(Missing, "missing", false)
	f(Timeout, "timeout", false)
	f(Default, "default", true)
	f(NumStatuses, "", false)
	f(255, "", false)
}
