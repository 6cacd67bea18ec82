package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/backends/worker"
	"sluice/config"
	"sluice/internal/device"
	"sluice/internal/task"
	"sluice/models/bundle"
)

// condition is what is known of a device apart from its worker: whether sessions can be opened
// on it. A worker that is up says nothing of that: its library may lack the device's provider,
// or the driver may be missing.
//
//	unknown -> fit, when a session opens
//	unknown or fit without a session -> bare, when the only one that was tried cannot be opened
//	likewise -> unusable, when a small model of the device's trial cannot be opened either
//	bare -> fit, when a session opens; it is tried with each model that is loaded, and then
//	    with those that failed
//	unusable -> unknown, when the trial, which is repeated, goes well
//	bare -> unknown, when the worker has started anew
//
// A device that is bare or unusable is out of service.
type condition struct {
	trial sync.Mutex // held while the device is tried

	// Guarded by fleet.mu.
	open     int    // sessions
	why      string // of one that is bare or unusable
	unusable bool
}

const (
	// retryFirst and retryLast bound the pause before an unusable device is tried again; it
	// doubles. What is missing mostly stays so until a restart, and a trial loads gigabytes of
	// libraries in a process of its own; memory that others held may be free by then.
	retryFirst = 30 * time.Second
	retryLast  = 10 * time.Minute
)

// tell keeps account of the sessions of a device other than the CPU.
func (f *fleet) tell(s *station, open openFunc) openFunc {
	if s.kind == device.CPU {
		return open
	}
	return func(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) {
		session, err := open(ctx, b)
		if err != nil {
			return nil, f.cannotOpen(ctx, s, err)
		}
		f.opened(s)
		return kept(f, s, session), nil
	}
}

type openFunc = func(context.Context, *bundle.Bundle) (bundle.Session, error)

// keptSession is a session that its device counts.
type keptSession struct {
	bundle.Session
	once   sync.Once
	closed func()
}

// Close counts the session out, once.
func (k *keptSession) Close() error {
	k.once.Do(k.closed)
	return k.Session.Close()
}

// restingSession is one whose lanes can rest; the registry asks for that.
type restingSession struct {
	*keptSession
	resting interface{ Rest(lane int) }
}

// Rest lets a lane that is seldom used go of what it holds.
func (r restingSession) Rest(lane int) { r.resting.Rest(lane) }

func kept(f *fleet, s *station, session bundle.Session) bundle.Session {
	k := &keptSession{Session: session, closed: func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		s.condition.open--
	}}
	if resting, may := session.(interface{ Rest(lane int) }); may {
		return restingSession{k, resting}
	}
	return k
}

// opened takes a device into service that was thought to open no session.
func (f *fleet) opened(s *station) {
	f.mu.Lock()
	c := &s.condition
	c.open++
	back := c.why != ""
	c.why, c.unusable = "", false
	if back {
		delete(f.mu.down, s.device.Name)
	}
	f.mu.Unlock()
	if back {
		f.onUp(s.device.Name)
	}
}

// cannotOpen finds out whether a model or the device is to blame for a session that could not be
// opened, and takes the device out of service if it has no other. The error is what the registry
// is told.
func (f *fleet) cannotOpen(ctx context.Context, s *station, err error) error {
	if ctx.Err() != nil || errors.Is(err, worker.ErrDown) || errors.Is(err, worker.ErrHung) || errors.Is(err, worker.ErrBusy) {
		return err // the worker's own state tells of it
	}
	c := &s.condition
	c.trial.Lock()
	defer c.trial.Unlock()
	f.mu.Lock()
	open, why, unusable := c.open, c.why, c.unusable
	f.mu.Unlock()
	switch {
	case unusable:
		return &task.DeviceError{Cause: errors.New(why)}
	case open > 0: // another model shows that the device is fit
		return err
	case why != "":
		return &task.DeviceError{Cause: err} // it is tried again when another model was loaded
	}
	v := f.try(ctx, &s.device)
	if ctx.Err() != nil {
		return err
	}
	why = "no model could be loaded on it: " + strings.Join(strings.Fields(err.Error()), " ")
	if !v.Usable {
		why = v.why()
	}
	f.mu.Lock()
	if c.open > 0 { // another model was quicker
		f.mu.Unlock()
		return err
	}
	c.why, c.unusable = why, !v.Usable
	f.mu.down[s.device.Name] = why
	f.mu.Unlock()
	f.onDown(s.device.Name, why)
	if !v.Usable {
		f.retryLater(s)
	}
	return &task.DeviceError{Cause: errors.New(why)}
}

// restarted tells whether a device whose worker is up takes work. Not if it is unusable: a
// process that finds no driver may end over it and start again, which changes nothing. What
// kept models from a bare one may be over.
func (f *fleet) restarted(s *station) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := &s.condition; c.unusable {
		f.mu.down[s.device.Name] = c.why
		return false
	}
	s.condition.why = ""
	delete(f.mu.down, s.device.Name)
	return true
}

// retryLater tries an unusable device again until it is usable, or its condition is another, or
// the fleet is closed.
func (f *fleet) retryLater(s *station) {
	f.retries.Go(func() {
		for pause := f.retryFirst; ; pause = min(2*pause, retryLast) {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-f.life.Done():
				timer.Stop()
				return
			}
			f.mu.Lock()
			unusable := s.condition.unusable
			f.mu.Unlock()
			if !unusable {
				return
			}
			if v := f.try(f.life, &s.device); v.Usable && f.life.Err() == nil {
				f.log.Info("a device can be used again", zap.String("device", s.device.Name))
				f.mu.Lock()
				s.condition.unusable = false
				f.mu.Unlock()
				if f.restarted(s) {
					f.onUp(s.device.Name)
				}
				return
			}
		}
	})
}

// useless is an error if no device can run any model, so that the server will never be ready.
func (f *fleet) useless() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, s := range f.stations {
		if !s.condition.unusable {
			return nil
		}
		all = append(all, s.device.Name+": "+s.condition.why)
	}
	return fmt.Errorf("none of the devices can be used; add cpu to the setting devices, or see to what they lack: %s", strings.Join(all, "; "))
}

// tryDevice is fleet.try on the machine itself.
func (f *fleet) tryDevice(ctx context.Context, d *config.Device) verdict {
	v, _ := probeDevice(ctx, d, f.library)
	return v
}
