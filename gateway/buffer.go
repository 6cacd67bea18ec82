package gateway

import (
	"math/bits"
	"sync"

	"sluice/internal/memory"
)

// buffer holds bytes of a request or an answer. It grows as they come, by doubling, and counts what
// it takes against a budget before it takes it. Buffers of up to maxKeptBody go back to a pool of
// their size; larger ones are left to the collector. The zero value is ready.
type buffer struct {
	bytes []byte
	slab  *slab // bytes is of it; nil if it is of no pool
	hold  memory.Hold
}

// uncounted is how much of a request may be in memory without being counted, at each of its stages: it
// is bounded by the number of connections.
const uncounted = 4 << 10

// slab is a pooled buffer; a pointer to it goes through a pool without an allocation.
type slab struct{ bytes []byte }

// slabs are the pools, by the power of two from uncounted to maxKeptBody.
var slabs [9]sync.Pool

// sizeClass is the pool of the smallest slabs that hold n bytes.
func sizeClass(n int) int {
	return max(bits.Len(uint(max(n-1, 0)))-bits.Len(uint(uncounted-1)), 0)
}

// grow makes room for n bytes in all. It is false if the budget lacks them.
func (b *buffer) grow(budget *memory.Budget, n int) bool {
	if n <= cap(b.bytes) {
		return true
	}
	size, class := n, sizeClass(n)
	if class < len(slabs) {
		size = uncounted << class
	}
	if size > uncounted && !b.hold.Grow(budget, int64(size)) {
		return false
	}
	old, had := b.bytes, b.slab
	if class < len(slabs) {
		if b.slab, _ = slabs[class].Get().(*slab); b.slab == nil {
			b.slab = &slab{make([]byte, 0, size)}
		}
		b.bytes = b.slab.bytes
	} else {
		b.slab, b.bytes = nil, make([]byte, 0, size)
	}
	b.bytes = append(b.bytes, old...)
	had.put()
	return true
}

// room is free space behind the bytes, at least one byte of it, for up to most more. It is nil if the
// budget lacks it.
func (b *buffer) room(budget *memory.Budget, most int) []byte {
	if len(b.bytes) == cap(b.bytes) && !b.grow(budget, min(len(b.bytes)+most, max(2*cap(b.bytes), uncounted))) {
		return nil
	}
	return b.bytes[len(b.bytes):min(cap(b.bytes), len(b.bytes)+most)]
}

// append appends p; false if the budget lacks the room. most is how many bytes may come in all.
func (b *buffer) append(budget *memory.Budget, p []byte, most int) bool {
	if n := len(b.bytes) + len(p); n > cap(b.bytes) && !b.grow(budget, max(n, min(2*cap(b.bytes), most))) {
		return false
	}
	b.bytes = append(b.bytes, p...)
	return true
}

// extend takes in n bytes that were read into room.
func (b *buffer) extend(n int) { b.bytes = b.bytes[:len(b.bytes)+n] }

// release empties the buffer; nobody may look at its bytes any more.
func (b *buffer) release() {
	if b.hold.Bytes() == 0 && cap(b.bytes) <= uncounted {
		b.bytes = b.bytes[:0]
		return
	}
	b.slab.put()
	b.hold.Release()
	b.bytes, b.slab = nil, nil
}

// abandon is release where somebody may still look at the bytes.
func (b *buffer) abandon() {
	b.hold.Release()
	b.bytes, b.slab = nil, nil
}

// move hands the buffer on; b is empty afterwards.
func (b *buffer) move() buffer {
	moved := *b
	*b = buffer{}
	return moved
}

func (s *slab) put() {
	if s != nil {
		s.bytes = s.bytes[:0]
		slabs[sizeClass(cap(s.bytes))].Put(s)
	}
}
