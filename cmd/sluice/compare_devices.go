package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// deviceOptions are the flags of a comparison of devices.
type deviceOptions struct{}

func (o *deviceOptions) add(*pflag.FlagSet) {}

func (o *deviceOptions) given() bool { return false }

// compareDevices compares two devices that run a model.
func compareDevices(_ *cobra.Command, _ string, _ *compareOptions) error { return nil }
