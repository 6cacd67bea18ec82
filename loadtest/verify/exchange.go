package verify

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"sluice/internal/http1"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

const (
	// patience is how long one answer may take outside of a run.
	patience     = 30 * time.Second
	maxBodyBytes = 256 << 20
)

// reply is a whole answer.
type reply struct {
	status     int
	head, body []byte
}

// exchange sends prepared requests one at a time over one connection.
type exchange struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
	raw  bytes.Buffer // all that was read since the request was written
	next uint64       // the next request's identity
}

func (x *exchange) close() {
	if x.conn != nil {
		x.conn.Close()
		x.conn = nil
	}
}

// send asks for one variant and returns the identity that the request bore. A connection
// that the server closed while it was idle is opened again, once.
func (x *exchange) send(ctx context.Context, p *engine.Payload) (r reply, id uint64, err error) {
	x.next++
	id = x.next * 0x9e3779b97f4a7c15 // all 16 digits differ from one to the next
	request := bytes.Clone(p.Bytes)
	if p.ID >= 0 {
		digits := engine.Digits(id)
		copy(request[p.ID:], digits[:])
	}
	fresh := x.conn == nil
	if r, err = x.once(ctx, request); err != nil && !fresh && ctx.Err() == nil {
		r, err = x.once(ctx, request)
	}
	if err != nil {
		return r, id, &payload.NotReadyError{Text: "cannot ask " + x.addr, Cause: err}
	}
	return r, id, nil
}

func (x *exchange) once(ctx context.Context, request []byte) (r reply, err error) {
	if x.conn == nil {
		dialer := net.Dialer{Timeout: patience}
		if x.conn, err = dialer.DialContext(ctx, "tcp", x.addr); err != nil {
			return r, err
		}
		x.in = bufio.NewReader(io.TeeReader(x.conn, &x.raw))
	}
	conn := x.conn
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return r, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	keep, err := false, error(nil)
	if _, err = conn.Write(request); err == nil {
		r, keep, err = x.read()
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil || !keep {
		x.close()
	}
	return r, err
}

func (x *exchange) read() (r reply, keep bool, err error) {
	x.raw.Reset()
	response, err := http.ReadResponse(x.in, nil)
	if err != nil {
		return r, false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBodyBytes+1))
	if err != nil {
		return r, false, err
	}
	if len(body) > maxBodyBytes {
		return r, false, fmt.Errorf("the answer has more than %d bytes", maxBodyBytes)
	}
	head := x.raw.Bytes()
	if end := bytes.Index(head, http1.HeadEnd); end >= 0 {
		head = head[:end+2]
	}
	return reply{response.StatusCode, bytes.Clone(head), body}, !response.Close, nil
}
