package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/backends/onnx"
	"sluice/config"
)

// configVariable names the settings file where no flag does.
const configVariable = "SLUICE_CONFIG"

// settingFlags adds a flag for every setting, and --config.
func settingFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "settings file (YAML); flags and SLUICE_... variables go before it; environment "+configVariable)
	for _, o := range config.Options() {
		help := fmt.Sprintf("setting %s; environment %s", o.Path, o.Env)
		if o.Note != "" {
			help += "; " + o.Note
		}
		cmd.Flags().String(o.Flag, o.Default, help)
		if o.Default == "false" {
			cmd.Flags().Lookup(o.Flag).NoOptDefVal = "true" // the flag alone switches it on
		}
	}
}

// settings joins the defaults, the file, the environment and the flags, later ones first,
// and reports every fault at once.
func settings(flags *pflag.FlagSet) (*config.Config, error) {
	cfg := config.Default()
	path, _ := flags.GetString("config")
	if path = orElse(path, os.Getenv(configVariable)); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the settings: %w", err)
		}
		if cfg, err = config.Parse(path, text); err != nil {
			return nil, err
		}
	}
	if err := cfg.ApplyEnv(os.LookupEnv); err != nil {
		return nil, err
	}
	for _, o := range config.Options() {
		if f := flags.Lookup(o.Flag); f != nil && f.Changed {
			if err := cfg.Set(o.Path, f.Value.String(), "--"+o.Flag); err != nil {
				return nil, err
			}
		}
	}
	return cfg, errors.Join(cfg.Validate(), checkDeviceNames(cfg))
}

// loadLibrary finds ONNX Runtime and loads it. The path is absolute: trial processes get it.
func loadLibrary(named string) (string, error) {
	path, err := libraryPath(named)
	if err != nil {
		return "", err
	}
	return path, onnx.Init(onnx.Library{Path: path})
}

// libraryPath finds ONNX Runtime; empty if it is nowhere.
func libraryPath(named string) (string, error) {
	path := orElse(named, findLibrary())
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

// findLibrary looks beside the binary, as in the container, and where the build puts it.
func findLibrary() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	dir := filepath.Dir(self)
	for _, path := range []string{
		filepath.Join(dir, "libonnxruntime.so"),
		filepath.Join(dir, "..", "lib", "libonnxruntime.so"),
		filepath.Join(dir, "..", ".deps", "onnxruntime", "libonnxruntime.so"),
	} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// cpuLanes is how many batches run on the CPU at once: one for each core.
func cpuLanes(setting, cores int) int {
	if setting > 0 {
		return setting
	}
	return cores
}
