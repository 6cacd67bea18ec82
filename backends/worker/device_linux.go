package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/task"
)

// Device is a place to run that lives in a child process. Its methods may be called from many
// goroutines.
type Device struct {
	o       Options
	closing chan struct{} // closed by Close
	abandon chan struct{} // closed when Close will wait no longer
	done    chan struct{} // closed when the supervisor has ended
	reopen  chan struct{} // one token at most: a second Reopen asks for the same
	opening sync.WaitGroup
	closed  atomic.Bool
	stuck   atomic.Bool // the last process did not end when it was killed

	abandonOnce sync.Once
	nextID      atomic.Uint32

	mu struct {
		sync.Mutex
		state    State
		reason   string
		changed  chan struct{} // closed and replaced with each change of state
		link     *link         // while Up
		starts   int
		sessions map[uint32]*Session
	}
}

// Start starts a device. It does not wait for the process; Wait does.
func Start(o Options) (*Device, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("cannot start worker %q: %w", o.Name, err)
	}
	d := &Device{
		o: o, closing: make(chan struct{}), abandon: make(chan struct{}), done: make(chan struct{}), reopen: make(chan struct{}, 1),
	}
	d.mu.changed, d.mu.sessions = make(chan struct{}), map[uint32]*Session{}
	go d.supervise()
	return d, nil
}

// Status is what a device is doing.
type Status struct {
	State State
	// Reason is why it is not Up, for people.
	Reason string
	// PID is the process's number while the device is Up.
	PID int
	// Starts counts the processes that were started.
	Starts int
}

// Status tells what the device is doing now.
func (d *Device) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{State: d.mu.state, Reason: d.mu.reason, Starts: d.mu.starts}
	switch {
	case d.mu.link != nil:
		s.PID = d.mu.link.process.PID()
	case s.State == Up: // the reason comes when the process has been waited for
		s.State, s.Reason = Restarting, "the worker process has ended"
	}
	return s
}

// Wait waits until the device is Up. It fails when the device is Closed, with the reason.
func (d *Device) Wait(ctx context.Context) error {
	_, err := d.up(ctx)
	return err
}

func (d *Device) up(ctx context.Context) (*link, error) {
	for {
		d.mu.Lock()
		state, reason, changed, l := d.mu.state, d.mu.reason, d.mu.changed, d.mu.link
		d.mu.Unlock()
		switch {
		case l != nil && state == Up:
			return l, nil
		case state == Closed:
			return nil, deviceError(true, fmt.Errorf("%w: %s is closed: %s", ErrDown, d.o.Name, reason))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, deviceError(true, fmt.Errorf("%w: %s is %v (%s): %w", ErrDown, d.o.Name, state, reason, ctx.Err()))
		}
	}
}

// Reopen makes a device try again that a crash loop has closed. Otherwise it does nothing.
func (d *Device) Reopen() {
	if d.Status().State != Closed {
		return
	}
	select {
	case d.reopen <- struct{}{}:
	default:
	}
}

// Open loads a model in the child, once the device is Up. A load that ends the child fails
// and is not tried again. When ctx ends first, the child is left to finish and the session is
// closed then: a load cannot be cut short without ending all that runs beside it.
func (d *Device) Open(ctx context.Context, spec Spec) (*Session, error) {
	s, err := newSession(d, spec)
	if err != nil {
		return nil, fmt.Errorf("cannot open model on %s: %w", d.o.Name, err)
	}
	l, err := d.up(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot open model on %s: %w", d.o.Name, err)
	}
	opened := make(chan error)
	d.opening.Go(func() {
		err := d.openOn(l, s)
		select {
		case opened <- err:
		case <-ctx.Done():
			if err == nil {
				_ = s.Close() // nobody is there to hear
			}
		}
	})
	select {
	case err = <-opened:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open model on %s: %w", d.o.Name, err)
	}
	return s, nil
}

// openOn loads a session in a process and registers it, so that later ones load it too.
func (d *Device) openOn(l *link, s *Session) error {
	r, err := l.open(s)
	if err != nil {
		return err
	}
	d.mu.Lock()
	served := d.mu.link == l
	if served {
		d.mu.sessions[s.id] = s
		s.remote.Store(r)
	}
	d.mu.Unlock()
	if !served { // it is about to be ended
		r.release()
		return errDown
	}
	return nil
}

// closeLimit is how long a process may take to free a model.
const closeLimit = 10 * time.Second

// forget takes a session out and closes it in the process.
func (d *Device) forget(s *Session) error {
	d.mu.Lock()
	delete(d.mu.sessions, s.id)
	r := s.remote.Swap(nil)
	d.mu.Unlock()
	if r == nil {
		return nil
	}
	defer r.release()
	err := r.link.ask(closeModel, s.id, closeLimit)
	if failed, _ := task.DeviceFailed(err); err != nil && !failed { // a process that is gone has closed it
		return fmt.Errorf("cannot close model on %s: %w", d.o.Name, err)
	}
	return nil
}

// Close ends the process: politely, and when ctx ends by force. Sessions that are still open
// are closed. It fails if the process cannot be ended even so, which a driver can cause.
func (d *Device) Close(ctx context.Context) error {
	if !d.closed.Swap(true) {
		close(d.closing)
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		d.abandonOnce.Do(func() { close(d.abandon) })
		<-d.done
	}
	d.opening.Wait()
	if d.stuck.Load() {
		return fmt.Errorf("cannot close %s: its process has not ended although it was killed", d.o.Name)
	}
	return nil
}

// set changes the state and tells it. A reason is kept until the device is Up.
func (d *Device) set(s State, reason string) {
	d.mu.Lock()
	changed := d.mu.state != s || d.mu.reason != reason
	d.mu.state, d.mu.reason = s, reason
	close(d.mu.changed)
	d.mu.changed = make(chan struct{})
	d.mu.Unlock()
	if !changed {
		return
	}
	d.o.OnState(s, reason)
	log := d.o.Log.Info
	if s != Up && reason != "" {
		log = d.o.Log.Warn
	}
	log("worker", zap.String("device", d.o.Name), zap.Stringer("state", s), zap.String("reason", reason))
}
