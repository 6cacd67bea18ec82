package rig

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is how a request ended; each has exactly one.
type Outcome string

// The outcomes.
const (
	OK       Outcome = "ok"
	Wrong    Outcome = "wrong"    // another answer than the right one
	No       Outcome = "no"       // 429, 503, or a 504 before anything was queued: an honest no
	Deadline Outcome = "deadline" // 504 DEADLINE_EXCEEDED
	Bad      Outcome = "bad"      // a bad request got the status that it must
	Odd      Outcome = "odd"      // any other status
	Left     Outcome = "left"     // the client left, as it was to
	Refused  Outcome = "refused"  // no connection, or it ended before the request was written
	Lost     Outcome = "lost"     // written in full, and no answer came
)

// Record is one request.
type Record struct {
	Model    string
	Due      time.Duration // since the traffic began
	Took     time.Duration // from the moment it was due
	Served   time.Duration // from the writing
	Budget   time.Duration
	Outcome  Outcome
	Status   int
	Code     string
	Version  string
	Device   string
	Good     bool // no bad request, and its client stayed
	Detail   string
	Finished time.Time
}

// Traffic sends questions at the instants of a Poisson process, whether or not they are answered.
type Traffic struct {
	// Addr is asked for each request: the address to send it to; "" counts it as refused.
	Addr func() string
	// Rate is requests per second.
	Rate float64
	// Pick draws a question.
	Pick func(rng *rand.Rand) *Question
	// Most is the most requests on their way; beyond it a request waits in the client. 0 means 512.
	Most int
	// Patience with an answer; 0 means 10 s.
	Patience time.Duration
	// Tries is how often a request that is refused is sent in all; 0 means once.
	Tries int
	Seed  uint64
}

// To sends everything to one address.
func To(addr string) func() string { return func() string { return addr } }

// Run sends until the context ends, waits for all answers, and returns the records.
func (t *Traffic) Run(ctx context.Context) []Record {
	w := newWire(t.Patience)
	rng := rand.New(rand.NewPCG(t.Seed, 0x7261))
	most := t.Most
	if most == 0 {
		most = 512
	}
	room := make(chan struct{}, most)
	var wg sync.WaitGroup
	begun := time.Now()
	for due := time.Duration(0); ; {
		due += time.Duration(rng.ExpFloat64() / t.Rate * float64(time.Second))
		q := t.Pick(rng)
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begun.Add(due))):
		}
		if ctx.Err() != nil {
			break
		}
		room <- struct{}{}
		wg.Go(func() {
			r := w.ask(t.Addr(), q, begun, due)
			for tries := 1; tries < t.Tries && r.Outcome == No; tries++ {
				r = w.ask(t.Addr(), q, begun, due)
			}
			w.note(r)
			<-room
		})
	}
	wg.Wait()
	return w.end()
}

// Closed is a closed loop: each client asks again as soon as it has its answer. It ends when the
// gateway takes no connection any more.
type Closed struct {
	Addr     string
	Clients  int
	Pick     func(rng *rand.Rand) *Question
	Patience time.Duration
}

// Start lets the clients begin. The returned function ends them, waits, and returns the records.
func (o Closed) Start() func() []Record {
	w := newWire(o.Patience)
	var over atomic.Bool
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range o.Clients {
		rng := rand.New(rand.NewPCG(uint64(i), 0x636c))
		wg.Go(func() {
			for !over.Load() {
				r := w.ask(o.Addr, o.Pick(rng), begun, time.Since(begun))
				if r.Outcome == Refused {
					return
				}
				w.note(r)
			}
		})
	}
	return func() []Record {
		over.Store(true)
		wg.Wait()
		return w.end()
	}
}

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
		if again := w.exchange(c, q, &r); again && used {
			_ = c.Close()
			continue // the server had closed an idle connection before the request was written
		}
		r.Served = time.Since(sent)
		if r.Outcome == OK || r.Outcome == No || r.Outcome == Deadline || r.Outcome == Bad {
			w.keep(addr, c, &r)
		} else {
			_ = c.Close()
		}
		break
	}
	r.Finished = time.Now()
	r.Took = r.Finished.Sub(begun.Add(due))
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

