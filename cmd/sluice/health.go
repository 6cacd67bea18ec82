package main

import (
	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/internal/ask"
)

// healthCommand asks a running gateway whether it is ready: a container's health check
// needs no other tool.
func healthCommand() *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running gateway whether it is ready; exit 0 if it is",
		Long: `Ask a running gateway whether it is ready. The exit status is 0 if it is, and 1 if not: standard
error then says what is missing and why. The address and the base path are those of the same
file, variables and flags as serve reads; where serve listens on every address, this machine is
asked. Flags that only serve was given cannot be known here: in a container set SLUICE_LISTEN,
SLUICE_BASE_PATH or SLUICE_CONFIG, which both follow.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			g, err := ask.At(cfg.Listen, cfg.BasePath)
			if err != nil {
				return cfg.Fault("listen", err)
			}
			return g.Health(cmd.Context(), live)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "Ask only whether the process answers, whatever its models.")
	settingFlags(cmd)
	for _, o := range config.Options() {
		if o.Path != "listen" && o.Path != "base_path" {
			_ = cmd.Flags().MarkHidden(o.Flag) // taken, so that the flags of serve do here, and of no effect
		}
	}
	return cmd
}
