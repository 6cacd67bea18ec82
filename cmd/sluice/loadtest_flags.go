package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/loadtest"
)

// loadtestFlags are what the commands that load a target have in common, as they are written.
type loadtestFlags struct {
	protocol, template, source, span, expect, tolerance  string
	shapes, dims, headers                                []string
	variants, connections                                int
	budget, parameterTimeout, timeout, within, gather    time.Duration
	parameterPriority                                    uint64
	model, modelVersion                                  string
	pid                                                  int
	metrics, pin                                         string
	seed                                                 uint64
	classifier, unverified, realTime, noSpin, awake, own bool
	fraction                                             float64
	report                                               reportFlags
}

// newLoadtestFlags are the defaults, also of flags that a command does not have.
func newLoadtestFlags() loadtestFlags {
	return loadtestFlags{protocol: "binary", source: "random", timeout: 10 * time.Second, gather: loadtest.DefaultGather, seed: 1, fraction: 1}
}

// add adds the flags of a command that sends load, and returns the group of the target's. load
// is the group of what is sent when.
func (f *loadtestFlags) add(g *flagGroups, load *pflag.FlagSet) *pflag.FlagSet {
	load.IntVar(&f.connections, "conns", 0, "connections at most (default as many as are needed)")
	load.DurationVar(&f.timeout, "timeout", f.timeout, "patience with a request, from its intended start")
	f.addRequests(g.group("What is sent"))
	answers := g.group("How answers are checked")
	answers.StringVar(&f.expect, "expect", "", "known answers, a `file` of sluice loadtest record (default the target's own, asked one by one before the load)")
	answers.BoolVar(&f.unverified, "no-verify", false, "do not compare answers")
	answers.Float64Var(&f.fraction, "verify-fraction", f.fraction, "`part` of the answers that is compared")
	f.addTolerance(answers)
	target := g.group("The target")
	f.addTarget(target)
	target.IntVar(&f.pid, "pid", 0, "its process, to see what it uses (default the one that listens there; -1 none)")
	target.StringVar(&f.metrics, "metrics", "", "`URL` of its metrics, or none (default those of Sluice or Triton beside it)")
	tool := g.group("The load tester itself")
	tool.StringVar(&f.pin, "pin", "", "keep its sending thread on a core, gen=`N` from 0")
	tool.BoolVar(&f.realTime, "realtime", false, "ask for real-time priority for that thread")
	tool.BoolVar(&f.noSpin, "no-spin", false, "never look at the clock without sleep before a request: it then sends later, and leaves the core to a target that shares it")
	tool.DurationVar(&f.gather, "gather", f.gather, "where requests are less than 140 µs apart: how much later one may be sent, so that several go at once and cost less CPU")
	tool.BoolVar(&f.awake, "awake", false, "keep this machine's cores from sleeping (needs root): steadier figures, and an idle target is faster than it would be")
	return target
}

func (f *loadtestFlags) addTarget(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "model", "", "`name` of the model (default the only one that the target has)")
	flags.StringVar(&f.modelVersion, "model-version", "", "`version` of the model (default the target's choice)")
	flags.BoolVar(&f.own, "i-own-this-target", false, "load a target at an address that is not a loopback one")
}

func (f *loadtestFlags) addRequests(flags *pflag.FlagSet) {
	flags.StringVar(&f.protocol, "protocol", f.protocol, "`form` of requests: json or binary (Open Inference Protocol), or v1")
	flags.StringVar(&f.source, "payload", f.source, "`source` of inputs: random, random:wide (denormals and extremes too), zero, golden:FILE or npy:DIR")
	flags.StringVar(&f.span, "range", "", "draw random values from this `range`, such as -1..1")
	flags.StringArrayVar(&f.shapes, "shape", nil, "`shape` of an input, such as x=1,128")
	flags.StringArrayVar(&f.dims, "dim", nil, "`dimension` by variant: batch=8, batch=uniform:1-8, batch=choice:1|32, x.1=16")
	flags.IntVar(&f.variants, "variants", 0, "different requests (default 256, or all that a file has)")
	flags.Uint64Var(&f.seed, "seed", f.seed, "of all that is drawn: inputs, instants, order")
	flags.StringVar(&f.template, "template", "", "send this `file`, a plain HTTP request with {{seed}}, {{variant}} and {{id}} in it, instead of a model's")
	flags.StringArrayVar(&f.headers, "header", nil, "further `header` of each request, as 'Name: value'")
	flags.DurationVar(&f.budget, "budget", 0, "latency budget that each request asks for (Sluice-Budget-Ms)")
	flags.DurationVar(&f.parameterTimeout, "parameter-timeout", 0, "the protocol's timeout parameter")
	flags.Uint64Var(&f.parameterPriority, "parameter-priority", 0, "the protocol's priority parameter")
}

func (f *loadtestFlags) addTolerance(flags *pflag.FlagSet) {
	flags.StringVar(&f.tolerance, "tol", "", "tolerance of floats, `abs,rel` (default by type; 1e-5,1e-4 for FP32)")
	flags.BoolVar(&f.classifier, "classifier", false, "the largest output must be at the same place too")
}

// flagGroups are the flags of a command under headings: thirty in the order of the alphabet
// help nobody.
type flagGroups struct {
	titles []string
	sets   []*pflag.FlagSet
}

// group begins a group, which is shown after those before.
func (g *flagGroups) group(title string) *pflag.FlagSet {
	set := pflag.NewFlagSet(title, pflag.ContinueOnError)
	set.SortFlags = false
	g.titles, g.sets = append(g.titles, title), append(g.sets, set)
	return set
}

// attach gives a command its flags, and a help that shows them so.
func (g *flagGroups) attach(cmd *cobra.Command) {
	for _, set := range g.sets {
		cmd.Flags().AddFlagSet(set)
	}
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		w := cmd.OutOrStdout()
		if _, err := fmt.Fprintf(w, "Usage:\n  %s\n", cmd.UseLine()); err != nil {
			return err
		}
		for i, set := range g.sets {
			if _, err := fmt.Fprintf(w, "\n%s:\n%s", g.titles[i], set.FlagUsagesWrapped(helpColumns())); err != nil {
				return err
			}
		}
		return nil
	})
}
