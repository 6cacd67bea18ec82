package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/origin"
)

// A column has the runs of its rows, and what does not fit is counted.
func TestTold(t *testing.T) {
	trail := func(columns, rows int, status func(column, row int) origin.Status) *origin.Trail {
		var t origin.Trail
		var of []origin.Column
		for c := range columns {
			of = append(of, origin.Column{Input: "x", Name: fmt.Sprint(`u:"`, c)})
		}
		t.Begin(of, 1, rows)
		for row := range rows {
			for c := range columns {
				t.Row(row)[c] = status(c, row)
			}
		}
		return &t
	}
	f := func(degraded bool, of *origin.Trail, want string) {
		t.Helper()
		r := Told{Degraded: degraded, Trail: of}
		got := string(r.AppendParameters(nil))
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if of != nil && r.Estimate() < int64(len(got))-64 {
			t.Errorf("it takes %d bytes, and %d were expected", len(got), r.Estimate())
		}
	}
	f(false, nil, "")
	f(true, nil, `,"parameters":{"degraded":true}`)
	f(false, trail(1, 2, func(int, int) origin.Status { return origin.None }), `,"parameters":{}`)
	mixed := trail(2, 3, func(c, row int) origin.Status {
		return [][]origin.Status{{origin.Cached, origin.Cached, origin.Missing}, {origin.Stale, origin.Request, origin.Timeout}}[c][row]
	})
	onRung := Told{Degraded: true, Rung: "model:small", Trail: trail(1, 1, func(int, int) origin.Status { return origin.Present })}
	if got, want := string(onRung.AppendParameters(nil)), `,"parameters":{"degraded":true,"rung":"model:small","features.x.u:\"0":"present"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f(true, mixed, `,"parameters":{"degraded":true,"features.x.u:\"0":"cached*2,missing","features.x.u:\"1":"stale,request,timeout"}`)
	other := func(c, row int) origin.Status {
		if c == 1 {
			return origin.Present
		}
		return origin.Present + origin.Status(row%2)
	}
	r := Told{Trail: trail(4, 6000, other)}
	text := r.AppendParameters(nil)
	var a map[string]map[string]any
	if err := json.Unmarshal([]byte("{"+strings.TrimPrefix(string(text), ",")+"}"), &a); err != nil || len(text) > mostTold+64 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if p := a["parameters"]; p["features_left_out"] != 3.0 && p["features_left_out"] != 2.0 || p[`features.x.u:"1`] != "present*6000" {
		t.Errorf("%d of 4 columns are told of, %v are left out", len(p)-1, p["features_left_out"])
	}
	if n := testing.AllocsPerRun(20, func() { text = r.AppendParameters(text[:0]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
