package provider

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

static const char *sluice_open(const char *name, void **handle) {
  *handle = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  return *handle ? 0 : dlerror();
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

// The providers that are libraries of their own; ONNX Runtime looks for them beside itself alone.
const (
	sharedProvider   = "libonnxruntime_providers_shared.so"
	cudaProvider     = "libonnxruntime_providers_cuda.so"
	tensorrtProvider = "libonnxruntime_providers_tensorrt.so"
)

// besideLibrary says in one sentence what ONNX Runtime would say in many.
func besideLibrary(library, name string) error {
	for _, file := range []string{sharedProvider, name} {
		if !exists(beside(library, file)) {
			return fmt.Errorf("this build of ONNX Runtime lacks the provider: %s does not lie beside %s; set onnxruntime.library to a build for CUDA (scripts/onnxruntime.sh --cuda fetches one)", file, library)
		}
	}
	return nil
}

// beside is the path of a file in a library's folder.
func beside(library, file string) string { return filepath.Join(filepath.Dir(library), file) }

// loadOrder is the order in which a provider's libraries are opened: each after those that it
// needs. What is not listed comes last.
var loadOrder = []string{
	"libcudart.so", "libnvJitLink.so", "libcublasLt.so", "libcublas.so", "libnvrtc.so", "libcufft.so", "libcurand.so", "libcudnn.so",
	"libnvinfer.so", "libnvinfer_plugin.so", "libnvonnxparser.so", "libvulkan.so",
}

// OpenFolders opens the libraries that the providers beside ONNX Runtime need, and the Vulkan
// loader, from the configured folders, for all of the process. The wheels of PyPI and a plain
// unpacked folder lie off the loader's path; a library that is open is found by its name. What
// the folders lack is left to the loader.
func OpenFolders(folders []string, providersDir string) error {
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
