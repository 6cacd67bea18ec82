package provider

import (
	"errors"
	"testing"

	"sluice/internal/device"
	"sluice/internal/onnxgen"
)

func TestCUDASentences(t *testing.T) {
	const line = "/onnxruntime_src/x.cc:63 static FromProviderOptions(const onnxruntime::ProviderOptions&) [ONNXRuntimeError] : 1 : FAIL : Parse Failed to parse provider option \"device_id\":\n" +
		"CUDA failure 2: out of memory ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/x.cc ; line=70 ; expr=cudaGetDeviceCount(&num_devices);"
	if got := Explain(device.CUDA, errors.New(line), "").Error(); got != "the GPU's memory is full: end what else uses it, or use another GPU (CUDA error 2: out of memory)" {
		t.Errorf("said %q", got)
	}
	other := errors.New("device cuda:0 computes wrongly")
	if got := Explain(device.CUDA, other, ""); !errors.Is(got, other) {
		t.Errorf("another error became %q", got)
	}
	if Explain(device.CUDA, nil, "") != nil {
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

func TestModelsWithAnEngineForEachBatchSize(t *testing.T) {
	f := func(want bool, p Provider, model []byte, sizes ...int) {
		t.Helper()
		if got, err := p.Apart(model, sizes); err != nil || got != want {
			t.Errorf("%+v with %d sizes: %v, %v; want %v", p.Device, len(sizes), got, err, want)
		}
	}
	convolves := onnxgen.TinyResNet(1).Bytes()
	perceptron := onnxgen.MLP{Layers: []int{4, 2}, Seed: 1}.Bytes()
	asked := CUDAOptions{SessionPerSize: true}
	f(true, Provider{Device: cuda1, CUDA: asked}, convolves, 1, 2, 4)
	f(false, Provider{Device: cuda1, CUDA: asked}, convolves, 4)
	f(false, Provider{Device: cuda1, CUDA: asked}, convolves)
	f(false, Provider{Device: cuda1}, convolves, 1, 2, 4)
	f(false, Provider{Device: cuda1, CUDA: asked}, perceptron, 1, 2, 4)
	f(false, Provider{Device: trt0, CUDA: asked}, convolves, 1, 2, 4)
	f(false, Provider{Device: webGPU, CUDA: asked}, convolves, 1, 2, 4)
	f(false, Provider{Device: device.Name{Kind: device.CPU}, CUDA: asked}, convolves, 1, 2, 4)
	if _, err := (&Provider{Device: cuda1, CUDA: asked}).Apart([]byte("no model"), []int{1, 2}); err == nil {
		t.Error("a text is a model")
	}
}
