package predlog

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// buffer holds one frame: room for its header, and the payload.
type buffer struct{ frame []byte }

// Buffers are kept by the power of two that their memory is, so that what waits takes at most twice its bytes.
const smallest, largest = 10, 20

var buffers [largest + 1]sync.Pool

// getBuffer returns an empty buffer with memory for a frame of so many bytes.
func getBuffer(bytes int) *buffer {
	class := max(bits.Len(uint(bytes-1)), smallest)
	if class > largest {
		return &buffer{make([]byte, 0, bytes)}
	}
	if b, ok := buffers[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, 0, 1<<class)}
}

func (b *buffer) put() {
	if class := bits.Len(uint(cap(b.frame))) - 1; class >= smallest && class <= largest && cap(b.frame) == 1<<class {
		b.frame = b.frame[:0]
		buffers[class].Put(b)
	}
}

// queue holds what waits for the disk, within a bound in records and in bytes. Its lock is held for a
// few instructions.
type queue struct {
	mostBytes, mostRecords int64
	bytes, records         atomic.Int64 // waiting, being encoded and being written

	mu struct {
		sync.Mutex
		waiting []*buffer
	}
	wake chan struct{} // of size 1: half of the queue is full
}

// tryReserve takes room for a record before it is encoded.
func (q *queue) tryReserve(bytes int) bool {
	if q.records.Add(1) > q.mostRecords {
		q.records.Add(-1)
		return false
	}
	if q.bytes.Add(int64(bytes)) > q.mostBytes {
		q.bytes.Add(int64(-bytes))
		q.records.Add(-1)
		return false
	}
	return true
}

// put queues a frame for which room was reserved.
func (q *queue) put(b *buffer, reserved int) {
	n := q.bytes.Add(int64(len(b.frame) - reserved))
	q.mu.Lock()
	q.mu.waiting = append(q.mu.waiting, b)
	q.mu.Unlock()
	if n > q.mostBytes/2 || q.records.Load() > q.mostRecords/2 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take moves what waits into an empty slice.
func (q *queue) take(into []*buffer) []*buffer {
	q.mu.Lock()
	defer q.mu.Unlock()
	into, q.mu.waiting = q.mu.waiting, into
	return into
}

// done gives the room of frames back that are written or dropped, and the buffers.
func (q *queue) done(all []*buffer) {
	for _, b := range all {
		q.bytes.Add(int64(-len(b.frame)))
		q.records.Add(-1)
		b.put()
	}
}
