package trial

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"

	"sluice/internal/memory"
	"sluice/models/bundle"
)

// Loads that go on at the same time share the memory that is left: each trial is given its part of
// it, so that together they stay below the ceiling, with the sessions that follow. A model for which its
// part does not do is tried again when no other load goes on, with all that is left.

// ErrShort says that a trial ended for want of memory.
var ErrShort = errors.New("the memory did not do")

// leastMemory is what a trial may hold where next to nothing is left: the library alone takes half.
const leastMemory = 128 << 20

// leastParseMemory is what parsing may reserve in any case: a process of Go and C begins with half.
const leastParseMemory = 256 << 20

// readMemory is what parsing the bundle's files may reserve.
func (r *Runner) readMemory(b *bundle.Bundle, o *Options) int64 {
	if r.ReadMemory > 0 {
		return r.ReadMemory
	}
	return min(parseMemory+b.ModelBytes(), max(r.memory(o), leastParseMemory))
}

// memory is what loading and running may hold. A model that takes more than is left cannot be served
// beside what is.
func (r *Runner) memory(o *Options) int64 {
	if r.Memory > 0 {
		return r.Memory
	}
	most := int64(math.MaxInt64)
	var machine unix.Sysinfo_t
	if unix.Sysinfo(&machine) == nil {
		most = int64(machine.Totalram * uint64(machine.Unit) / 4 * 3) //nolint:gosec // no machine has 2^63 bytes
	}
	if o.Ceiling > 0 {
		// Not all: the look at what it holds comes a little late, and requests go on meanwhile.
		most = min(most, (o.Ceiling-memory.Own("RssAnon"))/4*3)
	}
	return max(most/int64(max(o.AtOnce, 1)), leastMemory)
}

// MemoryCeiling is the memory that the process may take.
func MemoryCeiling() int64 {
	ceiling, err := memory.Limit()
	if err != nil {
		return math.MaxInt64 // nobody knows, so nothing is bounded by it
	}
	return ceiling.Bytes
}
