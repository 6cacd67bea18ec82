package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// compareCommand compares devices.
func compareCommand() *cobra.Command {
	var d deviceComparison
	cmd := &cobra.Command{
		Use:   "compare MODEL --devices A,B",
		Short: "Compare two devices: does the GPU pay?",
		Long:  compareDevicesHelp,
		Args:  exactArgs("MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if d.devices == "" {
				return usage(errors.New("compare needs --devices A,B: name two devices, such as cuda:0,cpu"))
			}
			return compareDevices(cmd, &d, args[0])
		},
	}
	d.flags(cmd)
	someSettings(cmd, "models", "onnxruntime.library", "scheduler.cpu_lanes", "limits.memory")
	return cmd
}
