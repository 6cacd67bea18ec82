package onnx

/*
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *slab_new(size_t size, size_t large) {
  void *p = 0;
  if (size < large) {
    if (posix_memalign(&p, 64, size)) return 0;
    return memset(p, 0, size);
  }
  p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return 0;
  madvise(p, size, MADV_HUGEPAGE);  // advice: without it all works too
  return p;
}

static void slab_free(void *p, size_t size, size_t large) {
  if (size < large) free(p);
  else munmap(p, size);
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// slab is zeroed C memory: it never moves, so ONNX Runtime may keep its address.
type slab struct {
	bytes []byte
	given bool // it belongs to somebody else
}

// Slabs from here on are mapped on their own: pages that no batch reaches are never
// touched, and all of it goes back to the system.
const mappedSize = 2 << 20

// ensure makes the slab hold at least n bytes. It reports whether the memory moved,
// which invalidates tensors over it; the content is then zero.
func (s *slab) ensure(n int) (moved bool, err error) {
	if n <= len(s.bytes) && s.bytes != nil {
		return false, nil
	}
	if s.given {
		return false, fmt.Errorf("%d bytes of memory were given for a batch of %d", len(s.bytes), n)
	}
	size := max(n, 2*len(s.bytes), 64)
	p := C.slab_new(C.size_t(size), mappedSize)
	if p == nil {
		return false, fmt.Errorf("cannot allocate %d bytes of memory for a batch", size)
	}
	s.free()
	s.bytes = unsafe.Slice((*byte)(p), size)
	return true, nil
}

// adopt makes memory of somebody else's, which must hold n bytes, the slab's.
func (s *slab) adopt(memory []byte, n int) error {
	if len(memory) < n {
		return fmt.Errorf("%d bytes of memory were given for a batch of %d", len(memory), n)
	}
	s.bytes, s.given = memory, true
	return nil
}

func (s *slab) pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s.bytes)) }

func (s *slab) free() {
	if s.bytes != nil && !s.given {
		C.slab_free(s.pointer(), C.size_t(len(s.bytes)), mappedSize)
	}
	s.bytes, s.given = nil, false
}
