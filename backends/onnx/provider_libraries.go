package onnx

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#include "call.h"

static const char *sluice_open(const char *name, void **handle) {
  *handle = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  return *handle ? 0 : dlerror();
}

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

// TensorRT's version as one number, 0 if the library is not here.
static int32_t sluice_tensorrt_version(void) {
  void *handle = dlopen("libnvinfer.so.10", RTLD_NOW | RTLD_NOLOAD);
  if (!handle) return 0;
  int32_t (*version)(void) = (int32_t (*)(void))dlsym(handle, "getInferLibVersion");
  return version ? version() : 0;
}
*/
import "C"

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"
)

// loadOrder is the order in which a provider's libraries are opened: each after those that it
// needs. What is not listed comes last.
var loadOrder = []string{
	"libcudart.so", "libnvJitLink.so", "libcublasLt.so", "libcublas.so", "libnvrtc.so", "libcufft.so", "libcurand.so", "libcudnn.so",
	"libnvinfer.so", "libnvinfer_plugin.so", "libnvonnxparser.so", "libvulkan.so",
}

// openFolders opens the libraries that the providers beside ONNX Runtime need, and the Vulkan
// loader, from the configured folders, for all of the process. The wheels of PyPI and a plain
// unpacked folder lie off the loader's path; a library that is open is found by its name. What
// the folders lack is left to the loader.
func openFolders(folders []string, providersDir string) error {
	if len(folders) == 0 {
		return nil
	}
	var places []string
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil {
			return fmt.Errorf("cannot use a library folder: %w", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("cannot use the library folder %s: it is a file; name the folder that holds it", folder)
		}
		below, _ := filepath.Glob(filepath.Join(folder, "*", "lib")) // as PyPI's nvidia/cudnn/lib
		places = append(append(places, folder), below...)
	}
	for _, name := range inLoadOrder(append(neededLibraries(providersDir), "libvulkan.so.1")) {
		for _, place := range places {
			path := filepath.Join(place, name)
			if !exists(path) {
				continue
			}
			if err := openLibrary(path); err != nil {
				return fmt.Errorf("cannot open %s from a library folder: %w", name, err)
			}
			break
		}
	}
	return nil
}

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

// openLibrary opens a shared library for all of the process, and never closes it.
func openLibrary(name string) error {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	var handle unsafe.Pointer
	if message := C.sluice_open(text, &handle); message != nil {
		return errors.New(C.GoString(message))
	}
	return nil
}

// cudnn is named here since a build for CUDA 13 opens it when a node wants it, and so does not
// name it as needed. Without it no convolution runs.
const cudnn = "libcudnn.so.9"

// sought are the libraries that CUDA's provider opens by itself, and cuDNN in its turn, by the
// major version of CUDA.
var sought = map[int][]string{
	12: {"libnvrtc.so.12", "libcufft.so.11", cudnn},
	13: {"libnvrtc.so.13", "libcufft.so.12", cudnn},
}

// neededLibraries are what the provider libraries in a folder ask the loader for, then or
// later, without the system's own.
func neededLibraries(dir string) []string {
	var names []string
	for _, provider := range []string{cudaProvider, tensorrtProvider} {
		names = append(names, imports(filepath.Join(dir, provider))...)
	}
	names = append(names, sought[cudaMajor(names)]...)
	return slices.Compact(inLoadOrder(names))
}

// imports are the GPU libraries that a shared library names as needed; none if it cannot be read.
func imports(path string) []string {
	file, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	names, err := file.ImportedLibraries()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, "libcu") && !strings.HasPrefix(name, "libnv")
	})
}

func inLoadOrder(names []string) []string {
	rank := func(name string) int {
		for i, stem := range loadOrder {
			if name == stem || strings.HasPrefix(name, stem+".") {
				return i
			}
		}
		return len(loadOrder)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		if ra, rb := rank(a), rank(b); ra != rb {
			return ra - rb
		}
		return strings.Compare(a, b)
	})
	return names
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tensorrtVersion is the version of the open TensorRT; empty if there is none.
func tensorrtVersion() string {
	n := int(C.sluice_tensorrt_version())
	switch {
	case n == 0:
		return ""
	case n >= 100_000: // from TensorRT 10 on
		return fmt.Sprintf("%d.%d.%d", n/10_000, n/100%100, n%100)
	}
	return fmt.Sprintf("%d.%d.%d", n/1000, n/100%10, n%100)
}
