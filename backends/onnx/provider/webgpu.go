package provider

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/onnxfile"
)

// WebGPUOptions hold for WebGPU.
type WebGPUOptions struct {
	// Validation is how much of each call is checked: disabled, wgpuOnly, basic or full. Default basic.
	Validation string
	// BufferCache is how storage buffers are kept: disabled, lazyRelease, simple or bucket. Default
	// bucket, which suits the few shapes of a batch ladder.
	BufferCache string
	// Layout is NHWC or NCHW. Default NHWC.
	Layout string
	// Power is high-performance or low-power. Default high-performance.
	Power string
	// PreserveDevice keeps the device when the last session closes, so that the next one opens
	// sooner. Default false: a device that was lost is then not kept.
	PreserveDevice bool
	// Int64 runs operators on 64-bit integers on the GPU. Default false: on the CPU.
	Int64 bool
	// FastTrigonometry leaves sines, cosines and tangents to the GPU. Default false: Vulkan lets them
	// be off by 2^-11, more than the parity gate allows, so they run on the CPU.
	FastTrigonometry bool
	// CPUNodes are names of nodes that are to run on the CPU. Default none.
	CPUNodes []string
	// MaxStorageBinding is the largest buffer binding in bytes. Default 0: the driver's own.
	MaxStorageBinding int64
	// MaxPendingDispatches is how many kernels are recorded before they are submitted, 1 to
	// 4096. Default 0: ONNX Runtime's own. Needs ONNX Runtime 1.30.
	MaxPendingDispatches int
}

func (p *Provider) attachWebGPU(so *ort.SessionOptions, model []byte) error {
	if p.WebGPU.MaxPendingDispatches > 0 && minorVersion() < 30 {
		return fmt.Errorf("WebGPU's most pending dispatches can be set from ONNX Runtime 1.30 on, and this is %s: leave it out", ort.GetVersion())
	}
	w := p.WebGPU
	if !w.FastTrigonometry {
		parsed, err := onnxfile.Parse(model)
		if err != nil {
			return err
		}
		w.CPUNodes = append(slices.Clone(w.CPUNodes), parsed.Trigonometry...)
	}
	return appendWebGPU(so, &w)
}

// errNoWebGPU is what the builds for the CPU and for CUDA have in common.
var errNoWebGPU = errors.New("this build of ONNX Runtime lacks the WebGPU provider: set onnxruntime.library to the one of the npm package onnxruntime-node, which scripts/onnxruntime.sh fetches")

func appendWebGPU(so *ort.SessionOptions, w *WebGPUOptions) error {
	err := so.AppendExecutionProvider("WebGPU", w.entries())
	if err != nil && strings.Contains(err.Error(), "not supported in this build") {
		return errNoWebGPU
	}
	return err
}

// HasWebGPU reports whether the library has the provider, whatever the machine has.
func HasWebGPU() bool {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return false
	}
	webgpu.Lock()
	defer webgpu.Unlock()
	err = appendWebGPU(so, &WebGPUOptions{})
	return so.Destroy() == nil && !errors.Is(err, errNoWebGPU)
}

// entries are the provider's keys. It ignores those that it does not know.
func (w *WebGPUOptions) entries() map[string]string {
	m := map[string]string{
		"validationMode":         cmp.Or(w.Validation, "basic"),
		"storageBufferCacheMode": cmp.Or(w.BufferCache, "bucket"),
		"preferredLayout":        cmp.Or(w.Layout, "NHWC"),
		"powerPreference":        cmp.Or(w.Power, "high-performance"),
		"preserveDevice":         flag(w.PreserveDevice),
		"enableInt64":            flag(w.Int64),
		"enableGraphCapture":     "0",
	}
	if len(w.CPUNodes) > 0 {
		m["forceCpuNodeNames"] = strings.Join(w.CPUNodes, "\n")
	}
	if w.MaxStorageBinding > 0 {
		m["maxStorageBufferBindingSize"] = strconv.FormatInt(w.MaxStorageBinding, 10)
	}
	if w.MaxPendingDispatches > 0 {
		m["maxNumPendingDispatches"] = strconv.Itoa(w.MaxPendingDispatches)
	}
	return m
}

// minorVersion is the library's y of 1.y.z.
func minorVersion() int {
	_, rest, _ := strings.Cut(ort.GetVersion(), ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, _ := strconv.Atoi(minor)
	return n
}
