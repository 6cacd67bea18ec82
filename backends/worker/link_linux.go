package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"sluice/internal/child"
	"sluice/internal/clock"
)

// link is one child process with its sockets. It fails once, for whatever reason comes first,
// and ends the process then.
type link struct {
	o       *Options
	process *child.Child
	control *stream
	streams []*stream
	said    tail

	once  sync.Once
	cause error         // why it failed; read after dead
	dead  chan struct{} // closed when it has failed
}

// launch starts a process and waits until it serves. A link that comes with an error has a
// process that the caller must end.
func launch(o *Options) (*link, error) {
	conn, theirs, err := newPair()
	if err != nil {
		return nil, err
	}
	l, cmd := &link{o: o, control: newStream(conn), dead: make(chan struct{})}, o.Command()
	if len(cmd.ExtraFiles) > 0 {
		shut(conn)
		theirs.Close()
		return nil, errors.New("its command has extra files; the socket must be the only one")
	}
	cmd.ExtraFiles = []*os.File{theirs} // becomes Descriptor
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A signal that a terminal sends to the whole group is for the gateway, which drains first.
	cmd.SysProcAttr.Setpgid = true
	if cmd.Stderr == nil {
		l.said.log = o.Log.With(zap.String("device", o.Name))
		cmd.Stderr = &l.said
	}
	l.process, err = child.Start(cmd)
	theirs.Close() // else its end would not show
	if err != nil {
		shut(conn)
		return nil, fmt.Errorf("cannot start the worker process: %w", err)
	}
	return l, l.greet()
}

// greet sends the process its streams and waits until it is ready to load models.
func (l *link) greet() error {
	var theirs []*os.File
	defer func() { closeAll(theirs) }()
	for range l.o.streams() {
		conn, f, err := newPair()
		if err != nil {
			return err
		}
		l.streams, theirs = append(l.streams, newStream(conn)), append(theirs, f)
	}
	q := &l.control.request
	q.reset(hello)
	q.session, q.rows = protocol, uint32(len(theirs))
	err := l.control.exchange(clock.Now().Add(l.o.StartLimit), theirs)
	switch {
	case err == nil:
		return l.control.answer.failure()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the worker process did not serve within %v", l.o.StartLimit)
	case errors.Is(err, ErrMalformed):
		return err
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// opener is the stream for loading and closing models.
func (l *link) opener() *stream { return l.streams[len(l.streams)-1] }

// runner is the stream of a session's lane.
func (l *link) runner(lane int) *stream { return l.streams[lane%l.o.Lanes] }

// fail ends the process, for the first cause that is told.
func (l *link) fail(cause error) {
	l.once.Do(func() {
		l.cause = cause
		close(l.dead)
		// It may be ending by itself; a stopped one ends too.
		l.process.Kill()
		l.hangUp()
	})
}

// hangUp closes the sockets, upon which a healthy process ends by itself.
func (l *link) hangUp() {
	shut(l.control.conn)
	for _, st := range l.streams {
		shut(st.conn)
	}
}

// down is the error of whoever meets a link that has failed.
func (l *link) down() error {
	<-l.dead
	for _, known := range []error{ErrDown, ErrHung, ErrMalformed} {
		if errors.Is(l.cause, known) {
			return deviceError(true, l.cause)
		}
	}
	return deviceError(true, fmt.Errorf("%w: %w", ErrDown, l.cause))
}

// reason tells why the process ended, after it has. What it was ended for comes before how it
// ended, and its own last words come with either.
func (l *link) reason() string {
	text := l.cause.Error()
	if exit := l.process.Wait(); errors.Is(l.cause, ErrDown) && exit != nil {
		text = "the worker process ended: " + exit.Error()
	}
	if line := l.said.line(); line != "" {
		text += " (" + line + ")"
	}
	return text
}

// remote is a session as one process has it.
type remote struct {
	link  *link
	slabs []*slab // one a lane
}

// opening is what the process is told of a session.
type opening struct {
	Spec      Spec
	FreeBytes int
}

// open loads a session in the process.
func (l *link) open(s *Session) (*remote, error) {
	text, err := json.Marshal(opening{s.spec, l.o.FreeBytes})
	if err != nil {
		return nil, err
	}
	var files []*os.File
	defer func() { closeAll(files) }()
	spec, err := newMemory(len(text))
	if err != nil {
		return nil, err
	}
	files = append(files, spec)
	if _, err := spec.WriteAt(text, 0); err != nil {
		return nil, fmt.Errorf("cannot write to shared memory: %w", err)
	}
	r := &remote{link: l}
	for range s.lanes {
		memory, f, err := newSlab(s.places.size)
		if err != nil {
			r.release()
			return nil, err
		}
		r.slabs, files = append(r.slabs, memory), append(files, f)
	}
	if err := l.ask(openModel, s.id, l.o.OpenLimit, files...); err != nil {
		r.release()
		return nil, err
	}
	return r, nil
}

// ask makes an exchange about a session on the stream for loading. However long others load
// before it, it then takes no longer than limit, or the process is ended.
func (l *link) ask(k kind, id uint32, limit time.Duration, files ...*os.File) error {
	st := l.opener()
	if err := st.acquire(l, clock.Never, nil); err != nil {
		return err
	}
	defer st.release()
	st.request.reset(k)
	st.request.session = id
	if err := l.roundTrip(st, clock.Now().Add(limit), files...); err != nil {
		return err
	}
	if st.answer.flags&isFailure == 0 {
		return nil
	}
	if st.answer.flags&ofDevice != 0 {
		return st.answer.failure()
	}
	return st.answer.loading()
}

// blank runs a batch without rows.
func (l *link) blank(id uint32, lane, n int, limit clock.Instant) error {
	st := l.runner(lane)
	var timer *time.Timer
	if err := st.acquire(l, limit, &timer); err != nil {
		return err
	}
	defer st.release()
	q := &st.request
	q.reset(runBlank)
	q.session, q.lane, q.rows = id, uint32(lane), uint32(n)
	if err := l.roundTrip(st, limit); err != nil {
		return err
	}
	return st.answer.failure()
}

// release gives the slabs up. Whoever took the remote from its session calls it, once.
func (r *remote) release() {
	for _, s := range r.slabs {
		s.release()
	}
}
