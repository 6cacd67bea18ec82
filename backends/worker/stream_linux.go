package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
)

// stream is a socket on which one exchange goes on at a time. Who holds its turn owns all of it.
type stream struct {
	turn            chan struct{} // holds a token while somebody has the turn
	conn            *net.UnixConn
	request, answer message
	out, in         []byte
}

func newStream(conn *net.UnixConn) *stream {
	return &stream{turn: make(chan struct{}, 1), conn: conn, in: make([]byte, maxMessage+1)}
}

// acquire waits for the turn: until limit, or until the link has failed. The timer is scratch; it
// may be nil where the limit is clock.Never.
func (st *stream) acquire(l *link, limit clock.Instant, timer **time.Timer) error {
	select {
	case st.turn <- struct{}{}:
		return nil
	default:
	}
	var due <-chan time.Time
	if limit != clock.Never {
		wait := max(limit.Sub(clock.Now()), 0)
		if *timer == nil {
			*timer = time.NewTimer(wait)
		} else {
			(*timer).Reset(wait)
		}
		defer (*timer).Stop()
		due = (*timer).C
	}
	select {
	case st.turn <- struct{}{}:
		return nil
	case <-due:
		return deviceError(false, ErrBusy)
	case <-l.dead:
		return l.down()
	}
}

func (st *stream) release() { <-st.turn }

// roundTrip sends the request and waits for its answer. Whatever goes wrong with the exchange
// itself ends the process: it could no longer be told which answer is whose.
func (l *link) roundTrip(st *stream, limit clock.Instant, files ...*os.File) error {
	err := st.exchange(limit, files)
	switch {
	case err == nil:
		if st.answer.flags&isSticky != 0 {
			l.fail(fmt.Errorf("the worker process lost its device: %w", st.answer.failure()))
		}
		return nil
	case errors.Is(err, errLate):
		return deviceError(false, ErrBusy)
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.fail(ErrHung)
	case errors.Is(err, ErrMalformed):
		l.fail(err)
	default:
		l.fail(fmt.Errorf("%w: %w", ErrDown, err))
	}
	return l.down()
}

// errLate means that the limit had passed before anything was sent.
var errLate = errors.New("late")

func (st *stream) exchange(limit clock.Instant, files []*os.File) error {
	deadline := time.Time{}
	if limit != clock.Never {
		left := limit.Sub(clock.Now())
		if left <= 0 {
			return errLate
		}
		deadline = time.Now().Add(left)
	}
	// Sending needs none: one message always fits the socket.
	if err := st.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	st.request.seq++
	st.out = st.request.append(st.out[:0])
	if err := st.send(files); err != nil {
		return err
	}
	n, err := st.conn.Read(st.in)
	if err != nil {
		return err
	}
	if err := st.answer.decode(st.in[:n]); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	q, a := &st.request, &st.answer
	if a.kind != q.kind || a.seq != q.seq || a.flags&isAnswer == 0 {
		return fmt.Errorf("%w: it answers message %d of kind %d to message %d of kind %d", ErrMalformed, a.seq, a.kind, q.seq, q.kind)
	}
	return nil
}

func (st *stream) send(files []*os.File) error {
	if len(files) == 0 {
		_, err := st.conn.Write(st.out)
		return err
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	_, _, err := st.conn.WriteMsgUnix(st.out, unix.UnixRights(fds...), nil)
	return err
}

// newPair makes a connected pair of sockets: ours for Go's poller, and the child's.
func newPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot create sockets: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "gateway")
	conn, err := unixConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

// unixConn makes a connection of a socket, which it closes.
func unixConn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("cannot use a socket: %w", err)
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		shut(conn)
		return nil, errors.New("cannot use a socket: it is not a Unix socket")
	}
	return u, nil
}

// shut closes a socket, which has nothing to lose: answers are read or given up before.
func shut(c net.Conn) { c.Close() }
