package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/internal/ask"
	"sluice/internal/near"
	"sluice/internal/oip/client"
)

// sampleCommand writes a request that fits a model of a running gateway: the way to try a model
// whose inputs are too large to be typed.
func sampleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sample [MODEL]",
		Short: "Write a small valid request for a model of a running gateway",
		Long: `Ask a running gateway what a model takes, and write a small valid request as JSON to standard
output: one row, 1 for every number. The model may be left out where there is only one.

  sluice sample digits > request.json
  curl -s localhost:8080/v2/models/digits/infer -d @request.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("%s takes one MODEL, not %q; --help says more", cmd.CommandPath(), strings.Join(args, " ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			g, err := ask.At(cfg.Listen, cfg.BasePath)
			if err != nil {
				return cfg.Fault("listen", err)
			}
			name := strings.Join(args, "")
			if name == "" {
				if name, err = onlyModel(cmd.Context(), g); err != nil {
					return err
				}
			}
			s, err := g.Schema(cmd.Context(), name)
			if err != nil {
				return err
			}
			if reason := client.NoSample(s); reason != "" {
				return fmt.Errorf("model %s: %s", name, reason)
			}
			w := bufio.NewWriter(os.Stdout)
			client.WriteSample(w, s)
			fmt.Fprintln(w)
			return w.Flush()
		},
	}
	someSettings(cmd, "listen", "base_path")
	return cmd
}

// onlyModel is the name of a gateway's model where it has one.
func onlyModel(ctx context.Context, g *ask.Gateway) (string, error) {
	names, err := g.Ready(ctx)
	switch {
	case err != nil:
		return "", err
	case len(names) == 0:
		return "", errors.New("the gateway serves no model: its log and sluice check say why")
	case len(names) > 1:
		return "", usage(fmt.Errorf("the gateway serves several models: name one of %s", near.First("", names, 20)))
	}
	return names[0], nil
}
