package shadow

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"sluice/internal/clock"
	"sluice/internal/tensor"
)

// ring holds the copies of requests that wait for a candidate or are with it, within a bound in rows and in bytes. Its memory is
// reserved once. The lock is held for some comparisons of numbers: copying happens outside.
type ring struct {
	data  []byte
	slots []slot
	wake  chan struct{} // of size 1: something waits
	busy  [NumLevels]atomic.Uint64

	mu struct {
		sync.Mutex
		// Slots from first up to end are in use; those from next on have not been taken. They count on, modulo the number of slots.
		first, next, end uint64
		rows             int
		at               int // where the next copy's bytes go, if they fit there
		counts           [NumLevels]Counts
		// The largest that came of what has no room even in the empty ring; 0 if nothing has.
		largestRows, largestBytes int
	}
}

// slot is one request.
type slot struct {
	ready atomic.Bool // it is copied
	done  bool        // guarded by ring.mu: it waits for older ones to be given back
	level Level
	rows  int
	from  int // of its bytes
	size  int
	begun clock.Instant

	spoiled bool // there is no copy: it is dropped, and counts as too late

	unit     uint64
	run      int64
	degraded bool
	id       []byte
	inputs   []tensor.Tensor
	outputs  []tensor.Tensor
	shapes   []int64
}

// maxID is the longest id that is kept whole.
const maxID = 256

// newRing makes a ring for so many rows and bytes. A request has a row at least, so that there are never more slots in use than rows.
func newRing(rows, bytes int) *ring {
	return &ring{data: make([]byte, bytes), slots: make([]slot, rows), wake: make(chan struct{}, 1)}
}

// offer copies a request, if there is room and nobody else is at it.
func (r *ring) offer(q *Request, unit uint64, level Level, now clock.Instant) {
	rows, size := max(q.Rows, 1), max(bytesOf(q), 1)
	if !r.mu.TryLock() {
		r.busy[level].Add(1)
		return
	}
	c := &r.mu.counts[level]
	c.Seen++
	switch from, fits := r.place(size); {
	case r.mu.rows+rows > len(r.slots):
		c.Dropped[RingRows]++
		r.measure(rows, size)
	case !fits:
		c.Dropped[RingBytes]++
		r.measure(rows, size)
	default:
		s := &r.slots[r.mu.end%uint64(len(r.slots))]
		r.mu.end++
		r.mu.rows += rows
		r.mu.at = from + size
		c.Waiting++
		s.level, s.rows, s.from, s.size, s.begun, s.done = level, rows, from, size, now, false
		r.mu.Unlock()
		r.fill(s, q, unit)
		return
	}
	r.mu.Unlock()
}

// measure keeps the size of a request that will never have room. The caller holds the lock.
func (r *ring) measure(rows, size int) {
	if rows > len(r.slots) {
		r.mu.largestRows = max(r.mu.largestRows, rows)
	}
	if size > len(r.data) {
		r.mu.largestBytes = max(r.mu.largestBytes, size)
	}
}

// tooLarge says which requests are never mirrored for their size, and which setting moves that; empty if none came.
func (r *ring) tooLarge() string {
	r.mu.Lock()
	rows, bytes := r.mu.largestRows, r.mu.largestBytes
	r.mu.Unlock()
	var all []string
	for _, of := range []struct {
		most, limit   int
		what, setting string
	}{{rows, len(r.slots), "rows", "shadow.max_rows"}, {bytes, len(r.data), "bytes", "shadow.max_bytes"}} {
		if of.most > 0 {
			all = append(all, fmt.Sprintf("requests of more than %d %s are never mirrored, and one had %d: raise %s", of.limit, of.what, of.most, of.setting))
		}
	}
	return strings.Join(all, "; ")
}

// fill copies a request into its slot. A slot has to become ready in any case, since all newer ones wait for it: one whose copy has panicked,
// as it may where tensors and schema do not fit, is spoiled.
func (r *ring) fill(s *slot, q *Request, unit uint64) {
	s.spoiled = true
	defer func() {
		s.ready.Store(true)
		r.ring()
	}()
	s.copy(r.data[s.from:s.from+s.size:s.from+s.size], q, unit)
	s.spoiled = false
}

// refuse counts a request that is not even tried.
func (r *ring) refuse(level Level, why Reason) {
	if !r.mu.TryLock() {
		r.busy[level].Add(1)
		return
	}
	defer r.mu.Unlock()
	r.mu.counts[level].Seen++
	r.mu.counts[level].Dropped[why]++
}

