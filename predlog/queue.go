package predlog

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// buffer holds whole frames.
type buffer struct {
	frames  []byte
	records int
}

// Buffers are kept by the power of two that their memory is.
const smallest, largest = 10, 20

var buffers [largest + 1]sync.Pool

// getBuffer returns an empty buffer with memory for so many bytes.
func getBuffer(bytes int) *buffer {
	class := max(bits.Len(uint(bytes-1)), smallest)
	if class > largest {
		return &buffer{frames: make([]byte, 0, bytes)}
	}
	if b, ok := buffers[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{frames: make([]byte, 0, 1<<class)}
}

func (b *buffer) put() {
	if class := bits.Len(uint(cap(b.frames))) - 1; class >= smallest && class <= largest && cap(b.frames) == 1<<class {
		b.frames, b.records = b.frames[:0], 0
		buffers[class].Put(b)
	}
}

const (
	// smallFrame is the largest frame that is copied behind others. Its own buffer is used again at once, and so stays
	// in the cache of its core. Larger ones are handed over as they are.
	smallFrame = 4 << 10
	// gathering is the memory of a buffer that small frames are copied into. It goes into one write.
	gathering = 64 << 10
)

// queue holds what waits for the disk, within a bound in records and in bytes.
type queue struct {
	mostBytes, mostRecords int64
	// full says that a record did not fit and nothing was written since: the next one is not encoded. It changes
	// under the lock, so that something waits while it is set.
	full atomic.Bool
	wake chan struct{} // of size 1: half of the queue is full

	// The lock is held while a small frame is copied at most.
	mu struct {
		sync.Mutex
		waiting        []*buffer // the last one takes small frames while it has room
		bytes, records int64     // waiting and being written
	}
}

// tryPut queues a buffer with one frame, and takes it over.
func (q *queue) tryPut(b *buffer) bool {
	n := int64(len(b.frames))
	q.mu.Lock()
	if q.mu.records == q.mostRecords || q.mu.bytes+n > q.mostBytes {
		q.full.Store(true)
		q.mu.Unlock()
		b.put()
		return false
	}
	q.mu.bytes += n
	q.mu.records++
	half := q.mu.bytes > q.mostBytes/2 || q.mu.records > q.mostRecords/2
	small := n <= smallFrame
	if small {
		into := q.room(len(b.frames))
		into.frames = append(into.frames, b.frames...)
		into.records++
	} else {
		q.mu.waiting = append(q.mu.waiting, b)
	}
	q.mu.Unlock()
	if small {
		b.put()
	}
	if half {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// room is a waiting buffer with memory for so many bytes. The caller holds the lock.
func (q *queue) room(bytes int) *buffer {
	if n := len(q.mu.waiting); n > 0 {
		if last := q.mu.waiting[n-1]; cap(last.frames)-len(last.frames) >= bytes {
			return last
		}
	}
	b := getBuffer(gathering)
	q.mu.waiting = append(q.mu.waiting, b)
	return b
}

// take moves what waits into an empty slice.
func (q *queue) take(into []*buffer) []*buffer {
	q.mu.Lock()
	defer q.mu.Unlock()
	into, q.mu.waiting = q.mu.waiting, into
	return into
}

// done gives the room of a buffer back that is written or dropped, and the buffer.
func (q *queue) done(b *buffer) {
	q.mu.Lock()
	q.mu.bytes -= int64(len(b.frames))
	q.mu.records -= int64(b.records)
	q.full.Store(false)
	q.mu.Unlock()
	b.put()
}

// load is what waits or is being written.
func (q *queue) load() (bytes, records int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.bytes, q.mu.records
}
