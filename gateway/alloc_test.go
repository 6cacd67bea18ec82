//go:build !race

package gateway

import (
	"testing"

	"sluice/internal/clock"
)

// Nothing is allocated for an exchange on its way, with a fill that is pending or without one, and none for
// listeners.
func TestExchangeAllocations(t *testing.T) {
	for name, fill := range map[string]func(*Exchange) (Step, error){
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
		echo.info.Fill = fill
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
