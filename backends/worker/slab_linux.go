package worker

import (
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// memoryName is what slabs are called in /proc.
const memoryName = "sluice-worker"

// seals fix a slab's size for good: a shrunk one would end whoever touches the lost part.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// slab is memory that two processes map. It is counted: its process's remote holds it, and
// so does each lane whose last batch lies in it. It is unmapped when nobody does.
type slab struct {
	bytes []byte
	refs  atomic.Int32
}

// newSlab makes one with a reference, and its descriptor for the other process.
func newSlab(size int) (*slab, *os.File, error) {
	f, err := newMemory(size)
	if err != nil {
		return nil, nil, err
	}
	bytes, err := mapMemory(f, size)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	s := &slab{bytes: bytes}
	s.refs.Store(1)
	return s, f, nil
}

// newMemory makes a sealed memfd of that size. Its pages are allocated when touched.
func newMemory(size int) (*os.File, error) {
	fd, err := unix.MemfdCreate(memoryName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("cannot create shared memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), memoryName)
	if err = f.Truncate(int64(size)); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot create %d bytes of shared memory: %w", size, err)
	}
	return f, nil
}

// mapMemory maps shared memory, after checking that it is as large as that for good.
func mapMemory(f *os.File, size int) ([]byte, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return nil, fmt.Errorf("cannot look at shared memory: %w", err)
	}
	got, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || got&unix.F_SEAL_SHRINK == 0 || stat.Size != int64(size) {
		return nil, fmt.Errorf("shared memory of %d bytes with the seals %#x; %d sealed bytes are wanted", stat.Size, got, size)
	}
	bytes, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("cannot map %d bytes of shared memory: %w", size, err)
	}
	return bytes, nil
}

// retain adds a reference, unless the slab is gone.
func (s *slab) retain() bool {
	for n := s.refs.Load(); n > 0; n = s.refs.Load() {
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// release drops a reference.
func (s *slab) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	if err := unix.Munmap(s.bytes); err != nil {
		panic("BUG: a slab cannot be unmapped: " + err.Error())
	}
	s.bytes = nil
}
