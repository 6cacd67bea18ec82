package onnx

/*
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

static void sluice_bound_malloc(void) {
#ifdef __GLIBC__
  if (!getenv("MALLOC_MMAP_THRESHOLD_")) mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

static void sluice_trim_malloc(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
*/
import "C"

// The C library keeps what is freed for later: weights that a closed session had freed stayed with the
// process, and each reload of a model of 150 MiB took as much again, up to five times. It returns
// blocks at once that are large enough to be mapped by themselves, but raises the size from which they
// are to that of the largest block that was ever freed. boundMalloc fixes it at 1 MiB, for good: that
// is below the weights that matter, and above what a run takes beside its arena.
func boundMalloc() { C.sluice_bound_malloc() }

// trimMalloc returns what smaller blocks have left. It takes some milliseconds, in which allocations
// may have to wait: for when a session closes, not for a run.
func trimMalloc() { C.sluice_trim_malloc() }