// ring wakes a sender.
func (r *ring) ring() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// place finds room for a copy in one piece. The caller holds the lock.
func (r *ring) place(size int) (from int, fits bool) {
	if r.mu.first == r.mu.end {
		return 0, size <= len(r.data)
	}
	oldest := r.slots[r.mu.first%uint64(len(r.slots))].from
	switch {
	case r.mu.at > oldest && len(r.data)-r.mu.at >= size: // behind the newest
		return r.mu.at, true
	case r.mu.at > oldest: // at the beginning; never up to the oldest, which would look empty
		return 0, size < oldest
	}
	return r.mu.at, oldest-r.mu.at > size
}

// waits tells whether a request waits for a sender.
func (r *ring) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.next != r.mu.end
}

// take gives a sender the oldest request that waits; nil if none does. It is the sender's until settle.
func (r *ring) take() *slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.next == r.mu.end {
		return nil
	}
	s := &r.slots[r.mu.next%uint64(len(r.slots))]
	if !s.ready.Load() {
		return nil // its copy is under way, and wakes a sender
	}
	r.mu.next++
	if r.mu.next != r.mu.end {
		r.ring() // another sender may take the next
	}
	return s
}

// fate is what became of a request.
type fate func(c *Counts)

func compared(c *Counts) { c.Compared++ }

func failed(why Failure) fate { return func(c *Counts) { c.Failed[why]++ } }

func dropped(why Reason) fate { return func(c *Counts) { c.Dropped[why]++ } }

// settle counts what became of a request, and gives its memory back.
func (r *ring) settle(s *slot, end fate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.mu.counts[s.level]
	c.Waiting--
	end(c)
	s.done = true
	for r.mu.first != r.mu.next {
		oldest := &r.slots[r.mu.first%uint64(len(r.slots))]
		if !oldest.done {
			return
		}
		oldest.ready.Store(false)
		oldest.done = false
		r.mu.rows -= oldest.rows
		r.mu.first++
	}
}

// drop empties the ring of what has not been taken.
func (r *ring) drop(why Reason) {
	for s := r.take(); s != nil; s = r.take() {
		r.settle(s, dropped(why))
	}
}

// read returns the account by level, and how full the ring is.
func (r *ring) read() (counts [NumLevels]Counts, full float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts = r.mu.counts
	for l := range counts {
		n := r.busy[l].Load()
		counts[l].Seen += n
		counts[l].Dropped[Busy] += n
	}
	used := 0
	if r.mu.first != r.mu.end {
		if used = r.mu.at - r.slots[r.mu.first%uint64(len(r.slots))].from; used <= 0 {
			used += len(r.data)
		}
	}
	return counts, max(float64(r.mu.rows)/float64(len(r.slots)), float64(used)/float64(len(r.data)))
}

// bytesOf is what a request's copy takes.
func bytesOf(q *Request) (n int) {
	for _, all := range [...][]tensor.Tensor{q.Inputs, q.Optional, q.Outputs} {
		for i := range all {
			n += len(all[i].Data)
		}
	}
	return n
}

// copy fills a slot. Names are those of the schema, since a request's own are views of its bytes.
func (s *slot) copy(into []byte, q *Request, unit uint64) {
	s.unit, s.run, s.degraded = unit, int64(q.Run), q.Degraded
	s.id = append(s.id[:0], q.ID[:min(len(q.ID), maxID)]...)
	s.inputs, s.outputs, s.shapes = s.inputs[:0], s.outputs[:0], s.shapes[:0]
	keep := func(to []tensor.Tensor, all []tensor.Tensor, specs []tensor.Spec) []tensor.Tensor {
		for i := range all {
			t := &all[i]
			if t.Type == tensor.Invalid || i >= len(specs) {
				continue
			}
			n := copy(into, t.Data)
			at := len(s.shapes)
			s.shapes = append(s.shapes, t.Shape...)
			to = append(to, tensor.Tensor{Name: specs[i].Name, Type: t.Type, Shape: s.shapes[at:len(s.shapes):len(s.shapes)], Data: into[:n:n]})
			into = into[n:]
		}
		return to
	}
	s.inputs = keep(s.inputs, q.Inputs, q.Schema.Inputs)
	s.inputs = keep(s.inputs, q.Optional, q.Schema.Optional)
	s.outputs = keep(s.outputs, q.Outputs, q.Schema.Outputs)
}
