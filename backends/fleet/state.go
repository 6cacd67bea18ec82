package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"sluice/backends/worker"
	"sluice/internal/task"
)

// state is what is known of a device: three facts, each of which keeps it from taking work.
//
// The second is whether sessions can be opened on it. A worker that is up says nothing of that: its
// library may lack the device's provider, or the driver may be missing. It is
//
//	unknown -> fit, when a session opens
//	unknown or fit without a session -> bare, when the only one that was tried cannot be opened
//	likewise -> unusable, when a small model of the device's trial cannot be opened either
//	bare -> fit, when a session opens; it is tried with each model that is loaded, and then
//	    with those that failed
//	unusable -> unknown, when the trial, which is repeated, goes well
//	bare -> unknown, when the worker has started anew
type state struct {
	away string // what the worker does instead of serving

	open     int    // sessions
	why      string // of a device that is bare or unusable
	unusable bool

	broken string // why the scheduler's breaker is open
}

// own is why the device takes no work by what the scheduler does not know; empty if it does.
func (s *state) own() string {
	if s.away != "" {
		return s.away
	}
	return s.why
}

// down is why the device takes no work; empty if it does.
func (s *state) down() string {
	if why := s.own(); why != "" {
		return why
	}
	return s.broken
}

// leave notes what the worker does. What kept models from a bare device may be over with the process.
// An unusable one stays so: a process that finds no driver may end over it and start again, which
// changes nothing.
func (s *state) leave(to worker.State, reason string) {
	switch to {
	case worker.Up:
		s.away = ""
		if !s.unusable {
			s.why = ""
		}
	case worker.Closed:
		s.away = "its worker is closed: " + reason
	default:
		s.away = cmp.Or(reason, fmt.Sprintf("its worker is %v", to))
	}
}

// change changes the state of a device, and tells the scheduler if the device takes work now or does
// not any more. One goroutine at a time tells, so that what is told last is what holds.
func (d *Device) change(how func(*state)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how(&d.mu.state)
	if d.mu.telling {
		return
	}
	d.mu.telling = true
	for d.mu.told != d.mu.own() {
		why := d.mu.own()
		d.mu.told = why
		d.mu.Unlock()
		d.tell(why)
		d.mu.Lock()
	}
	d.mu.telling = false
}

func (d *Device) tell(why string) {
	var err error
	if why == "" {
		err = d.fleet.scheduler.OpenDevice(d.Name)
	} else {
		err = d.fleet.scheduler.CloseDevice(d.Name, why)
	}
	if err != nil {
		d.fleet.o.Log.Error("BUG: a device is unknown to the scheduler", zap.Error(err))
	}
}

// Broken notes that the scheduler gives the device no work, of its own accord.
func (d *Device) Broken(reason string) { d.change(func(s *state) { s.broken = reason }) }

// Restored notes that the scheduler gives the device work again.
func (d *Device) Restored() { d.change(func(s *state) { s.broken = "" }) }

// Usable says why a device takes no sessions now. One that is out of service only since it has none
// does: the next model may be another matter.
func (d *Device) Usable() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.mu.state
	why := s.away
	if why == "" && s.unusable {
		why = s.why
	}
	if why == "" {
		why = s.broken
	}
	if why == "" {
		return nil
	}
	return errors.New(why)
}

const (
	// retryFirst and retryLast bound the pause before an unusable device is tried again; it
	// doubles. What is missing mostly stays so until a restart, and a trial loads gigabytes of
	// libraries in a process of its own; memory that others held may be free by then.
	retryFirst = 30 * time.Second
	retryLast  = 10 * time.Minute
)

// opened counts a session, and takes a device into service that was thought to open none.
func (d *Device) opened() {
	d.change(func(s *state) {
		s.open++
		s.why, s.unusable = "", false
	})
}

// cannotOpen finds out whether a model or the device is to blame for a session that could not be
// opened, and takes the device out of service if it has no other. The error is what the caller
// is told.
func (d *Device) cannotOpen(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, worker.ErrDown) || errors.Is(err, worker.ErrHung) || errors.Is(err, worker.ErrBusy) {
		return err // the worker's own state tells of it
	}
	d.trial.Lock()
	defer d.trial.Unlock()
	d.mu.Lock()
	open, why, unusable := d.mu.open, d.mu.why, d.mu.unusable
	d.mu.Unlock()
	switch {
	case unusable:
		return &task.DeviceError{Cause: errors.New(why)}
	case open > 0: // another model shows that the device is fit
		return err
	case why != "":
		return &task.DeviceError{Cause: err} // it is tried again when another model was loaded
	}
	v := d.fleet.o.try(ctx, &d.settings)
	if ctx.Err() != nil {
		return err
	}
	why = "no model could be loaded on it: " + strings.Join(strings.Fields(err.Error()), " ")
	if !v.Usable {
		why = v.Why()
	}
	fit := false
	d.change(func(s *state) {
		if fit = s.open > 0; !fit { // else another model was quicker
			s.why, s.unusable = why, !v.Usable
		}
	})
	if fit {
		return err
	}
	if !v.Usable {
		d.retryLater()
	}
	return &task.DeviceError{Cause: errors.New(why)}
}

// retryLater tries an unusable device again until it is usable, or its state is another, or
// the fleet is closed.
func (d *Device) retryLater() {
	f := d.fleet
	f.retries.Go(func() {
		for pause := retryFirst; ; pause = min(2*pause, retryLast) {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-f.life.Done():
				timer.Stop()
				return
			}
			d.mu.Lock()
			unusable := d.mu.unusable
			d.mu.Unlock()
			if !unusable {
				return
			}
			if v := f.o.try(f.life, &d.settings); v.Usable && f.life.Err() == nil {
				f.o.Log.Info("a device can be used again", zap.String("device", d.Name))
				d.change(func(s *state) { s.why, s.unusable = "", false })
				return
			}
		}
	})
}
