package provider

import (
	"slices"
	"strings"

	"sluice/internal/device"
	"sluice/internal/task"
)

// Parts of messages by which a GPU's provider says that memory ran out: the next, smaller batch
// may run.
var outOfMemory = []string{
	"failed to allocate memory", "bfcarena", "out of memory", "outofmemory", "cuda failure 2:", "status_alloc_failed",
}

// Parts of messages after which nothing runs on the device until its process has been
// restarted: CUDA keeps such errors for the life of the process, and a lost WebGPU device stays
// lost.
var lostDevice = []string{
	"cuda failure 46:", "cuda failure 100:", "cuda failure 214:", "cuda failure 220:", "cuda failure 7", "cuda failure 999:",
	"status_execution_failed", "status_internal_error", "status_mapping_error",
	"device lost", "device is lost", "devicelost", "device was lost", "webgpu validation failed", "is already finished",
}

// Parts of messages that blame a GPU or its libraries otherwise.
var deviceTrouble = []string{"cuda failure ", "cublas failure ", "cudnn failure ", "cufft failure ", "enqueue failed"}

// Fault makes a device's error of what a GPU's provider said, and leaves any other as it is.
// On the CPU there is no device apart from the process.
func Fault(kind device.Kind, err error) error {
	if err == nil || !kind.GPU() {
		return err
	}
	text := strings.ToLower(err.Error())
	switch {
	case containsAny(text, outOfMemory):
		return &task.DeviceError{Cause: err}
	case containsAny(text, lostDevice):
		return &task.DeviceError{Sticky: true, Cause: err}
	case containsAny(text, deviceTrouble):
		return &task.DeviceError{Cause: err}
	}
	return err
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
