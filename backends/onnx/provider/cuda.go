package provider

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/device"
	"sluice/internal/onnxfile"
)

// CUDAOptions hold for CUDA, and for what TensorRT leaves to it.
type CUDAOptions struct {
	// ArenaPowerOfTwo makes the arena grow to the next power of two. Default false: by what
	// is asked for, so that several models fit on one GPU.
	ArenaPowerOfTwo bool
	// ConvSearch is how cuDNN's algorithms are chosen: heuristic, default or exhaustive. Default
	// heuristic. Exhaustive measures each new shape inside a request.
	ConvSearch string
	// SmallConvWorkspace bounds cuDNN's workspace. Default false; true saves memory and
	// makes FP16 convolutions slower.
	SmallConvWorkspace bool
	// TF32 lets FP32 matrix products use the tensor cores at 10 bits of mantissa. Default false, so
	// that answers agree with the CPU's; true is faster and may fail the parity gate.
	TF32 bool
	// NHWC prefers channels-last kernels. Default false; true helps FP16 convolutional networks.
	NHWC bool
	// UnifiedStream runs all of a session on one stream. Default false.
	UnifiedStream bool
	// SessionPerSize gives each batch size of a model with convolutions a session of its own.
	// Default false: one for all. See Apart.
	SessionPerSize bool
}

func (p *Provider) attachCUDA(so *ort.SessionOptions, library string) error {
	if err := besideLibrary(library, cudaProvider); err != nil {
		return err
	}
	return attach(ort.NewCUDAProviderOptions, p.cudaEntries(), so.AppendExecutionProviderCUDA)
}

func (p *Provider) cudaEntries() map[string]string {
	c := &p.CUDA
	arena := "kSameAsRequested"
	if c.ArenaPowerOfTwo {
		arena = "kNextPowerOfTwo"
	}
	m := map[string]string{
		"device_id":                    strconv.Itoa(p.Device.Index),
		"arena_extend_strategy":        arena,
		"cudnn_conv_algo_search":       strings.ToUpper(cmp.Or(c.ConvSearch, "heuristic")),
		"cudnn_conv_use_max_workspace": flag(!c.SmallConvWorkspace),
		"use_tf32":                     flag(c.TF32),
		"prefer_nhwc":                  flag(c.NHWC),
		"use_ep_level_unified_stream":  flag(c.UnifiedStream),
		// Copies on a stream of their own race with the run.
		"do_copy_in_default_stream": "1",
		"enable_cuda_graph":         "0",
		"tunable_op_enable":         "0",
	}
	if p.MemoryLimit > 0 {
		m["gpu_mem_limit"] = strconv.FormatInt(p.MemoryLimit, 10)
	}
	return m
}

// Apart tells whether each batch size is to have an engine of its own: where the settings ask for
// it and the model has convolutions.
//
// On CUDA a convolution keeps cuDNN's plan for the last shape that it met, and makes it anew, under
// a lock, when the shape changes. A server's batches change from run to run: on an H200, ONNX
// Runtime 1.31 ran a batch of the digits example in 0.3 ms as long as the size stayed and in 9.7 ms
// when it changed. An engine that runs one size alone keeps its plans; it has its own copy of the
// weights. To fill all batches up to the largest size would do too, and make every request as slow
// as the largest batch.
func (p *Provider) Apart(model []byte, sizes []int) (bool, error) {
	if p.Device.Kind != device.CUDA || !p.CUDA.SessionPerSize || len(sizes) < 2 {
		return false, nil
	}
	m, err := onnxfile.Parse(model)
	if err != nil {
		return false, err
	}
	for op := range m.Ops {
		if strings.Contains(op, "Conv") { // ConvTranspose and the fused ones too
			return true, nil
		}
	}
	return false, nil
}

// libcuda is the part of NVIDIA's driver that programs talk to.
const libcuda = "libcuda.so.1"

// cudaTrouble says what CUDA's error codes mean for whoever runs the machine. What CUDA's provider makes of
// them are lines with paths of the machine that it was built on.
var cudaTrouble = map[int]string{
	2:   "the GPU's memory is full: end what else uses it, or use another GPU",
	35:  "NVIDIA's driver is too old for CUDA %[1]d, which this build of ONNX Runtime uses: install driver %[2]d or newer, or a build of ONNX Runtime for an older CUDA",
	100: "NVIDIA's driver finds no GPU: see whether nvidia-smi lists it, and start a container with the NVIDIA toolkit",
	999: "NVIDIA's driver failed and does not know why: look for NVRM and Xid in the kernel's log, and restart the driver or the machine",
}

var cudaFailure = regexp.MustCompile(`CUDA failure (\d+): ([^;]*?) ;`)

// Explain puts an error of CUDA on a device in one sentence. Any other stays as it is. library is the
// path of ONNX Runtime.
func Explain(kind device.Kind, err error, library string) error {
	if err == nil || !nvidia(kind) {
		return err
	}
	found := cudaFailure.FindStringSubmatch(strings.Join(strings.Fields(err.Error()), " "))
	if found == nil {
		return err
	}
	major := cudaMajor(imports(beside(library, cudaProvider)))
	return cudaSentence(number(found[1]), strings.TrimSpace(found[2]), major)
}

func cudaSentence(code int, said string, cudaMajor int) error {
	text, known := cudaTrouble[code]
	switch {
	case !known:
		text = "CUDA cannot be used: see whether nvidia-smi works"
	case strings.Contains(text, "%"):
		text = fmt.Sprintf(text, cudaMajor, leastDriver[cudaMajor])
	}
	return fmt.Errorf("%s (CUDA error %d: %s)", text, code, said)
}

// driverAnswers reports whether NVIDIA's driver can be asked although its files are not to be seen, as in
// some sandboxes.
func driverAnswers(s NVIDIAState) bool {
	return s.Driver == "" && len(s.Models) == 0 && openLibrary(libcuda) == nil
}

// nvidia reports whether a device is used through CUDA.
func nvidia(kind device.Kind) bool { return kind == device.CUDA || kind == device.TensorRT }
