package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// answer is what is read of an HTTP response: enough to know where it ends.
type answer struct {
	status, total, body int
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// readAnswer looks for a whole response in buf; total is 0 while there is none.
func readAnswer(buf []byte) (a answer, err error) {
	end := bytes.Index(buf, headEnd)
	if end < 0 {
		return a, nil
	}
	head := buf[:end+2]
	at := bytes.Index(head, contentLength)
	if len(head) < 14 || at < 0 {
		return a, fmt.Errorf("an answer without a length: %q", head)
	}
	a.status = number(head[9:12])
	a.body = number(head[at+len(contentLength):])
	if total := end + len(headEnd) + a.body; len(buf) >= total {
		a.total = total
	}
	return a, nil
}

// number reads the decimal digits at the start of text.
func number(text []byte) (n int) {
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// socket is a connection driven by system calls alone: no poller of the Go runtime
// stands between the clock and the wire.
type socket struct {
	fd  int
	buf []byte
}

func dial(addr string, flags int) (*socket, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot dial %s: %w", addr, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make a socket: %w", err)
	}
	to := &unix.SockaddrInet4{Port: tcp.Port}
	copy(to.Addr[:], tcp.IP.To4())
	err = unix.Connect(fd, to)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil && flags&unix.O_NONBLOCK != 0 {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("cannot dial %s: %w", addr, err)
	}
	return &socket{fd: fd, buf: make([]byte, 0, 16<<10)}, nil
}

func dialBlocking(addr string) (*socket, error) { return dial(addr, 0) }

func (c *socket) close() { _ = unix.Close(c.fd) }

// exchange sends a request and waits for the whole answer, which stays in c.buf until
// the next.
func (c *socket) exchange(request []byte) (answer, error) {
	for rest := request; len(rest) > 0; {
		n, err := unix.Write(c.fd, rest)
		if err != nil {
			return answer{}, err
		}
		rest = rest[n:]
	}
	c.buf = c.buf[:0]
	for {
		n, err := c.read()
		if err != nil {
			return answer{}, err
		}
		if n == 0 {
			return answer{}, errClosed
		}
		if a, err := readAnswer(c.buf); err != nil || a.total > 0 {
			return a, err
		}
	}
}

// mostAnswer is the longest answer that is read: a row of any model that is asked here.
const mostAnswer = 1 << 20

// read appends what there is to c.buf, which grows once to an answer's size.
func (c *socket) read() (int, error) {
	if len(c.buf) == cap(c.buf) {
		if len(c.buf) >= mostAnswer {
			return 0, fmt.Errorf("an answer of more than %d bytes", mostAnswer)
		}
		c.buf = slices.Grow(c.buf, len(c.buf))
	}
	for {
		n, err := unix.Read(c.fd, c.buf[len(c.buf):cap(c.buf)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		c.buf = c.buf[:len(c.buf)+n]
		return n, nil
	}
}
