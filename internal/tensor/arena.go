package tensor

import (
	"unsafe"

	"sluice/internal/memory"
)

// Arena hands out byte slices that live until Reset. It keeps its memory, so a
// pooled arena stops allocating once it has seen its usual load. The zero value is
// ready. It is not safe for concurrent use.
type Arena struct {
	chunk []byte // current chunk; its length is what is taken
	used  int    // bytes taken since Reset, all chunks together
	claim int64  // bytes asked for with Claim since Reset
	hold  memory.Hold
}

// maxKept bounds the memory that an idle arena holds on to.
const maxKept = 1 << 20

const minChunk = 4 << 10

// Claim says that n bytes more are about to be allocated, and counts them against a budget until
// Reset, but for the first few kilobytes. It is false if the budget lacks them.
func (a *Arena) Claim(budget *memory.Budget, n int) bool {
	a.claim += int64(n)
	return a.claim <= minChunk || a.hold.Grow(budget, a.claim)
}

// Alloc returns n bytes, 8-byte aligned, with unspecified content.
func (a *Arena) Alloc(n int) []byte {
	start := (len(a.chunk) + 7) &^ 7
	if start+n > cap(a.chunk) {
		// Older slices keep the old chunk alive; only the newest is kept for reuse.
		a.chunk = make([]byte, 0, max(minChunk, min(2*cap(a.chunk), maxKept), n))
		start = 0
	}
	a.chunk = a.chunk[:start+n]
	a.used += n
	return a.chunk[start : start+n : start+n]
}

// KeepShape copies dims, so that a shape lives as long as its data.
func (a *Arena) KeepShape(dims []int64) []int64 {
	if len(dims) == 0 {
		return []int64{}
	}
	kept := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(a.Alloc(8*len(dims))))), len(dims))
	copy(kept, dims)
	return kept
}

// Used is the bytes handed out since the last Reset.
func (a *Arena) Used() int { return a.used }

// Reset takes back all that was handed out. Oversized memory is let go.
func (a *Arena) Reset() {
	if cap(a.chunk) > maxKept {
		a.chunk = nil
	}
	a.chunk = a.chunk[:0]
	a.used, a.claim = 0, 0
	a.hold.Release()
}
