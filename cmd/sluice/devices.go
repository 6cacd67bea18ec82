package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sluice/backends/nvml"
	"sluice/internal/wrap"
	"sluice/serve"
)

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
			inv, err := serve.TakeInventory(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(os.Stdout, inv)
			}
			return writeInventory(os.Stdout, inv, gpuTable())
		},
	}
	settingFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object.")
	return cmd
}

// gpuTable is NVML's table of NVIDIA's GPUs, for people; empty where there is none.
func gpuTable() string {
	m, err := nvml.Open(nvml.Options{})
	if err != nil {
		return ""
	}
	defer m.Close() //nolint:errcheck // what was read stands
	return m.Table()
}

// whatColumn is where the last column of the table begins, at the longest device and use.
const whatColumn = 37

func writeInventory(w io.Writer, inv *serve.Inventory, gpus string) error {
	library := cmp.Or(inv.Library, "no library found: set SLUICE_ONNXRUNTIME or run scripts/onnxruntime.sh")
	if inv.Version != "" {
		library = fmt.Sprintf("%s at %s", inv.Version, library)
	}
	fmt.Fprintf(w, "ONNX Runtime    %s\nNVIDIA driver   %s\n\n", library, cmp.Or(inv.Driver, "none"))
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
	if err := table.Flush(); err != nil || gpus == "" {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s", gpus)
	return err
}
