package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/verify"
)

// loadtestFlags are what the commands that load a target have in common, as they are written.
type loadtestFlags struct {
	protocol, template, source, span, expect, tolerance string
	shapes, dims, headers                               []string
	variants, connections                               int
	budget, parameterTimeout, timeout, within           time.Duration
	parameterPriority                                   uint64
	model, modelVersion                                 string
	pid                                                 int
	metrics, pin                                        string
	seed                                                uint64
	classifier, unverified, realTime, noSpin, own       bool
	fraction                                            float64
	report                                              reportFlags
}

func (f *loadtestFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "model", "", "`name` of the model (default the only one that the target has)")
	flags.StringVar(&f.modelVersion, "model-version", "", "`version` of the model (default the target's choice)")
	flags.StringVar(&f.protocol, "protocol", "binary", "how requests are written: json or binary (Open Inference Protocol), or v1")
	flags.StringVar(&f.template, "template", "", "send this `file`, a plain HTTP request with {{seed}}, {{variant}} and {{id}} in it, instead of a model's")
	flags.StringVar(&f.source, "payload", "random", "where inputs come from: random, random:wide, zero, golden:`FILE` or npy:DIR")
	flags.StringVar(&f.span, "range", "", "draw random values from this `range`, such as -1..1")
	flags.StringArrayVar(&f.shapes, "shape", nil, "`shape` of an input, such as x=1,128")
	flags.StringArrayVar(&f.dims, "dim", nil, "`dimension` by variant: batch=8, batch=uniform:1-8, batch=choice:1|32, x.1=16")
	flags.IntVar(&f.variants, "variants", 0, "different requests (default 256, or all that a file has)")
	flags.StringArrayVar(&f.headers, "header", nil, "further `header` of each request, as 'Name: value'")
	flags.DurationVar(&f.budget, "budget", 0, "latency budget that each request asks for (Sluice-Budget-Ms)")
	flags.DurationVar(&f.parameterTimeout, "parameter-timeout", 0, "the protocol's timeout parameter")
	flags.Uint64Var(&f.parameterPriority, "parameter-priority", 0, "the protocol's priority parameter")
	flags.IntVar(&f.connections, "conns", 0, "connections at most (default as many as are needed)")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "patience with a request, from its intended start")
	flags.DurationVar(&f.within, "within", 0, "also count the answers that take no more than this")
	flags.Uint64Var(&f.seed, "seed", 1, "of all that is drawn")
	flags.StringVar(&f.expect, "expect", "", "known answers, a `file` of `sluice loadtest record` (default the target's own, asked one by one before the load)")
	flags.BoolVar(&f.unverified, "no-verify", false, "do not compare answers")
	flags.StringVar(&f.tolerance, "tol", "", "tolerance of floats, `abs,rel` (default by type; 1e-5,1e-4 for FP32)")
	flags.BoolVar(&f.classifier, "classifier", false, "the largest output must be at the same place too")
	flags.Float64Var(&f.fraction, "verify-fraction", 1, "`part` of the answers that is compared")
	flags.IntVar(&f.pid, "pid", 0, "the target's process (default the one that listens there; -1 none)")
	flags.StringVar(&f.metrics, "metrics", "", "`URL` of the target's metrics, or none (default Sluice's admin port beside the target)")
	flags.StringVar(&f.pin, "pin", "", "keep the sending thread on a core, gen=`N` from 0")
	flags.BoolVar(&f.realTime, "realtime", false, "ask for real-time priority for the sending thread")
	flags.BoolVar(&f.noSpin, "no-spin", false, "never look at the clock without sleep before a request: sends later, and leaves the core to a target that shares it")
	flags.BoolVar(&f.own, "i-own-this-target", false, "load a target that is not on this machine")
	f.report.add(flags)
}

// options reads what was written.
func (f *loadtestFlags) options(url string) (o loadtest.Options, err error) {
	o = loadtest.Options{
		Target: loadtest.Target{
			URL: url, Model: f.model, Version: f.modelVersion, Template: f.template, PID: f.pid, Metrics: f.metrics, Expect: f.expect,
		},
		Seed: f.seed, Connections: f.connections, Timeout: f.timeout, Within: f.within, Unverified: f.unverified,
		RealTime: f.realTime, NoSpin: f.noSpin, OwnTarget: f.own, Tool: version, Argv: os.Args,
		Verify: verify.Options{Classifier: f.classifier, Fraction: f.fraction},
	}
	if f.timeout <= 0 || f.within < 0 || f.budget < 0 || f.parameterTimeout < 0 {
		return o, usage(fmt.Errorf("--timeout, --within, --budget and --parameter-timeout are times above 0"))
	}
	if !(f.fraction > 0 && f.fraction <= 1) {
		return o, usage(fmt.Errorf("--verify-fraction %g is not above 0 and up to 1; --no-verify compares nothing", f.fraction))
	}
	if f.tolerance != "" {
		t, err := verify.ParseTolerance(f.tolerance)
		if err != nil {
			return o, usage(err)
		}
		o.Verify.Tolerance = &t
	}
	if o.CPU, err = parsePin(f.pin); err != nil {
		return o, usage(err)
	}
	if o.Target.Payload, err = f.payload(); err != nil {
		return o, usage(err)
	}
	return o, nil
}

func parsePin(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	core, ok := strings.CutPrefix(text, "gen=")
	n, err := strconv.Atoi(core)
	if !ok || err != nil || n < 0 || n >= runtime.NumCPU() {
		return 0, fmt.Errorf("--pin %q is not gen=N with a core from 0 to %d", text, runtime.NumCPU()-1)
	}
	return n + 1, nil
}

func (f *loadtestFlags) payload() (p payload.Options, err error) {
	p = payload.Options{
		Source: f.source, Variants: f.variants, Seed: f.seed, Budget: f.budget,
		Timeout: f.parameterTimeout, Priority: f.parameterPriority, Headers: f.headers,
		Shapes: map[string][]int64{}, Dims: map[string]payload.Dim{},
	}
	switch f.protocol {
	case "json":
		p.Protocol = payload.JSON
	case "binary":
		p.Protocol = payload.Binary
	case "v1":
		p.Protocol = payload.V1
	default:
		return p, fmt.Errorf("--protocol %q is not one of json, binary and v1", f.protocol)
	}
	if f.span != "" {
		r, err := payload.ParseRange(f.span)
		if err != nil {
			return p, err
		}
		p.Range = &r
	}
	for _, text := range f.shapes {
		input, shape, err := payload.ParseShape(text)
		if err != nil {
			return p, err
		}
		p.Shapes[input] = shape
	}
	for _, text := range f.dims {
		key, dim, err := payload.ParseDim(text)
		if err != nil {
			return p, err
		}
		p.Dims[key] = dim
	}
	return p, nil
}

// conditions reads thresholds.
func conditions(texts []string, parse func(string) (result.Condition, error)) (all []result.Condition, err error) {
	for _, text := range texts {
		c, err := parse(text)
		if err != nil {
			return nil, usage(err)
		}
		all = append(all, c)
	}
	return all, nil
}
