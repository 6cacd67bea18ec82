package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/started"
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
  sluice loadtest run localhost:8080 --model ranker --load poisson:2000 \
      --duration 1m --fail 'p99<10ms'
  sluice loadtest capacity localhost:8080 --model ranker \
      --slo 'p99<10ms,err<0.1%,wrong==0'
  sluice loadtest ab localhost:8080 localhost:9080 --model ranker

Latency counts from the instant at which a request should have been sent, whether or not the
target kept up. The exit status is 0 if all held, 2 for bad usage, 3 if the target is not ready,
10 if a threshold failed, 11 for wrong answers, 12 if the ledger does not close, 20 if the run is
INVALID (the generator was at fault, or there were too few samples) and 130 if it was interrupted.
Of several the worst counts, in the order 12, 11, 20, 10.`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(loadtestRunCommand(), loadtestCapacityCommand(), loadtestABCommand(), loadtestReplayCommand(),
		loadtestRecordCommand(), loadtestReportCommand(), loadtestFitCommand(), loadtestStubCommand(), loadtestSelftestCommand())
	return cmd
}

// noCommand refuses what is no command below one that only holds others.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(fmt.Errorf("there is no command %q below %s; %s --help lists them", args[0], cmd.Name(), cmd.CommandPath()))
}

// exactArgs wants so many arguments, which it names.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		what := strings.Join(names, " and ")
		empty := slices.Index(args, "")
		switch {
		case len(args) == len(names) && empty < 0:
			return nil
		case len(args) == len(names):
			return usage(fmt.Errorf("%s needs a %s that is not empty", cmd.CommandPath(), names[empty]))
		case len(names) == 0:
			return usage(fmt.Errorf("%s takes flags only, not %q", cmd.CommandPath(), args[0]))
		case len(args) == 0:
			return usage(fmt.Errorf("%s needs %s; --help says more", cmd.CommandPath(), what))
		}
		return usage(fmt.Errorf("%s takes %s, not %q; --help says more", cmd.CommandPath(), what, strings.Join(args, " ")))
	}
}

// loadtestError gives an error of the load tester its exit status. Where the context has ended,
// that is why, whatever it was that could not be done any more.
func loadtestError(ctx context.Context, err error) error {
	var bad *payload.UsageError
	var absent *payload.NotReadyError
	var unstable *verify.UnstableError
	var own status
	err = withRemedy(err)
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case ctx.Err() != nil:
		return status{result.ExitInterrupted, errors.New("interrupted before anything was measured")}
	case errors.As(err, &bad):
		return status{result.ExitUsage, err}
	case errors.As(err, &absent):
		return status{result.ExitNotReady, err}
	case errors.As(err, &unstable):
		return status{result.ExitWrong, err}
	}
	return err
}

// withRemedy adds what to do about a fault of the system.
func withRemedy(err error) error {
	var dial *net.OpError
	var host *net.DNSError
	switch {
	case errors.As(err, &host):
		return fmt.Errorf("%w; correct the target's URL", err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w; is it running, and is that its address?", err)
	}
	return err
}

func loadtestRunCommand() *cobra.Command {
	f := newLoadtestFlags()
	var o loadtest.RunOptions
	var c runFlags
	var command string
	cmd := &cobra.Command{
		Use:   "run URL",
		Short: "Load a target at a rate and report how it did",
		Long: `Load a target at a rate and report how it did.

  sluice loadtest run localhost:8080
  sluice loadtest run localhost:8080 --model ranker --load poisson:2000 \
      --duration 1m --fail 'p99<10ms'
  sluice loadtest run localhost:8080 --load 'ramp:100..2000@60s' \
      --html ramp.html
  sluice loadtest run localhost:8080 --json - \
      --target-cmd 'sluice serve --models models' > result.json`,
		Args: exactArgs("URL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Options, err = f.options(args[0]); err != nil {
				return loadtestError(cmd.Context(), err)
			}
			if err := c.options(&o); err != nil {
				return err
			}
			return f.with(cmd, &o.Options, func(ctx context.Context) (*result.Result, *loadtest.Detail, error) {
				if cmd.Flags().Changed("target-cmd") {
					return started.Run(ctx, command, o)
				}
				return loadtest.Run(ctx, o)
			})
		},
	}
	var g flagGroups
	load := g.group("The load")
	load.StringVar(&o.Load, "load", loadtest.DefaultLoad, "`expression`: poisson:R, constant:R, gamma:R,cv=3, step:R1@10s,R2@10s, ramp:A..B@60s, burst:base=R,peak=P,on=200ms,every=5s, sine:mean=R,amp=A,period=T, trace:FILE[,speed=2], closed:N[,think=exp:5ms]")
	c.add(&g, load, "what the load says, or 30s")
	target := f.add(&g, load)
	target.StringVar(&command, "target-cmd", "", "start this `command` as the target, without a shell, wait until it is ready, and stop it at the end")
	f.report.add(&g, true)
	g.attach(cmd)
	return cmd
}

// runFlags are those of commands that make one run.
type runFlags struct {
	length, warmup time.Duration
	within         time.Duration
	quantiles      []string
	fails, aborts  []string
}

// add adds the flags that say how long, and those that say what is wanted. length says what
// the default is.
func (c *runFlags) add(g *flagGroups, load *pflag.FlagSet, length string) {
	load.DurationVar(&c.length, "duration", 0, "how long is measured (default "+length+")")
	load.DurationVar(&c.warmup, "warmup", loadtest.DefaultWarmup, "before that, and left out")
	want := g.group("What is wanted")
	want.StringArrayVar(&c.fails, "fail", nil, "exit with 10 unless this `condition` holds: 'p99<10ms' (of all requests; ok.p99 of right answers), 'p99<20ms for 5s', 'achieved>=99%', 'wrong==0', 'err<0.1%'; may be repeated")
	want.StringArrayVar(&c.aborts, "abort", nil, "likewise, and end the run at once if the `condition` does not hold")
	want.DurationVar(&c.within, "within", 0, "also count the answers that take no more than this")
	want.StringSliceVar(&c.quantiles, "quantile", nil, "report these `quantiles` beside 0.5, 0.9, 0.95, 0.99 and 0.999, such as 0.75,0.9999")
}

func (c *runFlags) options(o *loadtest.RunOptions) (err error) {
	o.Length, o.Warmup, o.Within = c.length, c.warmup, c.within
	if err := times(length{"--duration", c.length}, length{"--warmup", c.warmup}, length{"--within", c.within}); err != nil {
		return err
	}
	o.Quantiles = nil
	for _, text := range c.quantiles {
		q, err := strconv.ParseFloat(text, 64)
		if err != nil || !(q > 0 && q < 1) {
			return usage(fmt.Errorf("--quantile %q is not a number between 0 and 1, such as 0.999", text))
		}
		o.Quantiles = append(o.Quantiles, q)
	}
	if o.Thresholds, err = conditions(c.fails, result.ParseThreshold); err != nil {
		return err
	}
	o.Aborts, err = conditions(c.aborts, result.ParseAbort)
	return err
}
