package onnx

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/device"
)

// Provider is where a session's nodes run: a device, and how ONNX Runtime's execution
// provider for it is set. The zero value is the CPU.
//
// What must not be set has no field. Graph capture (CUDA graphs, WebGPU's
// enableGraphCapture) leaves outputs in host memory unwritten and returns no error; tunable
// operators measure inside requests; a stream of the caller's own cannot be passed on.
type Provider struct {
	Device device.Name
	// MemoryLimit is the most bytes that the CUDA provider's arena takes from the GPU; 0 means
	// no limit. Contexts, kernels and cuDNN's workspaces come on top. Too low fails large
	// batches.
	MemoryLimit int64
	// WholeGraph refuses a model of which ONNX Runtime would run a node on the CPU. Default
	// false: most models have shape arithmetic that belongs there. Nodes tells which went where.
	WholeGraph bool

	CUDA     CUDAOptions
	TensorRT TensorRTOptions
	WebGPU   WebGPUOptions
}

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
	// Default false: one for all. See apart.
	SessionPerSize bool
}

// Check finds what no library could make good.
func (p *Provider) Check() error {
	name := p.Device
	switch name.Kind {
	case device.CPU, device.CUDA, device.TensorRT, device.WebGPU:
	default:
		return fmt.Errorf("device %s is not one of ONNX Runtime's", name)
	}
	if name.Kind == device.WebGPU && name.Index != 0 {
		return errors.New("WebGPU takes no GPU's number: start one process per GPU, and choose its GPU with VK_DRIVER_FILES")
	}
	if p.MemoryLimit < 0 || p.MemoryLimit > 0 && p.MemoryLimit < MinMemoryLimit {
		return fmt.Errorf("device %s has a memory limit of %d bytes, too small for any model: give it %d or more, or 0 for no limit", name, p.MemoryLimit, MinMemoryLimit)
	}
	if p.MemoryLimit > 0 && name.Kind != device.CUDA && name.Kind != device.TensorRT {
		return fmt.Errorf("device %s has a memory limit, which only CUDA's arena keeps to: leave it out", name)
	}
	w := &p.WebGPU
	return errors.Join(
		oneOf("the search for convolution algorithms", p.CUDA.ConvSearch, "heuristic", "default", "exhaustive"),
		oneOf("WebGPU's validation", w.Validation, "disabled", "wgpuOnly", "basic", "full"),
		oneOf("WebGPU's buffer cache", w.BufferCache, "disabled", "lazyRelease", "simple", "bucket"),
		oneOf("WebGPU's layout", w.Layout, "NHWC", "NCHW"),
		oneOf("WebGPU's power preference", w.Power, "high-performance", "low-power"),
		inside("WebGPU's most pending dispatches", w.MaxPendingDispatches, 0, 4096),
		inside("WebGPU's largest binding", w.MaxStorageBinding, 0, 1<<40),
		p.TensorRT.check(),
	)
}

// MinMemoryLimit is the smallest memory limit: cuBLAS's and cuDNN's first buffers alone
// need this much.
const MinMemoryLimit = 64 << 20

func oneOf(what, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q; it must be one of %s", what, value, strings.Join(allowed, ", "))
}

func inside[T int | int64](what string, value, low, high T) error {
	if low <= value && value <= high {
		return nil
	}
	return fmt.Errorf("%s is %d; it must be from %d to %d", what, value, low, high)
}

// attach adds the provider to a session's options. The order of attaching is the order of
// preference, and the CPU is always last.
func (p *Provider) attach(so *ort.SessionOptions, o *Options, model []byte) error {
	if p.WholeGraph && p.Device.Kind != device.CPU {
		if err := so.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"); err != nil {
			return err
		}
	}
	switch p.Device.Kind {
	case device.WebGPU:
		return p.attachWebGPU(so, model)
	case device.TensorRT:
		if err := p.attachTensorRT(so, o, model); err != nil {
			return err
		}
		return p.attachCUDA(so)
	case device.CUDA:
		return p.attachCUDA(so)
	default:
		return nil
	}
}

func (p *Provider) attachCUDA(so *ort.SessionOptions) (err error) {
	if err := besideLibrary(cudaProvider); err != nil {
		return err
	}
	options, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	if err := options.Update(p.cudaEntries()); err != nil {
		return err
	}
	return so.AppendExecutionProviderCUDA(options)
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
		"cudnn_conv_algo_search":       strings.ToUpper(orElse(c.ConvSearch, "heuristic")),
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

// The providers that are libraries of their own; ONNX Runtime looks for them beside itself alone.
const (
	sharedProvider   = "libonnxruntime_providers_shared.so"
	cudaProvider     = "libonnxruntime_providers_cuda.so"
	tensorrtProvider = "libonnxruntime_providers_tensorrt.so"
)

// besideLibrary says in one sentence what ONNX Runtime would say in many.
func besideLibrary(name string) error {
	for _, file := range []string{sharedProvider, name} {
		if !exists(filepath.Join(libraryDir(), file)) {
			return fmt.Errorf("this build of ONNX Runtime lacks the provider: %s does not lie beside %s; set onnxruntime.library to a build for CUDA (scripts/onnxruntime.sh --cuda fetches one)", file, library.path)
		}
	}
	return nil
}

func libraryDir() string { return filepath.Dir(library.path) }

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
