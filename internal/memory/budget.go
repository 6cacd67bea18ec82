package memory

import "sync/atomic"

// Budget bounds the bytes that many hold together. Who takes some must give them back, once. A nil
// Budget has no bound. All methods may be called at once.
type Budget struct {
	limit atomic.Int64
	used  atomic.Int64
}

// NewBudget makes a budget of limit bytes.
func NewBudget(limit int64) *Budget {
	b := &Budget{}
	b.limit.Store(limit)
	return b
}

// Take takes n bytes if they are there.
func (b *Budget) Take(n int64) bool {
	if b == nil || n <= 0 {
		return true
	}
	for {
		used := b.used.Load()
		if n > b.limit.Load()-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Give gives n bytes back.
func (b *Budget) Give(n int64) {
	if b != nil && n > 0 {
		b.used.Add(-n)
	}
}

// Limit is the most that can be taken.
func (b *Budget) Limit() int64 { return b.limit.Load() }

// SetLimit changes it. What is taken stays taken.
func (b *Budget) SetLimit(n int64) { b.limit.Store(n) }

// Used is what is taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Hold is what one request has taken of a budget. It is not safe for concurrent use.
type Hold struct {
	budget *Budget
	bytes  int64
}

// Grow raises the hold to n bytes, if it is lower and they are there.
func (h *Hold) Grow(b *Budget, n int64) bool {
	if n <= h.bytes {
		return true
	}
	if !b.Take(n - h.bytes) {
		return false
	}
	h.budget, h.bytes = b, n
	return true
}

// Shrink lowers the hold to n bytes, if it is higher.
func (h *Hold) Shrink(n int64) {
	if n < h.bytes {
		h.budget.Give(h.bytes - n)
		h.bytes = n
	}
}

// Bytes is what is held.
func (h *Hold) Bytes() int64 { return h.bytes }

// Release gives all of it back.
func (h *Hold) Release() { h.Shrink(0) }
