package models

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"sluice/internal/task"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// fakeDevice is a device whose answers and faults a test sets, while nothing runs on it.
type fakeDevice struct {
	name  string
	lanes int
	sizes []int
	down  atomic.Bool // Usable says so
	// delta is added to each float of an answer; nan replaces the first one.
	delta float32
	nan   bool
	// label is added to whole numbers, suffix to strings.
	label  int64
	suffix string
	// failOpen, failRun and failAbove are as those of a fakeFile; lose makes every run fail
	// as that of a device that is gone.
	failOpen, failRun bool
	failAbove         int
	lose              atomic.Bool
	// minLength is the length below which a row fails.
	minLength int
	// distort may change what a run answers.
	distort        func(*fakeRun)
	opened, closed atomic.Int64
	spareRuns      atomic.Int64
	onSpare        func()   // called in runs on the reserved lane; may block
	ran            sync.Map // batch sizes that ran
}

// fakeRun is one run as distort sees it: its rows at the length that they were padded to,
// their floats, and what is added to their labels.
type fakeRun struct {
	rows, out [][]float32
	labels    []int64
}

func (d *fakeDevice) device(w *world) gates.Device {
	o := gates.Device{Name: d.name, Lanes: d.lanes, Open: func(_ context.Context, b *bundle.Bundle) (bundle.Session, error) { return w.open(b, d) }}
	o.Usable = func() error {
		if d.down.Load() {
			return errors.New("its worker is restarting")
		}
		return nil
	}
	if d.sizes != nil {
		o.Sizes = func(maxBatch int) []int {
			at := slices.IndexFunc(d.sizes, func(n int) bool { return n >= maxBatch })
			return append(slices.Clone(d.sizes[:at]), maxBatch)
		}
	}
	return o
}

// open is what a device's Open does.
func (w *world) open(b *bundle.Bundle, d *fakeDevice) (bundle.Session, error) {
	f, err := readFake(b)
	if err == nil && w.gate != nil {
		err = w.gate(b)
	}
	if err == nil && d.lose.Load() {
		err = &task.DeviceError{Sticky: true, Cause: errors.New("the worker died")}
	}
	if err == nil && (f.FailOpen || d.failOpen) {
		err = errors.New("library text with /a/path")
	}
	if err != nil {
		return nil, err
	}
	w.opened.Add(1)
	d.opened.Add(1)
	return &fakeSession{file: f, device: d, schema: b.Schema, closed: &w.closed, lanes: make([]fakeLane, b.Lanes)}, nil
}
