package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/stats"
	"sluice/loadtest/verify"
)

// loadtestCommand joins the load tester's commands.
func loadtestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "loadtest",
		Short: "Measure a prediction server so that the numbers can be believed",
		Long: `Measure a prediction server: Sluice, Triton, MLServer, KServe or anything that speaks the
Open Inference Protocol over HTTP.

  sluice loadtest run localhost:8080
  sluice loadtest run localhost:8080 --model ranker --load poisson:2000 --duration 1m --fail 'p99<10ms'
  sluice loadtest capacity localhost:8080 --model ranker --slo 'p99<10ms,err<0.1%,wrong==0'
  sluice loadtest ab localhost:8080 localhost:9080 --model ranker

Latency counts from the instant at which a request should have been sent, whether or not the
target kept up. The exit status is 0 if all held, 2 for bad usage, 3 if the target is not ready,
10 if a threshold failed, 11 for wrong answers, 12 if the ledger does not close, 20 if the run is
INVALID (the generator was at fault, or there were too few samples) and 130 if it was interrupted.
Of several the worst counts, in the order 12, 11, 20, 10.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("there is no command %q below loadtest; sluice loadtest --help lists them", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(loadtestRunCommand(), loadtestCapacityCommand(), loadtestABCommand(), loadtestReplayCommand(),
		loadtestRecordCommand(), loadtestReportCommand(), loadtestFitCommand(), loadtestStubCommand(), loadtestSelftestCommand())
	for _, c := range append(cmd.Commands(), cmd) {
		c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	}
	return cmd
}

// exactArgs wants so many arguments, which it names.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage(fmt.Errorf("%s takes %d arguments (%v), not %d", cmd.CommandPath(), len(names), names, len(args)))
		}
		return nil
	}
}

// loadtestError gives an error of the load tester its exit status.
func loadtestError(err error) error {
	var bad *payload.UsageError
	var absent *payload.NotReadyError
	var unstable *verify.UnstableError
	var own status
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case errors.As(err, &bad):
		return status{result.ExitUsage, err}
	case errors.As(err, &absent):
		return status{result.ExitNotReady, err}
	case errors.As(err, &unstable):
		return status{result.ExitWrong, err}
	case errors.Is(err, context.Canceled):
		return status{result.ExitInterrupted, errors.New("interrupted before anything was measured")}
	}
	return err
}

func loadtestRunCommand() *cobra.Command {
	var f loadtestFlags
	var o loadtest.RunOptions
	var c runFlags
	cmd := &cobra.Command{
		Use:   "run URL",
		Short: "Load a target at a rate and report how it did",
		Args:  exactArgs("URL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Options, err = f.options(args[0]); err != nil {
				return loadtestError(err)
			}
			if err := c.options(&o); err != nil {
				return err
			}
			return f.with(cmd, &o.Options, func(ctx context.Context) (*result.Result, *loadtest.Detail, error) {
				return loadtest.Run(ctx, o)
			})
		},
	}
	f.add(cmd.Flags())
	c.add(cmd)
	cmd.Flags().StringVar(&o.Load, "load", loadtest.DefaultLoad, "poisson:R, constant:R, step:R1@10s,R2@10s, ramp:A..B@60s, burst:base=R,peak=P,on=200ms,every=5s, sine:mean=R,amp=A,period=T, trace:`FILE`[,speed=2], closed:N[,think=exp:5ms]")
	cmd.Flags().StringVar(&c.command, "target-cmd", "", "start this `command` as the target, and stop it at the end")
	return cmd
}

// runFlags are those of commands that make one run.
type runFlags struct {
	o       *loadtest.RunOptions
	fails   []string
	aborts  []string
	command string
}

func (c *runFlags) add(cmd *cobra.Command) {
	var none loadtest.RunOptions
	c.o = &none
	flags := cmd.Flags()
	flags.DurationVar(&c.o.Length, "duration", 0, "how long is measured (default what the load says, or 30s)")
	flags.DurationVar(&c.o.Warmup, "warmup", loadtest.DefaultWarmup, "before that, and left out")
	flags.Float64SliceVar(&c.o.Quantiles, "quantile", nil, "`quantiles` beside 0.5, 0.9, 0.95, 0.99 and 0.999")
	flags.StringArrayVar(&c.fails, "fail", nil, "fail (exit status 10) unless this `holds`: 'p99<10ms', 'p99<20ms for 5s', 'achieved>=99%', 'wrong==0', 'err<0.1%'")
	flags.StringArrayVar(&c.aborts, "abort", nil, "likewise, and end the run at once if it does not `hold`")
}

func (c *runFlags) options(o *loadtest.RunOptions) (err error) {
	o.Length, o.Warmup, o.Quantiles = c.o.Length, c.o.Warmup, c.o.Quantiles
	if o.Length < 0 || o.Warmup < 0 {
		return usage(fmt.Errorf("--duration %v and --warmup %v are times", o.Length, o.Warmup))
	}
	for _, q := range o.Quantiles {
		if !(q > 0 && q < 1) {
			return usage(fmt.Errorf("--quantile %g is not between 0 and 1", q))
		}
	}
	if o.Thresholds, err = conditions(c.fails, result.ParseThreshold); err != nil {
		return err
	}
	o.Aborts, err = conditions(c.aborts, result.ParseAbort)
	return err
}

func loadtestRecordCommand() *cobra.Command {
	var f loadtestFlags
	var out string
	cmd := &cobra.Command{
		Use:   "record URL",
		Short: "Ask a target for the right answers, one by one, and keep them for --expect",
		Args:  exactArgs("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(args[0])
			if err != nil {
				return loadtestError(err)
			}
			n, err := loadtest.Record(cmd.Context(), o, out)
			if err != nil {
				return loadtestError(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d answers are in %s\n", n, out)
			return err
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "expected.jsonl", "`file` to write")
	return cmd
}

func loadtestReplayCommand() *cobra.Command {
	var f loadtestFlags
	var o loadtest.ReplayOptions
	var c runFlags
	cmd := &cobra.Command{
		Use:   "replay TRACE URL",
		Short: "Send the arrivals of a recorded trace again",
		Args:  exactArgs("TRACE", "URL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Options, err = f.options(args[1]); err != nil {
				return loadtestError(err)
			}
			if err := c.options(&o.RunOptions); err != nil {
				return err
			}
			o.Trace = args[0]
			return f.with(cmd, &o.Options, func(ctx context.Context) (*result.Result, *loadtest.Detail, error) {
				return loadtest.Replay(ctx, o)
			})
		},
	}
	f.add(cmd.Flags())
	c.add(cmd)
	cmd.Flags().Float64Var(&o.Speed, "speed", 1, "times as fast as recorded")
	return cmd
}

// writeLatencies writes a run's histogram for other tools.
func writeLatencies(w io.Writer, r *result.Result) error {
	h, err := stats.DecodeHistogram(&r.Response)
	if err != nil {
		return err
	}
	return h.WriteHGRM(w)
}

