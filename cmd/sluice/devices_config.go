package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sluice/backends/onnx"
	"sluice/config"
	"sluice/internal/device"
)

// checkDeviceNames finds what the settings' own checks cannot know: which names are devices.
func checkDeviceNames(cfg *config.Config) error {
	var faults []error
	for i := range cfg.Devices {
		d := &cfg.Devices[i]
		path := fmt.Sprintf("devices[%d]", i)
		name, err := device.Parse(d.Name)
		switch {
		case err != nil:
			faults = append(faults, cfg.Fault(path+".name", err))
		case name.Kind == device.Fake:
			if _, err := chooseFor(d, name.Kind, ""); err != nil {
				faults = append(faults, cfg.Fault(path+".fake.cost", err))
			}
		default:
			p := provider(d)
			if err := p.Check(); err != nil {
				faults = append(faults, cfg.Fault(path, err))
			}
		}
	}
	return errors.Join(faults...)
}

// provider is a device's settings as ONNX Runtime's part takes them. The name must be one.
func provider(d *config.Device) onnx.Provider {
	name, _ := device.Parse(d.Name)
	return onnx.Provider{
		Device:      name,
		MemoryLimit: int64(d.MemoryLimit),
		WholeGraph:  d.WholeGraph,
		CUDA: onnx.CUDAOptions{
			ArenaPowerOfTwo: d.CUDA.ArenaPowerOfTwo, ConvSearch: d.CUDA.ConvSearch, SmallConvWorkspace: d.CUDA.SmallConvWorkspace,
			TF32: d.CUDA.TF32, NHWC: d.CUDA.NHWC, UnifiedStream: d.CUDA.UnifiedStream, SessionPerSize: d.CUDA.SessionPerSize,
		},
		TensorRT: onnx.TensorRTOptions{
			FP16: d.TensorRT.FP16, BF16: d.TensorRT.BF16, CacheDir: d.TensorRT.CacheDir, Workspace: int64(d.TensorRT.Workspace),
			BuilderLevel: d.TensorRT.BuilderLevel, ShareContextMemory: d.TensorRT.ShareContextMemory, OptimalBatch: d.TensorRT.OptimalBatch,
		},
		WebGPU: onnx.WebGPUOptions{
			Validation: d.WebGPU.Validation, BufferCache: d.WebGPU.BufferCache, Layout: d.WebGPU.Layout, Power: d.WebGPU.Power,
			PreserveDevice: d.WebGPU.PreserveDevice, Int64: d.WebGPU.Int64, FastTrigonometry: d.WebGPU.FastTrigonometry,
			CPUNodes: d.WebGPU.CPUNodes, MaxStorageBinding: int64(d.WebGPU.MaxStorageBinding), MaxPendingDispatches: d.WebGPU.MaxPendingDispatches,
		},
	}
}

// isolated reports whether a device runs in a process of its own.
func isolated(d *config.Device) bool {
	if d.Isolation != "" {
		return d.Isolation == "process"
	}
	name, err := device.Parse(d.Name)
	return err == nil && name.Kind.GPU()
}

// gpuLanes are a batch that runs and one that is being filled.
const gpuLanes = 2

// deviceLanes is how many batches may be on a device at once.
func deviceLanes(d *config.Device, cpu int) int {
	name, err := device.Parse(d.Name)
	switch {
	case d.Lanes > 0:
		return d.Lanes
	case err == nil && name.Kind.GPU():
		return gpuLanes
	}
	return cpu
}

// possibleDevices are the devices that this machine might have, whether or not they work: those
// that are configured, in their order, and then the rest.
func possibleDevices(cfg *config.Config, gpus int) []config.Device {
	devices := append([]config.Device(nil), cfg.Devices...)
	add := func(name device.Name) {
		for i := range devices {
			if devices[i].Name == name.String() {
				return
			}
		}
		devices = append(devices, config.DefaultDevice(name.String()))
	}
	for _, kind := range []device.Kind{device.CUDA, device.TensorRT} {
		for index := range max(gpus, 1) {
			add(device.Name{Kind: kind, Index: index})
		}
	}
	add(device.Name{Kind: device.WebGPU})
	add(device.Name{Kind: device.CPU})
	return devices
}

// chooseDevices is what a server uses that is told nothing: every GPU on CUDA, else WebGPU where there
// is a real GPU, and then the CPU. TensorRT is left to those who ask for it: it builds engines for
// minutes. A Vulkan driver that is mere software is slower than the CPU itself.
func chooseDevices(verdicts []verdict, realGPU bool) []config.Device {
	var chosen []config.Device
	usable := func(kind device.Kind) {
		for i := range verdicts {
			if v := &verdicts[i]; v.Usable && v.name.Kind == kind {
				chosen = append(chosen, config.DefaultDevice(v.Device))
			}
		}
	}
	usable(device.CUDA)
	if len(chosen) == 0 && realGPU {
		usable(device.WebGPU)
	}
	return append(chosen, config.DefaultDevice(deviceCPU))
}

// hasGPU reports whether the machine shows a GPU: one of NVIDIA's, or a node for rendering.
func hasGPU() bool {
	nodes, _ := filepath.Glob("/dev/dri/renderD*")
	_, err := os.Stat("/dev/dxg")
	return len(onnx.NVIDIA().Models) > 0 || len(nodes) > 0 || err == nil
}
