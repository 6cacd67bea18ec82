package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"sluice/backends/fleet"
	"sluice/backends/onnx/provider"
	"sluice/batcher/policy"
	"sluice/compare/price"
	"sluice/config"
	"sluice/internal/device"
	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/plan"
)

// spreadAfter holds a second CPU lane back while the first is about to be free: the lanes
// share their cores with the HTTP work, and an early second lane only makes smaller batches.
const spreadAfter = 500 * time.Microsecond

// batchOverhead is what a batch costs beyond its run: waking the lane, sealing, waking the
// callers. Without it a model whose rows cost the same in any batch would run them singly.
const batchOverhead = 20 * time.Microsecond

// answerTime is what encoding and writing an answer take where others want the core as well.
const answerTime = 100 * time.Microsecond

// stage is how long before the end of a batch on a GPU the next one is sealed and gathered.
const stage = time.Millisecond

// newFleet chooses the devices. Without settings these are the GPUs that work, and the CPU.
func newFleet(ctx context.Context, cfg *config.Config, library string, lanes int, log *zap.Logger) (*fleet.Fleet, error) {
	devices := cfg.Devices
	if len(devices) == 0 && fleet.HasGPU() {
		inv, err := TakeInventory(ctx, cfg)
		if err != nil {
			return nil, err
		}
		devices = inv.used
	}
	if len(devices) == 0 {
		devices = []config.Device{config.DefaultDevice(device.CPU.String())}
	}
	o := fleet.Options{Library: library, CPULanes: lanes, Log: log}
	for i := range devices {
		s, err := deviceSettings(&devices[i])
		if err != nil {
			return nil, err
		}
		o.Devices = append(o.Devices, s)
	}
	return fleet.New(o)
}

// deviceSettings are a device's settings as the fleet takes them.
func deviceSettings(d *config.Device) (fleet.Settings, error) {
	s := fleet.Settings{
		Name: d.Name, Lanes: d.Lanes, Isolation: d.Isolation, LibraryFolders: d.LibraryFolders, Env: d.Env,
		Provider: provider.Provider{
			MemoryLimit: int64(d.MemoryLimit),
			WholeGraph:  d.WholeGraph,
			CUDA:        provider.CUDAOptions(d.CUDA),
			TensorRT: provider.TensorRTOptions{
				FP16: d.TensorRT.FP16, BF16: d.TensorRT.BF16, CacheDir: d.TensorRT.CacheDir, Workspace: int64(d.TensorRT.Workspace),
				BuilderLevel: d.TensorRT.BuilderLevel, ShareContextMemory: d.TensorRT.ShareContextMemory, OptimalBatch: d.TensorRT.OptimalBatch,
			},
			WebGPU: provider.WebGPUOptions{
				Validation: d.WebGPU.Validation, BufferCache: d.WebGPU.BufferCache, Layout: d.WebGPU.Layout, Power: d.WebGPU.Power,
				PreserveDevice: d.WebGPU.PreserveDevice, Int64: d.WebGPU.Int64, FastTrigonometry: d.WebGPU.FastTrigonometry,
				CPUNodes: d.WebGPU.CPUNodes, MaxStorageBinding: int64(d.WebGPU.MaxStorageBinding), MaxPendingDispatches: d.WebGPU.MaxPendingDispatches,
			},
		},
		Fake: fleet.Fake{Orders: d.Fake.Orders},
	}
	if d.Fake.Cost == "" {
		return s, nil
	}
	costs, kind := plan.Costs{}, device.Fake.String()
	if err := costs.ParseCost(kind + "=" + d.Fake.Cost); err != nil {
		return s, err
	}
	s.Fake.Curve = costs[kind][plan.AnyModel]
	return s, nil
}

// checkDevices finds what the settings' own checks cannot know: which names are devices, and which options
// they take.
func checkDevices(cfg *config.Config) error {
	var faults []error
	for i := range cfg.Devices {
		path := fmt.Sprintf("devices[%d]", i)
		s, wrong := deviceSettings(&cfg.Devices[i])
		if _, err := fleet.ParseName(s.Name); err != nil {
			faults = append(faults, cfg.Fault(path+".name", err))
		} else if err := s.Check(); err != nil {
			faults = append(faults, cfg.Fault(path, err))
		} else if wrong != nil {
			faults = append(faults, cfg.Fault(path+".fake.cost", wrong))
		}
	}
	return errors.Join(faults...)
}

// schedulerDevices are the devices as the scheduler takes them.
func schedulerDevices(f *fleet.Fleet, fallbackShare float64) (all []policy.DeviceOptions) {
	for _, d := range f.Devices() {
		o := policy.DeviceOptions{Name: d.Name, Kind: d.Kind, Lanes: d.Lanes, Spares: d.Spares, Gap: batchOverhead}
		if d.OnCPU() {
			o.SpreadAfter = spreadAfter
			if len(f.Devices()) > 1 && fallbackShare < 1 {
				o.FallbackShare = fallbackShare
			}
		}
		if d.Staged() {
			o.Stage = stage
		}
		all = append(all, o)
	}
	return all
}

// priceDevices gives devices what the settings say that an hour of each costs.
func priceDevices(cfg *config.Config, devices []policy.DeviceOptions) error {
	if cfg.Scheduler.Prices == "" {
		return nil
	}
	prices, err := price.ReadPrices(cfg.Scheduler.Prices)
	if err != nil {
		return cfg.Fault("scheduler.prices", err)
	}
	for i := range devices {
		perHour, known := prices.PerHour[devices[i].Name]
		if !known {
			return cfg.Fault("scheduler.prices", fmt.Errorf("%s has no price of %s: add it, or no device has a price", cfg.Scheduler.Prices, devices[i].Name))
		}
		devices[i].Price = perHour
	}
	return nil
}

// modelDevices are the devices as the registry takes them.
func modelDevices(f *fleet.Fleet) (all []gates.Device) {
	for _, d := range f.Devices() {
		m := gates.Device{Name: d.Name, Lanes: d.Lanes, Spares: d.Spares}
		m.Open = func(ctx context.Context, b *bundle.Bundle) (bundle.Session, error) { return d.Open(ctx, modelFile(b)) }
		if d.Compiled() {
			m.Sizes = d.Sizes
		}
		if !d.OnCPU() || d.HasWorker() {
			m.Usable = d.Usable
		}
		all = append(all, m)
	}
	return all
}

// modelFile is a bundle as a device opens it.
func modelFile(b *bundle.Bundle) fleet.Model {
	return fleet.Model{
		Path: b.OpenPath(), Digest: b.Digest, Schema: b.Schema, FixedBatch: b.FixedBatch, External: b.External, Lanes: b.Lanes,
		Apart: apart(&b.Config),
	}
}

// apart reports whether a model wants a process of its own on the CPU.
func apart(c *bundle.Config) bool { return c.Isolation == bundle.IsolationProcess }

// openOnCPU loads a bundle on the CPU in this process.
func openOnCPU(_ context.Context, b *bundle.Bundle) (bundle.Session, error) {
	return fleet.OpenOnCPU(modelFile(b))
}
