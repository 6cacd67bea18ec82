package stub

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"sluice/internal/cputime"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/task"
)

// work is a request while its answer is made, with the memory for it.
type work struct {
	request oip.Request
	task    *task.Task
	y       []byte // rows of the answer
	number  int64  // of the request
	queued  time.Duration
	ran     time.Duration
	body    []byte
	twice   bool
}

func newWork() *work { return &work{task: task.Get()} }

func (w *work) reset(number int64) {
	w.task.Release()
	w.task = task.Get()
	w.request.Reset()
	w.y, w.body = w.y[:0], w.body[:0]
	w.number, w.twice = number, false
}

// every is a fault that is done to one of so many.
type every struct{ n, seen int }

func (e *every) turn() bool {
	if e.n == 0 {
		return false
	}
	e.seen++
	return e.seen%e.n == 0
}

// route answers a whole request.
func (l *loop) route(c *conn, h *head, body []byte) {
	at, known := l.routes[string(h.path)]
	switch {
	case !known && bytes.HasPrefix(h.path, []byte(models)) && !bytes.HasPrefix(h.path, []byte(thisModel+"/")):
		l.refuse(c, http.StatusNotFound, "Request for unknown model: the fault server has the model 'stub' in version 1", "model_not_found")
	case !known:
		l.refuse(c, http.StatusNotFound, "there is nothing at this path: the fault server has /v2, /v2/models/stub and /stub", "not_found")
	case string(h.method) != at.method:
		l.refuse(c, http.StatusMethodNotAllowed, "this path takes "+at.method, "method_not_allowed")
	case at.document == nil:
		l.infer(c, h, body)
		return
	default:
		document := at.document(l)
		c.out = appendHead(c.out, http.StatusOK, len(document))
		c.out = append(append(c.out, typeJSON+"\r\n"...), document...)
	}
	l.answer(c, 0)
}

// countsNow and begin are the fault server's own routes.
func (l *loop) countsNow() []byte {
	body, _ := json.Marshal(&l.counts) // it holds numbers and strings only
	return body
}

func (l *loop) begin() []byte {
	l.server.origin.Store(int64(l.now))
	return []byte("{}")
}

// statistics is what the protocol's extension tells: requests, without the times that they took.
func (l *loop) statistics() []byte {
	m := oip.NewModelStatistics(Model, Version)
	m.LastInference = time.Now().UnixMilli()
	n := uint64(l.counts.Answered)
	m.InferenceCount, m.ExecutionCount = n, n
	s := &m.InferenceStats
	s.Success.Count, s.Queue.Count, s.ComputeInput.Count, s.ComputeInfer.Count, s.ComputeOutput.Count = n, n, n, n, n
	body, _ := oip.AppendJSON(nil, oip.Statistics{ModelStats: []oip.ModelStatistics{m}}) // it holds numbers and strings only
	return body
}

// refuse makes an error the answer.
func (l *loop) refuse(c *conn, status int, text, code string) {
	l.work.body = oip.AppendError(l.work.body[:0], text, code, 0)
	c.status = status
	c.out = append(appendHead(c.out, status, len(l.work.body)), typeJSON...)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		c.out = append(c.out, "Retry-After: 1\r\n"...)
	}
	c.out = append(append(c.out, "\r\n"...), l.work.body...)
}

// infer decides what becomes of a request: what it would get of itself, what it gets by
// chance, its instant, and the faults whose turn it is.
func (l *loop) infer(c *conn, h *head, body []byte) {
	l.counts.Accepted++
	l.counts.InFlight++
	c.request = true
	w := l.work
	w.reset(l.counts.Accepted)
	if f := w.decode(h, body); f != nil {
		l.counts.Bad++
		l.refuse(c, http.StatusBadRequest, f.Text, "bad_request")
		l.answer(c, 0)
		return
	}
	if l.chance(c, w) {
		return
	}
	start, ok := l.queue.take(l.now)
	if !ok {
		l.counts.Limited++
		l.refuse(c, http.StatusTooManyRequests, "the queue of the fault server is full", "overloaded")
		l.answer(c, 0)
		return
	}
	w.queued = start.Sub(l.now)
	w.ran = l.o.Queue + l.o.Burn + l.o.Delay.draw(l.rng)
	due := l.now
	if w.ran > 0 || w.queued > 0 {
		due = start.Add(w.ran - l.o.Burn)
	}
	burn(l.o.Burn)
	w.y = appendAnswer(w.y, w.task.Inputs[0].Data)
	if swap, done := l.fault(c, w); !done {
		l.encode(c, w)
		l.send(c, due, swap)
	}
}

