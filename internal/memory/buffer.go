package memory

import (
	"math/bits"
	"sync"
)

// Buffer holds bytes of a request or an answer. It grows as they come, by doubling, and counts what
// it takes against a budget before it takes it. Buffers of up to MaxPooled go back to a pool of
// their size; larger ones are left to the collector. The zero value is ready.
type Buffer struct {
	Bytes []byte
	slab  *slab // Bytes is of it; nil if it is of no pool
	hold  Hold
}

// Uncounted is how much of a request may be in memory without being counted, at each of its stages: it
// is bounded by the number of connections.
const Uncounted = 4 << 10

// MaxPooled is the largest buffer that is pooled, and the most that an idle owner of one should hold on to.
const MaxPooled = 1 << 20

// slab is a pooled buffer; a pointer to it goes through a pool without an allocation.
type slab struct{ bytes []byte }

// slabs are the pools, by the power of two from Uncounted to MaxPooled.
var slabs [9]sync.Pool

// sizeClass is the pool of the smallest slabs that hold n bytes.
func sizeClass(n int) int {
	return max(bits.Len(uint(max(n-1, 0)))-bits.Len(uint(Uncounted-1)), 0)
}

// Grow makes room for n bytes in all. It is false if the budget lacks them.
func (b *Buffer) Grow(budget *Budget, n int) bool {
	if n <= cap(b.Bytes) {
		return true
	}
	size, class := n, sizeClass(n)
	if class < len(slabs) {
		size = Uncounted << class
	}
	if size > Uncounted && !b.hold.Grow(budget, int64(size)) {
		return false
	}
	old, had := b.Bytes, b.slab
	if class < len(slabs) {
		if b.slab, _ = slabs[class].Get().(*slab); b.slab == nil {
			b.slab = &slab{make([]byte, 0, size)}
		}
		b.Bytes = b.slab.bytes
	} else {
		b.slab, b.Bytes = nil, make([]byte, 0, size)
	}
	b.Bytes = append(b.Bytes, old...)
	had.put()
	return true
}

// Room is free space behind the bytes, at least one byte of it, for up to most more. It is nil if the
// budget lacks it.
func (b *Buffer) Room(budget *Budget, most int) []byte {
	if len(b.Bytes) == cap(b.Bytes) && !b.Grow(budget, min(len(b.Bytes)+most, max(2*cap(b.Bytes), Uncounted))) {
		return nil
	}
	return b.Bytes[len(b.Bytes):min(cap(b.Bytes), len(b.Bytes)+most)]
}

// Append appends p; false if the budget lacks the room. most is how many bytes may come in all.
func (b *Buffer) Append(budget *Budget, p []byte, most int) bool {
	if n := len(b.Bytes) + len(p); n > cap(b.Bytes) && !b.Grow(budget, max(n, min(2*cap(b.Bytes), most))) {
		return false
	}
	b.Bytes = append(b.Bytes, p...)
	return true
}

// Extend takes in n bytes that were read into Room.
func (b *Buffer) Extend(n int) { b.Bytes = b.Bytes[:len(b.Bytes)+n] }

// Count counts n bytes in all, wherever they lie. It is false if the budget lacks them.
func (b *Buffer) Count(budget *Budget, n int) bool { return b.hold.Grow(budget, int64(n)) }

// Release empties the buffer; nobody may look at its bytes any more.
func (b *Buffer) Release() {
	if b.hold.Bytes() == 0 && cap(b.Bytes) <= Uncounted {
		b.Bytes = b.Bytes[:0]
		return
	}
	b.slab.put()
	b.hold.Release()
	b.Bytes, b.slab = nil, nil
}

// Abandon is Release where somebody may still look at the bytes.
func (b *Buffer) Abandon() {
	b.hold.Release()
	b.Bytes, b.slab = nil, nil
}

// Move hands the buffer on; b is empty afterwards.
func (b *Buffer) Move() Buffer {
	moved := *b
	*b = Buffer{}
	return moved
}

func (s *slab) put() {
	if s != nil {
		s.bytes = s.bytes[:0]
		slabs[sizeClass(cap(s.bytes))].Put(s)
	}
}
