package sim

import (
	"slices"
	"time"

	"sluice/internal/clock"
)

// count is where a request is counted, nil if it arrived during the warm-up.
func (w *world) count(r *Request) *Count {
	if r.Arrived < clock.Instant(w.cfg.Warmup) {
		return nil
	}
	if r.Back {
		return &w.result.Back[r.Stream]
	}
	return &w.result.ByStream[r.Stream]
}

// finish ends a request whose batch has run.
func (w *world) finish(r *Request, probe bool) {
	if r.state == ended { // its other run was faster
		return
	}
	r.state = ended
	w.result.End = w.now
	c := w.count(r)
	if c == nil {
		return
	}
	if w.now <= r.Deadline {
		w.tally(r, c, Count{OK: 1})
	} else {
		w.tally(r, c, Count{Late: 1})
		if probe {
			w.result.LateProbes++
		}
	}
	w.result.latencies = append(w.result.latencies, w.now.Sub(r.Arrived))
}

// end ends a request that has not run.
func (w *world) end(r *Request, how Action) {
	if r.state != waiting {
		w.result.fault(w.now, "request %d was given up after it had been started or ended", r.Seq)
		return
	}
	r.state = ended
	w.result.End = w.now
	w.observe(Decision{At: w.now, Action: how, Seq: r.Seq, Model: r.Model})
	if c := w.count(r); c != nil {
		if how == Refuse {
			w.tally(r, c, Count{Refused: 1})
		} else {
			w.tally(r, c, Count{Dropped: 1})
		}
	}
	if how == Drop && r.whole != nil {
		w.withdraw(r.whole, Drop)
	}
}

// tally counts a request's end, or that of the arrival of which it is a part.
func (w *world) tally(r *Request, c *Count, end Count) {
	if r.whole != nil {
		var over bool
		if end, over = w.fold(r.whole, end); !over {
			return
		}
	}
	if end.OK > 0 {
		w.result.GoodRows += r.Whole
	}
	c.add(end)
}

func (w *world) drop(requests []*Request) {
	for _, r := range requests {
		w.end(r, Drop)
	}
}

func (w *world) observe(d Decision) {
	if w.cfg.Observe != nil {
		w.cfg.Observe(d)
	}
}

// check holds a sealed batch to what a session can run.
func (w *world) check(b *Batch) bool {
	if b.Model < 0 || b.Model >= len(w.cfg.Models) || w.cfg.Models[b.Model].Curves[b.Lane.Device] == nil {
		w.result.fault(w.now, "a batch for model %d on device %d", b.Model, b.Lane.Device)
		return false
	}
	rows := 0
	for i, r := range b.Requests {
		rows += r.Rows
		if r.state != waiting && !(b.Hedge && r.state == running) || slices.Contains(b.Requests[:i], r) {
			w.result.fault(w.now, "request %d was sealed twice, or after its end", r.Seq)
			return false
		}
		if r.Model != b.Model {
			w.result.fault(w.now, "request %d of model %d is in a batch of model %d", r.Seq, r.Model, b.Model)
			return false
		}
	}
	if most := w.cfg.Models[b.Model].MaxBatch; rows != b.Rows || rows < 1 || b.Padded < rows || b.Padded > most {
		w.result.fault(w.now, "a batch of %d rows, said to be %d, padded to %d of at most %d", rows, b.Rows, b.Padded, most)
		return false
	}
	return true
}

// rounding is how far a policy may round its predictions up.
const rounding = time.Microsecond

// deviceOf is where a request waits.
func (w *world) deviceOf(r *Request) int {
	if p, ok := w.policy.(interface{ DeviceOf(*Request) int }); ok {
		return p.DeviceOf(r)
	}
	return r.Device
}

// audit looks for an idle lane and a request that waits for its device and could still
// be served.
func (w *world) audit() {
	w.queue = slices.DeleteFunc(w.queue, func(r *Request) bool { return r.state != waiting })
	for i := range w.lanes {
		l := &w.lanes[i]
		if l.busy || w.cfg.Devices[l.id.Device].Stage > 0 && w.active[l.id.Device] > 0 {
			continue
		}
		for _, r := range w.queue {
			curve := w.cfg.Models[r.Model].Curves[l.id.Device]
			if w.deviceOf(r) == l.id.Device && curve != nil && r.Deadline > w.now.Add(curve.At(r.Rows)+rounding) {
				w.result.fault(w.now, "lane %v idles while request %d waits and could be served", l.id, r.Seq)
				return
			}
		}
	}
}

// close sums up, and looks for requests that were forgotten.
func (w *world) close() {
	r := &w.result
	for _, c := range r.ByStream {
		r.Count.add(c)
	}
	if open := r.Arrived - r.OK - r.Late - r.Dropped - r.Refused; open != 0 {
		r.fault(w.now, "%d requests never ended", open)
	}
}
