package onnx

import (
	"errors"
	"testing"

	"sluice/internal/device"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// TestDeviceFaults: what the providers say, as ONNX Runtime writes it.
func TestDeviceFaults(t *testing.T) {
	f := func(kind device.Kind, text string, failed, sticky bool) {
		t.Helper()
		err := runFault(kind, errors.New(text))
		if gotFailed, gotSticky := task.DeviceFailed(err); gotFailed != failed || gotSticky != sticky {
			t.Errorf("%v, %q: the device failed %v, for good %v; want %v, %v", kind, text, gotFailed, gotSticky, failed, sticky)
		}
		if fault.Of(err).Kind == fault.Internal {
			t.Errorf("%q has no kind: %v", text, err)
		}
	}
	illegal := "Non-zero status code returned while running MatMul node. Name:'a' Status Message: CUDA failure 700: an illegal memory access was encountered ; GPU=0"
	f(device.CUDA, illegal, true, true)
	f(device.TensorRT, illegal, true, true)
	f(device.CUDA, "CUDA failure 719: unspecified launch failure ; GPU=0", true, true)
	f(device.CUDA, "CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0", true, true)
	f(device.CUDA, "Non-zero status code returned while running Conv node. Name:'' Status Message: bfc_arena.cc:376 BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1073741824", true, false)
	f(device.CUDA, "CUDA failure 2: out of memory ; GPU=0", true, false)
	f(device.CUDA, "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0", true, false)
	f(device.CUDA, "CUDA failure 1: invalid argument ; GPU=0", true, false)
	f(device.TensorRT, "TensorRT EP execution context enqueue failed.", true, false)
	f(device.WebGPU, "WebGPU device lost (2): Device was destroyed.", true, true)
	f(device.WebGPU, "WebGPU validation failed. [CommandEncoder (unlabeled)] is already finished.", true, true)

	rejected := "Non-zero status code returned while running Gather node. Name:'' Status Message: indices element out of data bounds, idx=10 must be within the inclusive range [-4,3]"
	f(device.CUDA, rejected, false, false)
	f(device.CPU, illegal, false, false)
	if !fault.Is(runFault(device.CUDA, errors.New(rejected)), fault.ModelRejectedInput) {
		t.Error("values that an operator refuses are blamed on the device")
	}
	if runFault(device.CUDA, nil) != nil {
		t.Error("a good run is a fault")
	}
}
