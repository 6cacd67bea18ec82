package worker

import (
	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// How sessions come to be in a process that was started again.

// restore loads every open session in a new process, warms it up, and lets runs in. A model
// that the process refuses is lost, and watch has it tried again; the others are served.
func (d *Device) restore(l *link) error {
	type restored struct {
		s *Session
		r *remote
	}
	var all []restored
	release := func() {
		for _, x := range all {
			x.r.release()
		}
	}
	for _, s := range d.sessions() {
		r, err := l.open(s)
		if failed, _ := task.DeviceFailed(err); failed {
			release()
			return err
		}
		if s.lost.Store(err != nil); err != nil {
			d.o.Log.Error("a model cannot be loaded again; it is tried again, and until then its requests need another device", zap.String("device", d.o.Name), zap.String("path", s.spec.Path), zap.Error(err))
			continue
		}
		all = append(all, restored{s, r})
		if err := s.warm(l); err != nil {
			release()
			return err
		}
	}
	d.mu.Lock()
	d.mu.link = l
	var gone []restored
	for _, x := range all {
		if d.mu.sessions[x.s.id] == x.s {
			x.s.remote.Store(x.r)
		} else {
			gone = append(gone, x)
		}
	}
	d.mu.Unlock()
	for _, x := range gone {
		d.closeGone(l, x.s, x.r)
	}
	return nil
}

// reload loads the sessions that are lost. An error is the device's.
func (d *Device) reload(l *link) error {
	for _, s := range d.sessions() {
		if !s.lost.Load() {
			continue
		}
		r, err := l.open(s)
		if failed, _ := task.DeviceFailed(err); failed {
			return err
		}
		if err != nil {
			continue // it was said
		}
		if err := s.warm(l); err != nil {
			r.release()
			return err
		}
		if !d.publish(s, r) {
			d.closeGone(l, s, r)
			continue
		}
		d.o.Log.Info("a model was loaded again", zap.String("device", d.o.Name), zap.String("path", s.spec.Path))
	}
	return nil
}

// publish lets runs in; false if the session has been closed meanwhile.
func (d *Device) publish(s *Session, r *remote) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.sessions[s.id] != s {
		return false
	}
	s.remote.Store(r)
	s.lost.Store(false)
	return true
}

// closeGone closes in the process what nobody has any more.
func (d *Device) closeGone(l *link, s *Session, r *remote) {
	err := l.ask(closeModel, s.id, closeLimit)
	r.release()
	if err != nil {
		d.o.Log.Warn("a model cannot be closed", zap.String("device", d.o.Name), zap.Error(err))
	}
}

// Lost is how many sessions the process could not load when it was started again. They are tried again.
func (d *Device) Lost() (n int) {
	for _, s := range d.sessions() {
		if s.lost.Load() {
			n++
		}
	}
	return n
}

// warm runs the batch sizes that are in use once on the first lane, and the largest on the
// others.
func (s *Session) warm(l *link) error {
	limit := clock.Now().Add(l.o.OpenLimit)
	largest := 0
	for _, n := range s.used() {
		largest = n
		if err := s.warmOne(l, 0, n, limit); err != nil {
			return err
		}
	}
	for lane := 1; lane < len(s.lanes) && largest > 0; lane++ {
		if err := s.warmOne(l, lane, largest, limit); err != nil {
			return err
		}
	}
	return nil
}

// warmOne runs one size. That the model refuses what lies in the memory does not matter.
func (s *Session) warmOne(l *link, lane, n int, limit clock.Instant) error {
	err := l.blank(s.id, lane, n, limit)
	if failed, _ := task.DeviceFailed(err); failed {
		return err
	}
	return nil
}
