package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sluice/config"
)

// configCommand shows the settings that hold, and where each comes from.
func configCommand() *cobra.Command {
	var asJSON, changed bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the settings that hold, and where each comes from",
		Long: `Print the settings that hold with the same file, variables and flags for serve, as a settings
file. A remark behind each says where it comes from: default, file:line, a variable or a flag.
The exit status is 1, with every fault named, if they are not valid.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			tellStrays()
			cfg, err := serverSettings(cmd.Flags())
			if err != nil {
				return err
			}
			if !asJSON {
				_, err := fmt.Print(cfg.Annotated(changed))
				return err
			}
			list := []config.Setting{}
			for _, s := range cfg.Effective() {
				if !changed || s.Source != "default" {
					list = append(list, s)
				}
			}
			return writeJSON(os.Stdout, list)
		},
	}
	settingFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print a JSON array of the settings.")
	cmd.Flags().BoolVar(&changed, "changed", false, "Print only what a file, a variable or a flag has set.")
	return cmd
}
