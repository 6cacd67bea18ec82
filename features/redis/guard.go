package redis

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
)

// The bounds of what a server may send, far above what any layout has: a value, all values of a reply, the elements of a reply that are
// still to come, and a line.
const (
	mostValue    = 64 << 20
	mostReply    = 2 << 30
	mostElements = 1 << 20
	mostLine     = 64 << 10
)

// guard is a connection that ends where the server breaks the protocol. rueidis takes lengths as they come, so that one that is
// wrong ends the process or takes its memory, and so does a reply that nobody has asked for.
type guard struct {
	net.Conn
	asked atomic.Uint64 // commands, at least
	got   framing       // of whoever reads
}

var errUnasked = errors.New("the server sends a reply that nobody has asked for")

func (g *guard) Write(b []byte) (int, error) {
	g.asked.Add(commandsIn(b))
	return g.Conn.Write(b)
}

// commandsIn counts the commands that begin in a piece of what is sent. It does not follow values, which may look as if one began: a
// reply that nobody has asked for is told from others as long as few do.
func commandsIn(b []byte) uint64 {
	n := bytes.Count(b, []byte("\r\n*"))
	if bytes.HasPrefix(b, []byte("*")) || bytes.HasPrefix(b, []byte("\n*")) {
		n++
	}
	return uint64(n)
}

func (g *guard) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if fault := g.got.add(b[:n]); fault != nil {
		return 0, fmt.Errorf("the server breaks the protocol: %w", fault)
	}
	if g.got.whole > g.asked.Load() {
		return 0, errUnasked
	}
	return n, err
}

// framing follows the replies of RESP2, in pieces as they come, and counts those that are whole.
type framing struct {
	whole   uint64
	pending int64 // elements of the message that are still to come
	size    int64 // of the values of the message
	skip    int64 // bytes of the value that are still to come, with its end
	line    int   // bytes of the line that have come; 0: a line begins
	kind    byte  // of the line
	minus   bool
	n       int64 // the number of the line so far
}

// add takes what comes next.
func (f *framing) add(b []byte) error {
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, int64(len(b)))
			if f.skip -= n; f.skip == 0 {
				f.ended(0)
			}
			b = b[n:]
			continue
		}
		if f.line == 0 {
			if f.pending == 0 {
				f.pending, f.size = 1, 0
			}
			if n, end := short(b); end > 0 { // as most are
				if f.size += int64(n); f.size > mostReply {
					return f.tooLarge(int64(n))
				}
				f.ended(0)
				b = b[end:]
				continue
			}
			f.kind, f.minus, f.n, f.line = b[0], false, 0, 1
			b = b[1:]
		}
		var err error
		switch f.kind {
		case '$', '*':
			b, err = f.number(b)
		case '+', '-', ':':
			b, err = f.text(b)
		default:
			err = fmt.Errorf("a message begins with the byte %q", f.kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// short is the length of a short value that is whole, and where it ends; 0 for all else.
func short(b []byte) (n, end int) {
	if b[0] != '$' {
		return 0, 0
	}
	const digits = 6
	for i := 1; i < min(len(b)-1, digits+2); i++ {
		if d := b[i] - '0'; d <= 9 {
			n = 10*n + int(d)
			continue
		}
		if end = i + len("\r\n") + n + len("\r\n"); i > 1 && b[i] == '\r' && b[i+1] == '\n' && end <= len(b) {
			return n, end
		}
		break
	}
	return 0, 0
}

// ended ends an element, which may have elements of its own.
func (f *framing) ended(elements int64) {
	if f.pending += elements - 1; f.pending == 0 {
		f.whole++
	}
}

// text goes on with a line whose content does not matter.
func (f *framing) text(b []byte) (rest []byte, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		f.line += len(b)
	} else {
		f.line += end
	}
	switch {
	case f.line > mostLine:
		return nil, fmt.Errorf("a line is longer than %d bytes", mostLine)
	case end < 0:
		return nil, nil
	}
	f.line = 0
	f.ended(0)
	return b[end+1:], nil
}

// number goes on with a line that says how long what follows is.
func (f *framing) number(b []byte) (rest []byte, err error) {
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9' && f.n <= mostReply:
			f.n = 10*f.n + int64(c-'0')
		case c == '-' && f.line == 1 && i == 0:
			f.minus = true
		case c == '\n':
			f.line = 0
			return b[i+1:], f.length()
		case c != '\r':
			return nil, fmt.Errorf("a length has the byte %q, or is too large", c)
		}
	}
	f.line += len(b)
	return nil, nil
}

// length takes a length that is whole.
func (f *framing) length() error {
	switch {
	case f.minus && f.n == 1:
		f.ended(0)
	case f.minus:
		return fmt.Errorf("a length is -%d", f.n)
	case f.kind == '*':
		if f.n+f.pending > mostElements {
			return fmt.Errorf("a message has %d elements or more; the limit is %d", f.n, mostElements)
		}
		f.ended(f.n)
	default:
		if f.size += f.n; f.n > mostValue || f.size > mostReply {
			return f.tooLarge(f.n)
		}
		f.skip = f.n + int64(len("\r\n"))
	}
	return nil
}

func (f *framing) tooLarge(value int64) error {
	return fmt.Errorf("a value has %d bytes, and all of its message %d; the limits are %d and %d", value, f.size, mostValue, mostReply)
}
