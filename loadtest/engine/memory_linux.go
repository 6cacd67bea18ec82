package engine

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/loadtest/sample"
)

// reserve gets memory for so many requests. An open loop's is touched beforehand, so that the
// first write to a page does not happen under load. How many requests a closed loop makes nobody
// knows: it gets the addresses for the most, and memory as it comes to use it. Go's own
// allocator would clear all of it first, which for gigabytes takes seconds.
func (e *Engine) reserve(n int) error {
	if e.opt.Closed == nil {
		e.samples, e.holder, e.ended = make([]sample.Sample, 0, n), make([]int32, 0, n), make([]uint32, 0, n)
		clear(e.samples[:n])
		clear(e.holder[:n])
		clear(e.ended[:n])
		return nil
	}
	const one = int(unsafe.Sizeof(sample.Sample{}) + unsafe.Sizeof(int32(0)) + unsafe.Sizeof(uint32(0)))
	memory, err := unix.Mmap(-1, 0, n*one, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("cannot get memory for %d requests: %w", n, err)
	}
	runtime.AddCleanup(e, func(memory []byte) { _ = unix.Munmap(memory) }, memory)
	at := unsafe.Pointer(unsafe.SliceData(memory)) // the samples first: they want the largest alignment
	e.samples = unsafe.Slice((*sample.Sample)(at), n)[:0]
	at = unsafe.Add(at, n*int(unsafe.Sizeof(sample.Sample{})))
	e.holder = unsafe.Slice((*int32)(at), n)[:0]
	e.ended = unsafe.Slice((*uint32)(unsafe.Add(at, 4*n)), n)[:0]
	return nil
}
