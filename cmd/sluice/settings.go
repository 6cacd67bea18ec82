package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/backends/onnx"
	"sluice/config"
	"sluice/internal/prescan"
	"sluice/internal/remedy"
)

// settingFlags adds a flag for every setting, and --config, and a help that shows them by section.
func settingFlags(cmd *cobra.Command) {
	for _, o := range config.Options() {
		settingFlag(cmd, &o)
	}
	configFlag(cmd)
}

// someSettings adds the flags of some settings, and --config: for a command that the others are
// nothing to.
func someSettings(cmd *cobra.Command, paths ...string) {
	for _, o := range config.Options() {
		if slices.Contains(paths, o.Path) {
			settingFlag(cmd, &o)
		}
	}
	configFlag(cmd)
}

func settingFlag(cmd *cobra.Command, o *config.Option) {
	cmd.Flags().Var(&settingValue{o.Default, kindNames[o.Kind]}, o.Flag, o.Help)
	if o.Kind == "switch" {
		cmd.Flags().Lookup(o.Flag).NoOptDefVal = "true" // the flag alone switches it on
	}
}

func configFlag(cmd *cobra.Command) {
	cmd.Flags().Var(&settingValue{kind: "FILE"}, "config", "Settings file (YAML), else the one that "+config.FileVariable+" names. Variables and flags go before it.")
	cmd.Flags().BoolP("help", "h", false, "Print this help.")
	cmd.SetUsageFunc(writeUsage)
}

// settingValue is a setting's text until it is known whether a file or a variable sets it too.
type settingValue struct{ text, kind string }

func (v *settingValue) String() string { return v.text }
func (v *settingValue) Type() string   { return v.kind }

func (v *settingValue) Set(text string) error {
	v.text = text
	return nil
}

// kindNames are what stands behind a flag for its value.
var kindNames = map[string]string{
	"text": "TEXT", "list": "LIST", "switch": "", "number": "NUMBER", "fraction": "NUMBER", "size": "SIZE", "time": "TIME",
}

// settings joins the defaults, the file, the environment and the flags, later ones first,
// and reports every fault at once. The file is that of --config, or else of SLUICE_CONFIG.
func settings(flags *pflag.FlagSet) (*config.Config, error) {
	cfg := config.Default()
	path, named := os.Getenv(config.FileVariable), config.FileVariable
	if f := flags.Lookup("config"); f != nil && f.Changed {
		path, named = f.Value.String(), "--config"
	}
	if path != "" {
		text, err := prescan.ReadFile(path, prescan.MaxYAMLBytes)
		if err != nil {
			return nil, fmt.Errorf("cannot read the settings file %s, which %s names: %w", path, named, remedy.Named(err))
		}
		if cfg, err = config.Parse(path, text); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(slips(os.Environ()), cfg.ApplyEnv(os.LookupEnv)); err != nil {
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

// serverSettings are the settings of a server on this machine.
func serverSettings(flags *pflag.FlagSet) (*config.Config, error) {
	cfg, err := settings(flags)
	if err != nil {
		return nil, err
	}
	return cfg, fitMemory(cfg)
}

// toolVariables are read by the repository's own tests and scripts, which start this binary.
var toolVariables = []string{"SLUICE_DRILL_STRICT", "SLUICE_REQUIRE_CLIENTS", "SLUICE_REPORT_DIR", "SLUICE_GRAPHS", "SLUICE_GRAPHS_FROM"}

// slips refuses variables that can only be a setting with a letter wrong: a limit that somebody
// believes in and that is not there would be found out by an outage. Variables that are like no
// setting may belong to something else, such as an image's SLUICE_VERSION, so they are only named.
func slips(environ []string) error {
	var faults []error
	for _, s := range config.Strays(environ, toolVariables...) {
		if s.Slip {
			faults = append(faults, fmt.Errorf("%s: there is no such setting: did you mean %s? rename the variable, or unset it", s.Name, s.Meant))
		}
	}
	return errors.Join(faults...)
}

// strayVariables names, in sentences, the variables that begin as a setting's and are none.
func strayVariables(environ []string) (texts []string) {
	for _, s := range config.Strays(environ, toolVariables...) {
		if s.Slip {
			continue
		}
		text := s.Name + " is no setting and changes nothing"
		if s.Meant != "" {
			text += ": did you mean " + s.Meant + "?"
		}
		texts = append(texts, text)
	}
	return texts
}

// tellStrays names them on standard error.
func tellStrays() {
	for _, text := range strayVariables(os.Environ()) {
		fmt.Fprintln(os.Stderr, "sluice: warning:", text)
	}
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
