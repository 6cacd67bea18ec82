package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
)

// Device gives a real session the times and the faults of an accelerator, so that whatever
// stands above it, worker processes and routing too, can be tried where there is none: the
// answers are the session's own, the time is the curve's. It sleeps rather than burns, because
// a processor is free while an accelerator runs.
type Device struct {
	// OnLoss is called before a run for the order LoseMemory; nil ignores it.
	OnLoss  func()
	curve   cost.Curve
	control string

	mu      sync.Mutex
	read    time.Time // of the control file, as it was last modified
	ordered Orders
	leaked  [][]byte
}

// Orders are what a device is told to do wrong, in the JSON file that it looks at before each
// run. Without the file, or without its fields, nothing is wrong.
type Orders struct {
	// Slow multiplies what every batch costs; 0 means 1.
	Slow float64 `json:"slow"`
	// Fail makes every run fail.
	Fail bool `json:"fail"`
	// MemoryRows makes a batch of so many rows or more run out of memory; 0 none.
	MemoryRows int `json:"memory_rows"`
	// FailOpen makes every model fail to load.
	FailOpen bool `json:"fail_open"`
	// LoseMemory makes the process of the device lose the memory that it shares with the
	// gateway: see Device.OnLoss.
	LoseMemory bool `json:"lose_memory"`
	// Hang makes every run wait until the order is gone.
	Hang bool `json:"hang"`
	// Leak is how many bytes more each run takes and never gives back.
	Leak int `json:"leak"`
}

// NewDevice makes a device. control is the path of a file of Orders; empty for none.
func NewDevice(curve cost.Curve, control string) *Device {
	return &Device{curve: curve, control: control}
}

// Loads is an error if models fail to load, as ordered.
func (d *Device) Loads() error {
	orders, err := d.orders()
	if err == nil && orders.FailOpen {
		err = errors.New("no model loads on the fake device, as ordered")
	}
	return err
}

// Run runs a batch of the session and takes as long as the device would, or fails as ordered
// with a task.DeviceError.
func (d *Device) Run(rows int, run func() error) error {
	begin := clock.Now()
	orders, err := d.orders()
	if err != nil {
		return err
	}
	if orders.LoseMemory && d.OnLoss != nil {
		d.OnLoss()
	}
	for orders.Hang && err == nil {
		time.Sleep(hangEvery)
		orders, err = d.orders()
	}
	if err != nil {
		return err
	}
	d.leak(orders.Leak)
	slow := orders.Slow
	if slow == 0 {
		slow = 1
	}
	cost := time.Duration(float64(d.curve.At(rows)) * slow)
	switch {
	case orders.Fail:
		err = errors.New("every run of the fake device fails, as ordered")
	case orders.MemoryRows > 0 && rows >= orders.MemoryRows:
		err = fmt.Errorf("a batch of %d rows is out of the fake device's memory, as ordered", rows)
	}
	if err != nil {
		time.Sleep(cost)
		return &task.DeviceError{Cause: err}
	}
	if err := run(); err != nil {
		return err
	}
	time.Sleep(cost - clock.Now().Sub(begin))
	return nil
}

// hangEvery is how often a run that hangs looks whether it still has to.
const hangEvery = 10 * time.Millisecond

// leak takes memory and keeps it.
func (d *Device) leak(bytes int) {
	if bytes <= 0 {
		return
	}
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 { // only a page that is written takes memory
		block[i] = 1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaked = append(d.leaked, block)
}

// orders are those of the control file; it is read again when it has changed.
func (d *Device) orders() (Orders, error) {
	if d.control == "" {
		return Orders{}, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	info, err := os.Stat(d.control)
	if errors.Is(err, os.ErrNotExist) {
		d.read, d.ordered = time.Time{}, Orders{}
		return d.ordered, nil
	}
	if err != nil {
		return Orders{}, fmt.Errorf("cannot look at the fake device's orders: %w", err)
	}
	if info.ModTime().Equal(d.read) {
		return d.ordered, nil
	}
	text, err := os.ReadFile(d.control)
	if err != nil {
		return Orders{}, fmt.Errorf("cannot read the fake device's orders: %w", err)
	}
	var o Orders
	if err := json.Unmarshal(text, &o); err != nil {
		return Orders{}, fmt.Errorf("the fake device's orders are no JSON: %w", err)
	}
	d.read, d.ordered = info.ModTime(), o
	return o, nil
}

// WriteOrders replaces a control file in one step.
func WriteOrders(path string, o Orders) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("cannot encode orders: %w", err)
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return fmt.Errorf("cannot write orders: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("cannot write orders: %w", err)
	}
	return nil
}
