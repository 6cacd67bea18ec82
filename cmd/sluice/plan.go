package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/plan"
	"sluice/plan/report"
	"sluice/plan/study"
)

// statusNotHeld is the exit status of a study whose objectives do not hold, as of a load
// test that failed its thresholds.
const statusNotHeld = 10

// planCommand answers what-if questions about a fleet.
func planCommand() *cobra.Command {
	var file, page string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan [STUDY.yaml]",
		Short: "Simulate traffic on a fleet with the real scheduler",
		Long: `Simulate traffic on a fleet: the very scheduler of the gateway on a virtual clock, with
devices that are known by their cost tables. Says what part of the requests would be
answered in time, and, with --slo and --search, the smallest fleet that holds the objective.

  sluice plan --cost gpu=1:2.1ms,8:3.9ms,32:11.2ms --fleet gpu=1 --budget 20ms \
      --load poisson:1500 --scale 5x --slo 'p99<20ms' --search gpu

begins with

  3 GPUs hold p99<20ms at 7508 requests/s (5x); 2 GPUs do not

The exit status is 10 if an objective does not hold, 1 for bad input, 2 for bad usage.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("plan takes one study file, not %d", len(args)))
			}
			if len(args) == 1 {
				file = args[0]
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := study.Read(file, given(cmd.Flags()))
			if err != nil {
				return err
			}
			if page != "" && len(q.Factors) == 0 {
				q.Factors = pageFactors
			}
			a, err := plan.Ask(cmd.Context(), q)
			if err != nil {
				return err
			}
			if err := writeAnswer(cmd.OutOrStdout(), a, page, asJSON); err != nil {
				return err
			}
			if a.Held != nil && !*a.Held {
				return status{statusNotHeld, errQuiet}
			}
			return nil
		},
	}
	for _, o := range study.Options {
		if o.Many {
			cmd.Flags().StringArray(o.Name, nil, o.Help)
		} else {
			cmd.Flags().String(o.Name, "", o.Help)
		}
	}
	cmd.SetUsageFunc(writePlainUsage)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	cmd.Flags().StringVar(&page, "html", "", "also write the answer as one HTML page with curves to this `file`")
	return cmd
}

// given has the texts of the flags that are set.
func given(flags *pflag.FlagSet) func(name string) []string {
	return func(name string) []string {
		f := flags.Lookup(name)
		if f == nil || !f.Changed {
			return nil
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			return list.GetSlice()
		}
		return []string{f.Value.String()}
	}
}

// pageFactors are the loads of a page's curves if none are asked for.
var pageFactors = []float64{0.25, 0.5, 0.7, 0.85, 1, 1.15, 1.3, 1.5, 2}

func writeAnswer(out io.Writer, a *plan.Answer, page string, asJSON bool) error {
	if page != "" {
		f, err := os.Create(page)
		if err != nil {
			return fmt.Errorf("cannot write the page: %w", err)
		}
		if err := errors.Join(report.HTML(f, a), f.Close()); err != nil {
			return fmt.Errorf("cannot write the page: %w", err)
		}
	}
	if !asJSON {
		return report.Text(out, a)
	}
	return writeJSON(out, a)
}
