package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/config"
	"sluice/serve"
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
	cmd.Flags().Var(&settingValue{kind: "FILE"}, "config", "Settings file (YAML), else the one that "+config.FileVariable+" names. Variables and flags override it.")
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
	"text": "TEXT", "list": "LIST", "switch": "", "number": "NUMBER", "fraction": "NUMBER", "size": "SIZE", "time": "TIME", "rate": "RATE", "names": "NAMES",
}

// settings joins the defaults, the file, the environment and the flags. The file is that of --config, or
// else of SLUICE_CONFIG.
func settings(flags *pflag.FlagSet) (*config.Config, error) {
	path, named := os.Getenv(config.FileVariable), config.FileVariable
	if f := flags.Lookup("config"); f != nil && f.Changed {
		path, named = f.Value.String(), "--config"
	}
	return serve.Settings(path, named, func(cfg *config.Config) error {
		for _, o := range config.Options() {
			f := flags.Lookup(o.Flag)
			if f == nil || !f.Changed || !settable(f) {
				continue
			}
			if err := cfg.Set(o.Path, f.Value.String(), "--"+o.Flag); err != nil {
				return err
			}
		}
		return nil
	})
}

// serverSettings are the settings of a server on this machine.
func serverSettings(flags *pflag.FlagSet) (*config.Config, error) {
	cfg, err := settings(flags)
	if err != nil {
		return nil, err
	}
	return cfg, serve.Fit(cfg)
}

// chooseModels settles what is served, see serve.ChooseModels.
func chooseModels(cfg *config.Config, args []string) ([]string, error) {
	paths, err := serve.ChooseModels(cfg, args)
	if errors.As(err, new(*serve.UsageError)) {
		return nil, usage(err)
	}
	return paths, err
}

// tellStrays names them on standard error.
func tellStrays() {
	for _, text := range serve.StrayVariables(os.Environ()) {
		fmt.Fprintln(os.Stderr, "sluice: warning:", text)
	}
}
