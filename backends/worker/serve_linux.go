package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// servant is the child's side of a device.
type servant struct {
	host    Host
	streams []int // descriptors, in blocking mode
	mu      struct {
		sync.RWMutex
		models map[uint32]*model
	}
}

// endLimit is how long the child waits for a running batch once its socket is closed.
const endLimit = time.Second

// Serve answers the gateway at the other end of conn, the child's Descriptor, until it hangs
// up or ctx ends, and returns nil then. An error means that the gateway and this process do
// not understand each other. Models are closed, unless a run does not end: the process should
// exit after Serve, whatever still runs. Serve takes conn over.
func Serve(ctx context.Context, conn *os.File, host Host) error {
	control, err := unixConn(conn)
	if err != nil {
		return err
	}
	defer shut(control)
	s := &servant{host: host}
	s.mu.models = map[uint32]*model{}
	if err := s.greet(control); err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { shut(control) })
	defer stop()
	ended := make(chan error, len(s.streams)) // one for each stream
	for _, fd := range s.streams {
		go func() {
			// Providers keep state by thread. The thread ends with the goroutine.
			runtime.LockOSThread()
			ended <- s.stream(fd)
			shut(control) // one that has ended ends all
		}()
	}
	_, _ = control.Read(make([]byte, 1)) // nothing comes but the end
	for _, fd := range s.streams {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	}
	return s.end(ended)
}

// greet takes the streams.
func (s *servant) greet(control *net.UnixConn) error {
	data, oob := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4*(maxLanes+1)))
	n, oobn, _, _, err := control.ReadMsgUnix(data, oob)
	if err != nil {
		return err
	}
	files, err := descriptors(oob[:oobn])
	if err != nil {
		return err
	}
	var m message
	if err = m.decode(data[:n]); err == nil && (m.kind != hello || m.session != protocol || int(m.rows) != len(files)) {
		err = fmt.Errorf("the gateway speaks protocol %d and announces %d streams with %d descriptors; this is protocol %d", m.session, m.rows, len(files), protocol)
	}
	if err != nil {
		closeAll(files)
		return err
	}
	for _, f := range files {
		// Kept as numbers, since an os.File would put them into Go's poller. This process
		// has nothing else to do than to wait for them, and wakes sooner without it.
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			s.streams = append(s.streams, fd)
			err = unix.SetNonblock(fd, false)
		}
		if err != nil {
			return err
		}
	}
	closeAll(files)
	m.flags |= isAnswer
	_, err = control.Write(m.append(nil))
	return err
}

// end waits for the streams and closes what is open.
func (s *servant) end(ended chan error) (err error) {
	timer := time.NewTimer(endLimit)
	defer timer.Stop()
	for range s.streams {
		select {
		case e := <-ended:
			err = errors.Join(err, e)
		case <-timer.C:
			return errors.Join(err, errors.New("a run does not end"))
		}
	}
	for _, fd := range s.streams {
		unix.Close(fd) //nolint:errcheck // a socket that was shut down has nothing left to lose
	}
	for _, m := range s.mu.models {
		err = errors.Join(err, m.close())
	}
	return err
}

// stream answers one message after the other.
func (s *servant) stream(fd int) error {
	data, oob := make([]byte, maxMessage+1), make([]byte, unix.CmsgSpace(4*(maxLanes+1)))
	var q, a message
	var out []byte
	for {
		n, oobn, err := receive(fd, data, oob)
		if err != nil || n == 0 {
			return err
		}
		files, err := descriptors(oob[:oobn])
		if err == nil {
			err = q.decode(data[:n])
		}
		if err == nil && q.flags != 0 {
			err = errors.New("an answer where a request is due")
		}
		if err != nil {
			closeAll(files)
			return fmt.Errorf("cannot serve: %w", err)
		}
		a.reset(q.kind)
		a.seq, a.flags = q.seq, isAnswer
		if err := s.answer(&q, &a, files); err != nil {
			a.fail(err)
		}
		closeAll(files)
		out = a.append(out[:0])
		if _, err := unix.Write(fd, out); err != nil {
			return nil // the gateway is gone, which ends the process
		}
	}
}

func receive(fd int, data, oob []byte) (n, oobn int, err error) {
	for {
		n, oobn, flags, _, err := unix.Recvmsg(fd, data, oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECONNRESET):
			return 0, 0, nil // as good as an end
		case err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			return 0, 0, errors.New("cannot serve: a message is too long")
		}
		return n, oobn, err
	}
}

// descriptors takes the files out of a control message.
func descriptors(oob []byte) (files []*os.File, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range all {
		fds, err := unix.ParseUnixRights(&all[i])
		if err != nil {
			closeAll(files)
			return nil, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

// answer does what a request asks.
func (s *servant) answer(q, a *message, files []*os.File) error {
	if q.kind == openModel {
		return s.open(q.session, files)
	}
	s.mu.RLock()
	m := s.mu.models[q.session]
	s.mu.RUnlock()
	if m == nil {
		return fmt.Errorf("there is no model %d", q.session)
	}
	switch q.kind {
	case runBatch:
		return m.run(q, a)
	case runBlank:
		if int(q.lane) >= len(m.lanes) {
			return fmt.Errorf("there is no lane %d", q.lane)
		}
		return m.hosted.RunRaw(int(q.lane), int(q.rows))
	case closeModel:
		s.mu.Lock()
		delete(s.mu.models, q.session)
		s.mu.Unlock()
		return m.close()
	}
	return fmt.Errorf("message kind %d is not for a stream", q.kind)
}

func (s *servant) open(id uint32, files []*os.File) error {
	if len(files) < 1 {
		return errors.New("no description of the model came")
	}
	text, err := readAll(files[0])
	if err != nil {
		return err
	}
	var o opening
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("the description of the model: %w", err)
	}
	m, err := openHosted(s.host, o, files[1:])
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.models[id] != nil {
		return errors.Join(fmt.Errorf("model %d is open", id), m.close())
	}
	s.mu.models[id] = m
	return nil
}

func readAll(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, info.Size())
	_, err = f.ReadAt(text, 0)
	return text, err
}
