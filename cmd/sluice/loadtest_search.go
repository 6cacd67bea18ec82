package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/loadtest"
	"sluice/loadtest/compare"
	"sluice/loadtest/result"
)

func loadtestCapacityCommand() *cobra.Command {
	f := newLoadtestFlags()
	var o loadtest.CapacityOptions
	var slo string
	cmd := &cobra.Command{
		Use:   "capacity URL",
		Short: "Find the highest rate at which a target holds an objective",
		Long: `Find the highest rate at which a target holds an objective.

Rates are tried upward by steps of a half, the gap between what held and what failed is
narrowed, and the best rate is confirmed with other seeds. A probe passes or fails only where
its requests show it with 99 % confidence; else it is made longer, and then is inconclusive.
At last the target is overloaded, and the time is taken until it holds the objective again.`,
		Args: exactArgs("URL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Options, err = f.options(args[0]); err != nil {
				return loadtestError(cmd.Context(), err)
			}
			if o.Search.Objective, err = result.ParseObjective(slo); err != nil {
				return usage(err)
			}
			return f.with(cmd, &o.Options, func(ctx context.Context) (*result.Result, *loadtest.Detail, error) {
				return loadtest.Capacity(ctx, o)
			})
		},
	}
	var g flagGroups
	flags := g.group("The search")
	flags.StringVar(&slo, "slo", "p99<10ms,err<0.1%,wrong==0", "the `objective`: a percentile of the response latency of all requests, and at will err and wrong")
	flags.Float64Var(&o.Search.Low, "low", 0, "`rate` to begin at (default 50)")
	flags.Float64Var(&o.Search.High, "high", 0, "`rate` that is not exceeded (default none)")
	flags.DurationVar(&o.Search.ProbeLength, "probe", 0, "how long a rate is looked at first (default 10s; with --quick 3s)")
	flags.DurationVar(&o.Search.ConfirmLength, "confirm", 0, "how long a confirmation takes (default 60s; with --quick 10s)")
	flags.IntVar(&o.Search.Confirmations, "confirmations", 0, "how many are needed (default 3; with --quick 1)")
	flags.Float64Var(&o.Search.Precision, "precision", 0, "how near the highest rate that holds and the lowest that fails are brought, as a `share` (default 0.05)")
	flags.BoolVar(&o.Search.Quick, "quick", false, "an answer in a minute or two that is worth less")
	flags.BoolVar(&o.NoRecovery, "no-recovery", false, "do not overload the target to see how it recovers")
	f.add(&g, flags)
	f.report.add(&g, false)
	g.attach(cmd)
	return cmd
}

// forgetProcess makes flags those of another process: what is known of A's is not true of B's.
func (f *loadtestFlags) forgetProcess() {
	f.pid = min(f.pid, 0) // below 0 nobody wants to look
	if f.metrics != "none" {
		f.metrics = ""
	}
}

func loadtestABCommand() *cobra.Command {
	f := newLoadtestFlags()
	var o loadtest.ABOptions
	var mode string
	var b struct{ protocol, model, version string }
	cmd := &cobra.Command{
		Use:   "ab URL_A [URL_B]",
		Short: "Compare two targets, or two ways to ask one, in one run",
		Long: `Compare two targets in one run. Both get the same requests at the same rate by turns, in a
random order; a fifth of the run compares targets with themselves (the A/A control). A
difference is told only if it is larger than chance and than what the control shows.

  sluice loadtest ab localhost:8080 localhost:9080 --model ranker
  sluice loadtest ab localhost:8080 --model ranker --protocol binary \
      --protocol-b json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage(fmt.Errorf("%s takes one or two targets, not %d", cmd.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Options, err = f.options(args[0]); err != nil {
				return loadtestError(cmd.Context(), err)
			}
			if err := times(length{"--duration", o.Length}, length{"--warmup", o.Warmup}); err != nil {
				return err
			}
			if o.Mode, o.Block, err = compare.ParseMode(mode); err != nil {
				return usage(err)
			}
			other := f
			other.protocol, other.model, other.modelVersion = cmp.Or(b.protocol, f.protocol), cmp.Or(b.model, f.model), cmp.Or(b.version, f.modelVersion)
			if last := args[len(args)-1]; last != args[0] {
				other.forgetProcess()
			}
			second, err := other.options(args[len(args)-1])
			if err != nil {
				return loadtestError(cmd.Context(), err)
			}
			o.B = second.Target
			if o.Mode == compare.Mirror {
				o.Compare = mirrorOptions(cmd.Context(), &o.Target)
			}
			return f.with(cmd, &o.Options, func(ctx context.Context) (*result.Result, *loadtest.Detail, error) {
				return loadtest.AB(ctx, o)
			})
		},
	}
	var g flagGroups
	flags := g.group("The comparison")
	flags.StringVar(&o.Load, "load", loadtest.DefaultLoad, "`expression`, as of run but not closed")
	flags.DurationVar(&o.Length, "duration", loadtest.DefaultABLength, "how long is measured")
	flags.DurationVar(&o.Warmup, "warmup", loadtest.DefaultWarmup, "before that, and left out")
	flags.StringVar(&mode, "mode", "block:1s", "`how` the targets share the run: block:LENGTH, request (each at random) or mirror (each to both, and B judged by the answers, see docs/compare.md)")
	flags.StringVar(&b.protocol, "protocol-b", "", "`form` of requests to B, if not that of those to A")
	flags.StringVar(&b.model, "model-b", "", "`name` of B's model, if not A's")
	flags.StringVar(&b.version, "model-version-b", "", "`version` of B's model, if not A's")
	f.add(&g, flags)
	f.report.add(&g, false)
	g.attach(cmd)
	return cmd
}
