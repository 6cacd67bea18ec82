package rig

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// wire sends requests over connections that it keeps, and notes how each ended.
type wire struct {
	patience time.Duration
	mu       struct {
		sync.Mutex
		records []Record
		idle    map[string][]*connection
	}
}

type connection struct {
	net.Conn
	in *bufio.Reader
}

func newWire(patience time.Duration) *wire {
	if patience == 0 {
		patience = 10 * time.Second
	}
	w := &wire{patience: patience}
	w.mu.idle = map[string][]*connection{}
	return w
}

func (w *wire) note(r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.records = append(w.mu.records, r)
}

func (w *wire) end() []Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.mu.idle {
		for _, c := range all {
			_ = c.Close()
		}
	}
	return w.mu.records
}

// ask sends one request and says how it ended.
func (w *wire) ask(addr string, q *Question, begun time.Time, due time.Duration) Record {
	r := Record{Model: q.Model, Due: due, Budget: q.Budget, Good: q.Want == 0 && q.LeaveAfter == 0}
	for {
		c, used, err := w.connect(addr)
		if err != nil {
			r.Outcome, r.Detail = Refused, err.Error()
			break
		}
		sent := time.Now()
		written, stays := w.exchange(c, q, &r)
		r.Served = time.Since(sent)
		if stays {
			w.keep(addr, c)
			break
		}
		_ = c.Close()
		if written || !used {
			break
		}
		// The server had closed an idle connection before the request was written.
	}
	r.Took = time.Since(begun.Add(due))
	return r
}

func (w *wire) connect(addr string) (c *connection, used bool, err error) {
	if addr == "" {
		return nil, false, errors.New("no gateway is ready")
	}
	w.mu.Lock()
	if n := len(w.mu.idle[addr]); n > 0 {
		c = w.mu.idle[addr][n-1]
		w.mu.idle[addr] = w.mu.idle[addr][:n-1]
	}
	w.mu.Unlock()
	if c != nil {
		return c, true, nil
	}
	raw, err := net.DialTimeout("tcp", addr, w.patience)
	if err != nil {
		return nil, false, err
	}
	return &connection{raw, bufio.NewReader(raw)}, false, nil
}

// keep keeps a connection for the next request.
func (w *wire) keep(addr string, c *connection) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.idle[addr] = append(w.mu.idle[addr], c)
}

// exchange writes a request and reads its answer. written says that at least a byte of it could be
// written, and stays that the connection can be used again.
func (w *wire) exchange(c *connection, q *Question, r *Record) (written, stays bool) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "POST %s HTTP/1.1\r\nHost: drill\r\nContent-Length: %d\r\n", q.path(), len(q.Body))
	if q.Budget > 0 {
		fmt.Fprintf(&out, "Sluice-Budget-Ms: %g\r\n", float64(q.Budget)/float64(time.Millisecond))
	}
	out.WriteString("\r\n")
	out.Write(q.Body)
	_ = c.SetDeadline(time.Now().Add(w.patience))
	if n, err := c.Write(out.Bytes()); err != nil {
		r.Outcome, r.Detail = Refused, err.Error()
		return n > 0, false
	}
	if q.LeaveAfter > 0 {
		time.Sleep(q.LeaveAfter)
		r.Outcome = Left
		return true, false
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		r.Outcome, r.Detail = Lost, err.Error()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.Detail = "no answer within the client's patience"
		}
		return true, false
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		r.Outcome, r.Detail = Lost, err.Error()
		return true, false
	}
	w.judge(q, res, body, r)
	return true, !res.Close && r.Outcome != Wrong && r.Outcome != Odd
}

// judge says what an answer is worth.
func (w *wire) judge(q *Question, res *http.Response, body []byte, r *Record) {
	r.Device = res.Header.Get("Sluice-Device")
	var said struct{ Code string }
	if res.StatusCode != http.StatusOK {
		_ = json.Unmarshal(body, &said) // an answer without a code has none
	}
	switch {
	case q.Want != 0 && res.StatusCode == q.Want:
		r.Outcome = Bad
	case res.StatusCode == http.StatusOK && q.Want == 0:
		version, err := q.right(body)
		r.Version, r.Outcome = version, OK
		if err != nil {
			r.Outcome, r.Detail = Wrong, err.Error()
		}
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusServiceUnavailable, said.Code == "BUDGET_TOO_SHORT":
		r.Outcome = No
	case said.Code == "DEADLINE_EXCEEDED":
		r.Outcome = Deadline
	default:
		r.Outcome, r.Detail = Odd, fmt.Sprintf("%d: %.200s", res.StatusCode, body)
	}
}
