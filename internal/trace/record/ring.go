package record

import (
	"sync/atomic"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/trace"
)

// Arrival is a request as it came. What a trace cannot hold is brought within its limits.
type Arrival struct {
	// At is the instant of its arrival, not that of recording.
	At clock.Instant
	// Model is kept: it must not be a view of a buffer.
	Model string
	Rows  int
	// Bytes and Shape are as in trace.Arrival; Dims is the dimensions of Shape in use.
	Bytes    int64
	Shape    [trace.MaxShape]int64
	Dims     int
	Budget   time.Duration // 0 means the model's own
	Priority task.Priority
	// Version is kept, as Model is.
	Version string
	// Fault is why there was no answer; None if there was one. Late is as in trace.Arrival.
	Fault fault.Kind
	Late  bool

	id       [trace.MaxID]byte
	idLength uint8 // at most MaxID
	body     *body // nil without one
}

// SetID copies the request's id, as far as a trace takes it.
func (a *Arrival) SetID(id []byte) { a.idLength = uint8(copy(a.id[:], id)) }

// ring is a bounded queue that many put into and one takes from, without a lock: a putter that
// the kernel stops in the middle holds up the taker and no other putter. It is the array-based
// queue by Dmitry Vyukov ("Bounded MPMC queue", 1024cores.net, 2010), with a single taker.
//
// A slot's turn says whose it is: equal to a ticket, it is free for the putter with that
// ticket; one more, it holds that putter's arrival.
type ring struct {
	slots []slot
	_     [64]byte // the two ends are on cache lines of their own
	tail  atomic.Uint64
	_     [64]byte
	head  uint64 // the taker's alone
}

type slot struct {
	turn    atomic.Uint64
	arrival Arrival
}

// newRing takes a size that is a power of two.
func newRing(size int) *ring {
	r := &ring{slots: make([]slot, size)}
	for i := range r.slots {
		r.slots[i].turn.Store(uint64(i))
	}
	return r
}

func (r *ring) at(ticket uint64) *slot { return &r.slots[ticket&uint64(len(r.slots)-1)] }

// tryPut copies an arrival in; false if the ring is full.
func (r *ring) tryPut(a *Arrival) bool {
	for ticket := r.tail.Load(); ; {
		s := r.at(ticket)
		switch turn := s.turn.Load(); {
		case turn == ticket:
			if r.tail.CompareAndSwap(ticket, ticket+1) {
				s.arrival = *a
				s.turn.Store(ticket + 1)
				return true
			}
			ticket = r.tail.Load()
		case turn < ticket: // what was put a round ago is still there
			return false
		default:
			ticket = r.tail.Load()
		}
	}
}

// take moves the next arrival out; false if there is none.
func (r *ring) take(a *Arrival) bool {
	s := r.at(r.head)
	if s.turn.Load() != r.head+1 {
		return false
	}
	*a = s.arrival
	s.arrival.body = nil
	s.turn.Store(r.head + uint64(len(r.slots)))
	r.head++
	return true
}
