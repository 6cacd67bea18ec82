package onnx

/*
#include "call.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/backends/onnx/provider"
	"sluice/internal/remedy"
)

// The versions of the library that this package was tried with. The C interface that
// onnxruntime_go asks for first appeared in 1.24.
const (
	oldestMinor = 24
	newestMinor = 32
)

// Library is how to find ONNX Runtime.
type Library struct {
	// Path names libonnxruntime.so; relative paths count from the working directory.
	Path string
	// Folders hold libraries that lie off the loader's path and that a device needs: CUDA's, cuDNN's,
	// TensorRT's, the Vulkan loader. A folder of folders as PyPI's `nvidia` does too. They are
	// opened for the whole process, once, with the first call.
	Folders []string
}

var library struct {
	sync.Mutex
	path   string         // what Init was first called with
	err    error          // what came of it
	memory unsafe.Pointer // OrtMemoryInfo of host memory; lives as long as the process
}

// Init loads the library, once per process. Another call with the same path does
// nothing. The environment is never destroyed: the library's threads may outlive us.
func Init(lib Library) error {
	if lib.Path == "" {
		return errors.New("cannot load ONNX Runtime: no library is named, and none was found beside the binary: set SLUICE_ONNXRUNTIME to the path of libonnxruntime.so, which make run fetches in a clone of Sluice")
	}
	path, err := filepath.Abs(lib.Path)
	if err != nil {
		return fmt.Errorf("cannot load ONNX Runtime: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("cannot load ONNX Runtime from %s: %w; %s", path, remedy.File(err), right())
	}
	library.Lock()
	defer library.Unlock()
	switch library.path {
	case path:
		return library.err
	case "":
		library.path = path
		library.memory, library.err = load(path, lib.Folders)
		return library.err
	}
	return fmt.Errorf("cannot load ONNX Runtime from %s: a process can load one library, and tried %s", path, library.path)
}

func load(path string, folders []string) (memory unsafe.Pointer, err error) {
	// From 1.29 on the library sends usage data unless this is in the C environment
	// before it starts; later switches come after the first event.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return nil, fmt.Errorf("cannot switch telemetry off: %w", err)
	}
	boundMalloc()
	if err := reserveLocales(); err != nil {
		return nil, fmt.Errorf("cannot load ONNX Runtime: %w", err)
	}
	if C.sluice_linked() == 0 {
		return nil, errors.New("cannot load ONNX Runtime: this binary was linked without onnxruntime_go's C functions")
	}
	// A CUDA GPU's number is then nvidia-smi's, whichever is the fastest.
	if os.Getenv("CUDA_DEVICE_ORDER") == "" {
		os.Setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
	}
	if err := provider.OpenFolders(folders, filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("cannot load ONNX Runtime: %w", err)
	}
	// Before the binding asks for an interface that an old library does not have, with an
	// error that names no version.
	version, err := libraryVersion(path)
	if err != nil {
		return nil, fmt.Errorf("cannot load ONNX Runtime from %s: %s; %s", path, strings.TrimPrefix(err.Error(), path+": "), right())
	}
	if err := checkVersion(version); err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", path, err)
	}
	// Only fatal: what fails in a run is returned as an error, and a client must not
	// be able to fill the log.
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, fmt.Errorf("cannot load ONNX Runtime %s from %s: %w", version, path, err)
	}
	info, err := ort.GetMemoryInfo()
	if err != nil {
		return nil, fmt.Errorf("cannot load ONNX Runtime from %s: %w", path, err)
	}
	return unsafe.Pointer(info), nil
}

// right says which library is wanted.
func right() string {
	return fmt.Sprintf("name a libonnxruntime.so of versions 1.%d to 1.%d, as scripts/onnxruntime.sh fetches", oldestMinor, newestMinor)
}

// Version is the library's version, empty before Init.
func Version() string {
	library.Lock()
	defer library.Unlock()
	if library.memory == nil {
		return ""
	}
	return ort.GetVersion()
}

func checkVersion(version string) error {
	parts := strings.Split(version, ".")
	if len(parts) >= 2 && parts[0] == "1" {
		minor, err := strconv.Atoi(parts[1])
		if err == nil && minor >= oldestMinor && minor <= newestMinor {
			return nil
		}
	}
	return fmt.Errorf("it is ONNX Runtime %s; versions 1.%d to 1.%d are supported: name one of them, as scripts/onnxruntime.sh fetches", version, oldestMinor, newestMinor)
}