// decode reads the body.
func (w *work) decode(h *head, body []byte) *fault.Error {
	n, err := oip.ParseHeaderLength(h.binary, len(body))
	if err == nil {
		err = w.request.Decode(schema, Model, body, n, nil, w.task)
	}
	return fault.Of(err)
}

// chance closes a connection or gives it another status, by the percentages. It says whether it did.
func (l *loop) chance(c *conn, w *work) bool {
	if l.o.Close == 0 && len(l.o.Status) == 0 {
		return false
	}
	p := 100 * l.rng.Float64()
	if p < l.o.Close {
		l.end(c, w, &l.counts.Closed)
		return true
	}
	p -= l.o.Close
	for _, s := range l.o.Status {
		if p < s.Percent {
			l.counts.Drawn++
			l.refuse(c, s.Status, "the fault server was told to answer so", "drawn")
			l.answer(c, l.now.Add(l.o.Delay.draw(l.rng)))
			return true
		}
		p -= s.Percent
	}
	return false
}

// end counts a request as one that gets no answer, and closes its connection.
func (l *loop) end(c *conn, w *work, as *Fault) {
	as.add(1, identity(w.request.ID, w.number))
	l.counts.InFlight--
	c.request = false
	l.close(c)
}

// fault does the fault whose turn it is. done says that there will be no answer, and swap
// that the answer is one to be swapped.
func (l *loop) fault(c *conn, w *work) (swap, done bool) {
	switch f := &l.faults; {
	case f[0].turn():
		l.counts.Lost.add(1, identity(w.request.ID, w.number))
		l.counts.InFlight--
		c.request = false
		return false, true
	case f[1].turn():
		l.end(c, w, &l.counts.Dropped)
		return false, true
	case f[2].turn():
		l.counts.Corrupted.add(1, identity(w.request.ID, w.number))
		value := l.rng.IntN(len(w.y) / 4)
		w.y[4*value+2] ^= 0x40 // the first bit of the mantissa: a half more or less
	case f[3].turn():
		l.counts.Repeated.add(1, identity(w.request.ID, w.number))
		w.twice = true
	case l.o.Swap > 0:
		if f[4].turn() {
			l.owed++
		}
		return true, false
	}
	return false, false
}

// burn spends CPU time, in which no other thread's share counts.
func burn(d time.Duration) {
	if d == 0 {
		return
	}
	for end := cputime.Thread() + d; cputime.Thread() < end; {
	}
}

var rowShape = []int64{OutputColumns}

// encode makes the answer of a request from its rows.
func (l *loop) encode(c *conn, w *work) {
	t, spec := w.task, &schema.Outputs[0]
	t.Reserve(1)
	clear(t.Outputs)
	err := t.SetRows(0, spec, rowShape, 0, t.Rows, w.y)
	length := 0
	if err == nil {
		w.body, length, err = w.request.AppendResponse(w.body[:0], schema, Model, Version, t)
	}
	if err != nil {
		l.refuse(c, http.StatusBadRequest, fault.Of(err).Text, "bad_request")
		return
	}
	c.status = http.StatusOK
	out := appendHead(c.out, c.status, len(w.body))
	if length > 0 {
		out = append(out, typeBinary+"Inference-Header-Content-Length: "...)
		out = append(strconv.AppendInt(out, int64(length), 10), "\r\n"...)
	} else {
		out = append(out, typeJSON...)
	}
	out = appendMillis(append(out, "Server-Timing: decode;dur=0.010, queue;dur="...), w.queued)
	out = appendMillis(append(out, ", run;dur="...), w.ran)
	out = append(out, ", encode;dur=0.005\r\nSluice-Device: stub\r\nSluice-Batch: "...)
	out = strconv.AppendInt(out, int64(t.Rows), 10)
	out = append(append(append(out, "\r\nSluice-Model: "...), tag...), "\r\n\r\n"...)
	out = append(out, w.body...)
	if w.twice {
		out = append(out, out...)
	}
	c.out = out
}
