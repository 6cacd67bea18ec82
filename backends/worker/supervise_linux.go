package worker

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

// How long a process may take to end: after its sockets are closed, and after it was killed.
const (
	politeGrace = 2 * time.Second
	killGrace   = 2 * time.Second
)

// supervise starts the process again and again until the device is closed. It alone changes
// the state.
func (d *Device) supervise() {
	defer close(d.done)
	var crashes ends
	for {
		reason, began := d.serve()
		if d.ending() {
			break
		}
		n := crashes.add(time.Now(), d.o.CrashWindow)
		if n >= d.o.CrashLimit {
			text := fmt.Sprintf("it ended %d times within %v, last: %s", n, d.o.CrashWindow, reason)
			if !began {
				text = fmt.Sprintf("it could not start %d times within %v, last: %s", n, d.o.CrashWindow, reason)
			}
			d.set(Closed, text)
			select {
			case <-d.reopen:
				crashes = ends{}
				d.set(Restarting, "it was reopened")
				continue
			case <-d.closing:
			}
			break
		}
		d.set(Restarting, reason)
		timer := time.NewTimer(d.o.pause(n))
		select {
		case <-timer.C:
		case <-d.closing:
		}
		timer.Stop()
		if d.ending() {
			break
		}
	}
	d.set(Closed, "it was closed")
	d.closeSessions()
}

func (d *Device) ending() bool {
	select {
	case <-d.closing:
		return true
	default:
		return false
	}
}

// serve takes one process from its start to its end. began is set if it was Up.
func (d *Device) serve() (reason string, began bool) {
	d.mu.Lock()
	d.mu.starts++
	d.mu.Unlock()
	l, err := launch(&d.o)
	if l == nil {
		return err.Error(), false
	}
	if err == nil {
		err = d.restore(l)
	}
	if err == nil {
		began = true
		d.set(Up, "")
		d.watch(l)
	}
	d.detach()
	if d.ending() {
		l.hangUp()
		d.await(l, politeGrace)
	}
	if err == nil {
		err = ErrDown
	}
	// A process that ends by itself is left to it for a moment: its own word is the better reason.
	d.await(l, endGrace)
	l.fail(err)
	if !d.reaped(l) {
		d.stuck.Store(true)
		return l.cause.Error(), began
	}
	return l.reason(), began
}

// watch waits for the end of a process that is up. Now and then it tries again to load what the process
// could not load when it was started: what was short then, such as memory, may be there.
func (d *Device) watch(l *link) {
	pause := d.o.ReloadMin
	timer := time.NewTimer(pause)
	defer timer.Stop()
	if d.Lost() == 0 {
		timer.Stop()
	}
	for {
		select {
		case <-l.dead:
			return
		case <-l.process.Done():
			return
		case <-d.closing:
			return
		case <-timer.C:
			if err := d.reload(l); err != nil {
				return
			}
			pause = min(2*pause, d.o.ReloadMax)
			if d.Lost() > 0 {
				timer.Reset(pause)
			}
		}
	}
}

// reaped waits for the end of a process that was killed. Even so it can hang in its driver,
// where it does no harm, since nobody listens to it; but no other is started beside it.
func (d *Device) reaped(l *link) bool {
	select {
	case <-l.process.Done():
		return true
	case <-d.abandon:
	}
	timer := time.NewTimer(killGrace)
	defer timer.Stop()
	select {
	case <-l.process.Done():
		return true
	case <-timer.C:
		return false
	}
}

// endGrace is how long a process that has hung up may take to say why.
const endGrace = 100 * time.Millisecond

// await waits until the process has ended or failed, for a while.
func (d *Device) await(l *link, grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-l.process.Done():
	case <-l.dead:
	case <-timer.C:
	case <-d.abandon:
	}
}

// sessions is the open sessions.
func (d *Device) sessions() []*Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*Session, 0, len(d.mu.sessions))
	for _, s := range d.mu.sessions {
		all = append(all, s)
	}
	return all
}

// detach lets no new run in: from here on they fail at once.
func (d *Device) detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.link = nil
	for _, s := range d.mu.sessions {
		if r := s.remote.Swap(nil); r != nil {
			r.release()
		}
	}
}

// closeSessions ends what its owners have left open.
func (d *Device) closeSessions() {
	for _, s := range d.sessions() {
		if err := s.Close(); err != nil {
			d.o.Log.Warn("a session was left open", zap.String("device", d.o.Name), zap.Error(err))
		}
	}
}
