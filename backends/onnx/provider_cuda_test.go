package onnx

import (
	"errors"
	"testing"
)

func TestCUDASentences(t *testing.T) {
	const line = "/onnxruntime_src/x.cc:63 static FromProviderOptions(const onnxruntime::ProviderOptions&) [ONNXRuntimeError] : 1 : FAIL : Parse Failed to parse provider option \"device_id\":\n" +
		"CUDA failure 2: out of memory ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/x.cc ; line=70 ; expr=cudaGetDeviceCount(&num_devices);"
	if got := explainCUDA(errors.New(line)).Error(); got != "the GPU's memory is full: end what else uses it, or use another GPU (CUDA error 2: out of memory)" {
		t.Errorf("said %q", got)
	}
	other := errors.New("device cuda:0 computes wrongly")
	if got := explainCUDA(other); !errors.Is(got, other) {
		t.Errorf("another error became %q", got)
	}
	if explainCUDA(nil) != nil {
		t.Error("no error became one")
	}
	f := func(code, major int, want string) {
		t.Helper()
		if got := cudaSentence(code, "said", major).Error(); got != want {
			t.Errorf("error %d of CUDA %d: %q, want %q", code, major, got, want)
		}
	}
	f(35, 12, "NVIDIA's driver is too old for CUDA 12, which this build of ONNX Runtime uses: install driver 525 or newer, or a build of ONNX Runtime for an older CUDA (CUDA error 35: said)")
	f(46, 13, "CUDA cannot be used: see whether nvidia-smi works (CUDA error 46: said)")
}
