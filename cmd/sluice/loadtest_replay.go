package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/loadtest"
	"sluice/loadtest/result"
)

func loadtestReplayCommand() *cobra.Command {
	f := newLoadtestFlags()
	var o loadtest.ReplayOptions
	var c runFlags
	cmd := &cobra.Command{
		Use:   "replay TRACE URL",
		Short: "Send the arrivals of a recorded trace again",
		Long: `Send the arrivals of a recorded trace again, each at its instant: what sluice serve --record
wrote, or a file of intervals. Requests are as large as those that were recorded, and the very
same if the trace has payloads.

  sluice loadtest replay morning.jsonl localhost:8080
  sluice loadtest replay morning.jsonl localhost:8080 --speed 2 \
      --fail 'p99<20ms'`,
		Args: exactArgs("TRACE", "URL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Options, err = f.options(args[1]); err != nil {
				return loadtestError(cmd.Context(), err)
			}
			if err := c.options(&o.RunOptions); err != nil {
				return err
			}
			if !(o.Speed > 0) { // 0 is a default to the library, and no speed to a person
				return usage(fmt.Errorf("--speed %g is not above 0", o.Speed))
			}
			o.Trace = args[0]
			return f.with(cmd, &o.Options, func(ctx context.Context) (*result.Result, *loadtest.Detail, error) {
				return loadtest.Replay(ctx, o)
			})
		},
	}
	var g flagGroups
	load := g.group("The load")
	load.Float64Var(&o.Speed, "speed", 1, "times as fast as recorded")
	c.add(&g, load, "all of the trace")
	f.add(&g, load)
	f.report.add(&g, true)
	g.attach(cmd)
	return cmd
}

func loadtestRecordCommand() *cobra.Command {
	f := newLoadtestFlags()
	var out string
	cmd := &cobra.Command{
		Use:   "record URL",
		Short: "Ask a target for the right answers, and keep them for --expect",
		Long: `Ask a target for the answer to each request, one by one and twice, and keep them with the
requests. A target that answers differently the second time is not recorded (exit status 11).

  sluice loadtest record localhost:8080 --model ranker --out ranker.jsonl
  sluice loadtest run localhost:8080 --model ranker --expect ranker.jsonl`,
		Args: exactArgs("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(args[0])
			if err != nil {
				return loadtestError(cmd.Context(), err)
			}
			n, err := loadtest.Record(cmd.Context(), o, out)
			if err != nil {
				return loadtestError(cmd.Context(), err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d answers are in %s\n", n, out)
			return err
		},
	}
	var g flagGroups
	g.group("The file").StringVar(&out, "out", "expected.jsonl", "`file` to write")
	f.addRequests(g.group("What is sent"))
	f.addTolerance(g.group("How the two answers are compared"))
	f.addTarget(g.group("The target"))
	g.attach(cmd)
	return cmd
}
