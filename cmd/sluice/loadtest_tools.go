package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sluice/loadtest/load"
	"sluice/loadtest/result"
	"sluice/loadtest/selftest"
	"sluice/loadtest/stub"
)

func loadtestFitCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fit TRACE",
		Short: "Describe a recorded trace: rate, burstiness, daily shape, sizes",
		Args:  exactArgs("TRACE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := load.FitFile(args[0])
			if err != nil {
				return usage(err)
			}
			if !asJSON {
				return d.Text(cmd.OutOrStdout())
			}
			return writeJSON(cmd.OutOrStdout(), d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the description as JSON")
	return cmd
}

func loadtestStubCommand() *cobra.Command {
	var listen, behaviour string
	cmd := &cobra.Command{
		Use:   "stub",
		Short: "Serve a model that is as late and as wrong as it is told",
		Long: `Serve a model "stub" over the Open Inference Protocol that behaves exactly as told, and counts
what it did at /stub: the instrument that the load tester is proven against.

  sluice loadtest stub --behave delay=5ms
  sluice loadtest stub --behave 'queue=1ms,swap=10000'
  sluice loadtest stub --behave 'stall=1s@10s,status=503:5'`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := stub.Parse(behaviour)
			if err != nil {
				return usage(err)
			}
			o.Addr = listen
			s, err := stub.Start(o)
			if err != nil {
				return usage(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the stub serves the model %q at %s and tells at http://%s/stub what it did\n", stub.Model, s.Addr(), s.Addr())
			<-cmd.Context().Done()
			return s.Close()
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:9090", "serve at this `address`")
	cmd.Flags().StringVar(&behaviour, "behave", "", "delay=5ms, delay=exp:5ms, status=503:5, close=5, stall=1s@10s, queue=1ms, servers=2, limit=N, burn=100us, lose=N, repeat=N, swap=N, corrupt=N, drop=N, joined by commas")
	cmd.SetUsageFunc(writePlainUsage)
	return cmd
}

func loadtestSelftestCommand() *cobra.Command {
	var o selftest.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Prove on this machine that the load tester measures what it says",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if !asJSON {
				o.Out = out
			}
			for _, name := range o.Only {
				if !slices.Contains(selftest.Names(), name) {
					return usage(fmt.Errorf("the self-test has no part %q: --only takes %s", name, strings.Join(selftest.Names(), ", ")))
				}
			}
			all, err := selftest.Run(cmd.Context(), o)
			if err != nil {
				return loadtestError(cmd.Context(), err)
			}
			if asJSON {
				if err := writeJSON(out, all); err != nil {
					return err
				}
			}
			if selftest.Worst(all) == selftest.Failed {
				return status{result.ExitInvalid, errors.New("the load tester cannot be believed on this machine: a part of the self-test failed")}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&o.Only, "only", nil, "`parts` to run: "+strings.Join(selftest.Names(), ", "))
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the outcome as JSON")
	cmd.SetUsageFunc(writePlainUsage)
	return cmd
}
