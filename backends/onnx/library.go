package onnx

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#include "call.h"

static const char *sluice_open_own(const char *name, void **handle) {
  *handle = dlopen(name, RTLD_LAZY);
  return *handle ? 0 : dlerror();
}

// The start of ONNX Runtime's interface, the same in every version.
typedef struct {
  const void *const *(*api)(uint32_t version);
  const char *(*version)(void);
} sluice_base;

static const sluice_base *sluice_base_of(void *handle) {
  const sluice_base *(*base)(void) = (const sluice_base *(*)(void))dlsym(handle, "OrtGetApiBase");
  return base ? base() : 0;
}

static const char *sluice_library_version(void *handle) {
  const sluice_base *base = sluice_base_of(handle);
  return base ? base->version() : 0;
}

// Takes the interface of a version of the library for the functions that onnxruntime_go leaves out.
static void sluice_use_interface(void *handle, uint32_t version) {
  const sluice_base *base = sluice_base_of(handle);
  sluice_use(base ? base->api(version) : 0);
}
*/
import "C"

import (
	"errors"
	"unsafe"
)

// libraryVersion opens the ONNX Runtime at path for good, and returns its version.
func libraryVersion(path string) (string, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var handle unsafe.Pointer
	// The flags are those of the binding, which opens it again: nothing of it is shown to other
	// libraries.
	if message := C.sluice_open_own(name, &handle); message != nil {
		return "", errors.New(C.GoString(message))
	}
	version := C.sluice_library_version(handle)
	if version == nil {
		return "", errors.New("it is another library: it has no OrtGetApiBase")
	}
	// Statuses have codes that onnxruntime_go does not hand on.
	C.sluice_use_interface(handle, oldestMinor)
	return C.GoString(version), nil
}
