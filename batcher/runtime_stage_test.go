package batcher

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
)

// inTurn lets an echo's lanes run one after the other, as a device with a stage does.
type inTurn struct {
	*echo
	turn chan struct{}
}

func (d inTurn) Run(lane int, parts []task.Part, limit clock.Instant) (task.Timing, error) {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	return d.echo.Run(lane, parts, limit)
}

// The runtime calls the second lane in time: it sleeps until the seal point by the timer.
func TestStageUnderTheRuntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Start(Options{Devices: []policy.DeviceOptions{{Name: "gpu", Lanes: 2, Stage: ms}}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		e := inTurn{&echo{cost: 10 * ms}, make(chan struct{}, 1)}
		m, err := b.Add(Spec{Name: "echo", MaxBatch: 8, Outputs: 1, Budget: time.Second, Placements: []Placement{{Device: "gpu", Runner: e, Curve: cost.Curve{{Rows: 1, P50: 10 * ms}, {Rows: 8, P50: 10 * ms}}}}})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var wg sync.WaitGroup
		for i, at := range []time.Duration{0, 2 * ms, 8 * ms, 9500 * time.Microsecond} {
			wg.Go(func() {
				time.Sleep(at)
				tk := newTask(uint64(10*i), 1, time.Second)
				defer tk.Release()
				if err := m.Predict(tk); err != nil {
					t.Error(err)
					return
				}
				checkRows(t, tk, uint64(10*i))
			})
		}
		wg.Wait()
		if got := e.seen(); len(got) != 3 || got[1] != 2 {
			t.Errorf("batches of %v rows, want [1 2 1]", got)
		}
		if took := time.Since(begin); took != 30*ms {
			t.Errorf("three batches of 10 ms took %v", took)
		}
	})
}