// keep gives a connection back, unless the answer said that it was the last on it.
func (w *wire) keep(addr string, c *connection, r *Record) {
	if r.Detail == closing {
		r.Detail = ""
		_ = c.Close()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.idle[addr] = append(w.mu.idle[addr], c)
}

// closing is the detail of an answer that says Connection: close.
const closing = "closing"

// exchange writes a request and reads its answer. again says that not a byte could be written.
func (w *wire) exchange(c *connection, q *Question, r *Record) (again bool) {
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
		return n == 0
	}
	if q.LeaveAfter > 0 {
		time.Sleep(q.LeaveAfter)
		r.Outcome = Left
		return false
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		r.Outcome, r.Detail = Lost, err.Error()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.Detail = "no answer within the client's patience"
		}
		return false
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		r.Outcome, r.Detail = Lost, err.Error()
		return false
	}
	w.judge(q, res, body, r)
	if res.Close && r.Detail == "" {
		r.Detail = closing
	}
	return false
}

// judge says what an answer is worth.
func (w *wire) judge(q *Question, res *http.Response, body []byte, r *Record) {
	r.Status, r.Device = res.StatusCode, res.Header.Get("Sluice-Device")
	if res.StatusCode != http.StatusOK {
		var said struct{ Code string }
		_ = json.Unmarshal(body, &said) // an answer without a code has none
		r.Code = said.Code
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
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusServiceUnavailable, r.Code == "BUDGET_TOO_SHORT":
		r.Outcome = No
	case r.Code == "DEADLINE_EXCEEDED":
		r.Outcome = Deadline
	default:
		r.Outcome, r.Detail = Odd, fmt.Sprintf("%d: %.200s", res.StatusCode, body)
	}
}

// Sum is what a stretch of records comes to.
type Sum struct {
	Sent, OK, Late, Wrong, No, Deadline, Bad, Odd, Left, Refused, Lost int
	// P50, P99 and Max are of good answers, from the moment that they were due.
	P50, P99, Max time.Duration
	// Example is the detail of a wrong, odd or lost one.
	Example string
}

// Tally sums the records that were due in a stretch and that keep selects; a nil keep takes all.
func Tally(records []Record, from, to time.Duration, keep func(*Record) bool) (s Sum) {
	var took []time.Duration
	for i := range records {
		r := &records[i]
		if r.Due < from || r.Due >= to || keep != nil && !keep(r) {
			continue
		}
		s.Sent++
		switch r.Outcome {
		case OK:
			s.OK++
			took = append(took, r.Took)
			if r.Budget > 0 && r.Served > r.Budget {
				s.Late++
			}
		case Wrong:
			s.Wrong++
		case No:
			s.No++
		case Deadline:
			s.Deadline++
		case Bad:
			s.Bad++
		case Odd:
			s.Odd++
		case Left:
			s.Left++
		case Refused:
			s.Refused++
		case Lost:
			s.Lost++
		}
		if r.Outcome == Wrong || r.Outcome == Odd || r.Outcome == Lost {
			s.Example = fmt.Sprintf("%s %s after %v: %s", r.Model, r.Outcome, r.Took.Round(time.Millisecond), r.Detail)
		}
	}
	s.P50, s.P99, s.Max = quantile(took, 0.5), quantile(took, 0.99), quantile(took, 1)
	return s
}

// All is the end of every stretch.
const All = time.Duration(math.MaxInt64)

// String names what occurred.
func (s Sum) String() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d sent, %d ok", s.Sent, s.OK)
	for _, part := range []struct {
		n    int
		name string
	}{
		{s.Late, "late"},
		{s.Wrong, "wrong"},
		{s.No, "refused honestly"},
		{s.Deadline, "504"},
		{s.Bad, "bad as they must be"},
		{s.Odd, "odd"},
		{s.Left, "left"},
		{s.Refused, "not connected"},
		{s.Lost, "lost"},
	} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.name)
		}
	}
	fmt.Fprintf(&b, ", p99 %v", s.P99.Round(100*time.Microsecond))
	return b.String()
}
