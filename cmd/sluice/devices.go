package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sluice/backends/nvml"
	"sluice/backends/onnx"
	"sluice/config"
	"sluice/internal/wrap"
)

// inventory is what `sluice devices` knows of a machine.
type inventory struct {
	// Library is the ONNX Runtime that was tried, and its version; empty if there is none.
	Library string `json:"library"`
	Version string `json:"version,omitempty"`
	// Driver is the version of NVIDIA's driver.
	Driver  string    `json:"nvidia_driver,omitempty"`
	Devices []verdict `json:"devices"`

	// used are the devices of a server: those of the settings, or those that are chosen by themselves.
	used []config.Device
	gpus string // NVML's table of them, for people; empty without
}

func devicesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "List the devices: which are usable, and what the others lack",
		Long: `Try every device that this machine might have, each in a process of its own: open a small
model on it, run it and compare with the CPU. For one that is not usable, say what is missing.
The exit status is 0 whatever is found; sluice check fails where a configured device is unusable.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			inv, err := takeInventory(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(os.Stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(inv)
			}
			return inv.write(os.Stdout)
		},
	}
	settingFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object.")
	return cmd
}

// takeInventory tries all possible devices.
func takeInventory(ctx context.Context, cfg *config.Config) (*inventory, error) {
	library, err := libraryPath(cfg.ONNXRuntime.Library)
	if err != nil {
		return nil, err
	}
	nvidia := onnx.NVIDIA()
	inv := &inventory{Library: library, Driver: nvidia.Driver, Devices: []verdict{}}
	for i, d := range possibleDevices(cfg, len(nvidia.Models)) {
		v, version := probeDevice(ctx, &d, library)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v.Configured = i < len(cfg.Devices)
		inv.Version = orElse(inv.Version, version)
		inv.Devices = append(inv.Devices, v)
	}
	inv.choose(cfg)
	if m, err := nvml.Open(nvml.Options{}); err == nil {
		inv.gpus = m.Table()
		_ = m.Close()
	}
	return inv, nil
}

// choose marks the devices that a server uses: those of the settings, or by itself.
func (inv *inventory) choose(cfg *config.Config) {
	inv.used = cfg.Devices
	if len(inv.used) == 0 {
		inv.used = chooseDevices(inv.Devices, hasGPU())
	}
	for i := range inv.Devices {
		v := &inv.Devices[i]
		v.Chosen = slices.ContainsFunc(inv.used, func(d config.Device) bool { return d.Name == v.Device })
	}
}

// whatColumn is where the last column of the table begins, at the longest device and use.
const whatColumn = 37

func (inv *inventory) write(w io.Writer) error {
	library := orElse(inv.Library, "no library found: set SLUICE_ONNXRUNTIME or run scripts/onnxruntime.sh")
	if inv.Version != "" {
		library = fmt.Sprintf("%s at %s", inv.Version, library)
	}
	fmt.Fprintf(w, "ONNX Runtime    %s\nNVIDIA driver   %s\n\n", library, orElse(inv.Driver, "none"))
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "DEVICE\tSTATE\tUSED\tWHAT")
	for i := range inv.Devices {
		v := &inv.Devices[i]
		state, used := "unusable", "no"
		if v.Usable {
			state = "usable"
		}
		switch {
		case v.Configured:
			used = "configured"
		case v.Chosen:
			used = "by default"
		}
		lines := append([]string(nil), v.Missing...)
		if len(lines) == 0 && v.Error != "" {
			lines = []string{v.Error}
		}
		if v.GPU != "" || len(lines) == 0 {
			lines = append([]string{v.GPU}, lines...)
		}
		if width := columns(os.Stdout); width > 0 {
			lines = wrap.Lines(strings.Join(lines, "\n"), width-whatColumn)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", v.Device, state, used, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(table, "\t\t\t%s\n", line)
		}
	}
	if err := table.Flush(); err != nil || inv.gpus == "" {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s", inv.gpus)
	return err
}
