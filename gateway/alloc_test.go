//go:build !race

package gateway

import (
	"testing"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// Nothing is allocated for an exchange on its way, with a fill that is pending or without one, or down a ladder, and none
// for listeners.
func TestExchangeAllocations(t *testing.T) {
	tooLittle := fault.New(fault.FeatureUnavailable, "too little is there")
	below := func(x *Exchange) (Step, error) {
		x.Filling.Below = true
		return Ends, tooLittle
	}
	ladders := map[string][]Rung{
		"a rung":     rungs(t, newEcho(), newEcho()),
		"a constant": append(rungs(t, newEcho(), failing{newEcho(), tooLittle}), Rung{Name: "constant", Constant: []Constant{{Rows: true, Shape: []int64{2}, Data: make([]byte, 8)}}}),
	}
	for name, fill := range map[string]func(*Exchange) (Step, error){
		"a rung":        below,
		"a constant":    below,
		"no fill":       nil,
		"nothing to do": func(*Exchange) (Step, error) { return GoesOn, nil },
		"early": func(x *Exchange) (Step, error) {
			if !x.TryTake() {
				t.Error("it cannot be filled")
			}
			x.Filled(nil)
			return Pending, nil
		},
	} {
		told := 0
		echo := newEcho()
		echo.info.Fill, echo.info.Ladder = fill, ladders[name]
		g, err := New(Options{Models: echo, Ended: []Listener{{Name: "count", Ended: func(*Exchange) { told++ }}, {Name: "other", Ended: func(*Exchange) {}}}})
		if err != nil {
			t.Fatal(err)
		}
		model, body, id, room := []byte("echo"), []byte(echoBody), []byte("a"), []byte(nil)
		one := func() {
			x := g.Get()
			x.Name, x.Format, x.Body, x.ID, x.Arrived, x.Room = model, V2, body, append(x.ID, id...), clock.Now(), room
			if g.Predict(x) != Ends || x.Err != nil {
				t.Fatal(x.Err)
			}
			room = x.Answer
			g.End(x)
		}
		one()
		if got := testing.AllocsPerRun(1000, one); got > 0 || told < 1000 {
			t.Errorf("%s: %v allocations for an exchange, %d told", name, got, told)
		}
	}
}
