package fake

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/cost"
	"sluice/internal/task"
)

func TestDeviceTakesItsTimeAndItsOrders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.json")
	curve := cost.Curve{{Rows: 1, P50: 2 * time.Millisecond}, {Rows: 8, P50: 9 * time.Millisecond}}
	broken := errors.New("the session failed")
	for _, c := range []struct {
		name   string
		orders *Orders
		rows   int
		run    error
		took   time.Duration
		device bool // the error is the device's
		fails  bool
	}{
		{"no orders", nil, 8, nil, 9 * time.Millisecond, false, false},
		{"slow", &Orders{Slow: 10}, 1, nil, 20 * time.Millisecond, false, false},
		{"every run fails", &Orders{Fail: true}, 1, nil, 2 * time.Millisecond, true, true},
		{"fits the memory", &Orders{MemoryRows: 8}, 7, nil, 8 * time.Millisecond, false, false},
		{"out of memory", &Orders{MemoryRows: 8}, 8, nil, 9 * time.Millisecond, true, true},
		{"the session's own error", &Orders{}, 1, broken, 0, false, true},
	} {
		if c.orders == nil {
			_ = os.Remove(path)
		} else if err := WriteOrders(path, *c.orders); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			d := NewDevice(curve, path) // a new one: modification times may be equal
			ran := false
			begin := time.Now()
			err := d.Run(c.rows, func() error { ran = true; return c.run })
			if took := time.Since(begin); took < c.took-time.Millisecond/10 || took > c.took {
				t.Errorf("%s: took %v, want %v", c.name, took, c.took)
			}
			failed, sticky := task.DeviceFailed(err)
			if (err != nil) != c.fails || failed != c.device || sticky || ran == c.device {
				t.Errorf("%s: %v, the device's %v, sticky %v, ran %v", c.name, err, failed, sticky, ran)
			}
		})
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewDevice(curve, path).Run(1, func() error { return nil }); err == nil {
		t.Error("orders that are no JSON were taken")
	}
}
