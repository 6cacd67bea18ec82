package serve

import (
	"cmp"
	"context"
	"slices"

	"sluice/backends/fleet"
	"sluice/backends/onnx/provider"
	"sluice/config"
)

// Inventory is what trying every device that a machine might have has shown.
type Inventory struct {
	// Library is the ONNX Runtime that was tried, and its version; empty if there is none.
	Library string `json:"library"`
	Version string `json:"version,omitempty"`
	// Driver is the version of NVIDIA's driver.
	Driver  string          `json:"nvidia_driver,omitempty"`
	Devices []fleet.Verdict `json:"devices"`

	// used are the devices of a server: those of the settings, or those that are chosen by themselves.
	used []config.Device
}

// TakeInventory tries all devices that this machine might have: those that are configured, in their order,
// and then the rest.
func TakeInventory(ctx context.Context, cfg *config.Config) (*Inventory, error) {
	library, err := FindLibrary(cfg.ONNXRuntime.Library)
	if err != nil {
		return nil, err
	}
	nvidia := provider.NVIDIA()
	inv := &Inventory{Library: library, Driver: nvidia.Driver, Devices: []fleet.Verdict{}}
	for i, d := range possibleDevices(cfg, len(nvidia.Models)) {
		v, version := tryDevice(ctx, &d, library)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v.Configured = i < len(cfg.Devices)
		inv.Version = cmp.Or(inv.Version, version)
		inv.Devices = append(inv.Devices, v)
	}
	inv.choose(cfg)
	return inv, nil
}

// possibleDevices are the devices that are configured, and the others that the machine might have.
func possibleDevices(cfg *config.Config, gpus int) []config.Device {
	devices := slices.Clone(cfg.Devices)
	for _, name := range fleet.Possible(gpus) {
		if !slices.ContainsFunc(devices, func(d config.Device) bool { return d.Name == name }) {
			devices = append(devices, config.DefaultDevice(name))
		}
	}
	return devices
}

// tryDevice tries one device in a process of its own.
func tryDevice(ctx context.Context, d *config.Device, library string) (fleet.Verdict, string) {
	s, err := deviceSettings(d)
	if err != nil {
		return fleet.Verdict{Device: d.Name, Error: err.Error()}, ""
	}
	return fleet.Try(ctx, &s, library)
}

// choose marks the devices that a server uses: those of the settings, or by itself.
func (inv *Inventory) choose(cfg *config.Config) {
	inv.used = cfg.Devices
	if len(inv.used) == 0 {
		for _, name := range fleet.Choose(inv.Devices, fleet.HasGPU()) {
			inv.used = append(inv.used, config.DefaultDevice(name))
		}
	}
	for i := range inv.Devices {
		v := &inv.Devices[i]
		v.Chosen = slices.ContainsFunc(inv.used, func(d config.Device) bool { return d.Name == v.Device })
	}
}
