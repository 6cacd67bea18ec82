package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/device"
	"sluice/internal/tensor"
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
	if p.MemoryLimit < 0 || p.MemoryLimit > 0 && p.MemoryLimit < minMemoryLimit {
		return fmt.Errorf("device %s has a memory limit of %d bytes, too small for any model: give it %d or more, or 0 for no limit", name, p.MemoryLimit, minMemoryLimit)
	}
	if p.MemoryLimit > 0 && !nvidia(name.Kind) {
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

// minMemoryLimit is the smallest memory limit: cuBLAS's and cuDNN's first buffers alone
// need this much.
const minMemoryLimit = 64 << 20

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

// Model is what a provider has to know of the model that a session is opened for.
type Model struct {
	File []byte
	// Digest is its identity, for what is kept on disk between processes. Empty means the SHA-256
	// of File.
	Digest string
	Schema *tensor.Schema
	// FixedBatch is the batch size that the file fixes, 0 if it is free.
	FixedBatch int
}

// Attach adds the provider to a session's options. The order of attaching is the order of
// preference, and the CPU is always last. library is the path of ONNX Runtime.
func (p *Provider) Attach(so *ort.SessionOptions, m *Model, library string) error {
	if p.WholeGraph && p.Device.Kind != device.CPU {
		if err := so.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"); err != nil {
			return err
		}
	}
	switch p.Device.Kind {
	case device.WebGPU:
		return p.attachWebGPU(so, m.File)
	case device.TensorRT:
		if err := p.attachTensorRT(so, m, library); err != nil {
			return err
		}
		return p.attachCUDA(so, library)
	case device.CUDA:
		return p.attachCUDA(so, library)
	default:
		return nil
	}
}

// options are those of an execution provider, as the binding keeps them.
type options interface {
	Update(entries map[string]string) error
	Destroy() error
}

// attach makes the options of an execution provider, and adds it to a session's.
func attach[O options](create func() (O, error), entries map[string]string, add func(O) error) (err error) {
	o, err := create()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Destroy()) }()
	if err := o.Update(entries); err != nil {
		return err
	}
	return add(o)
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
