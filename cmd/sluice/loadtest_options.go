package main

import (
	"errors"
	"fmt"
	neturl "net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sluice/loadtest"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/verify"
)

// options reads what was written.
func (f *loadtestFlags) options(url string) (o loadtest.Options, err error) {
	o = loadtest.Options{
		Target: loadtest.Target{
			URL: url, Model: f.model, Version: f.modelVersion, Template: f.template, PID: f.pid, Metrics: f.metrics, Expect: f.expect,
		},
		Seed: f.seed, Connections: f.connections, Timeout: f.timeout, Within: f.within, Unverified: f.unverified,
		RealTime: f.realTime, NoSpin: f.noSpin, Gather: f.gather, Awake: f.awake, OwnTarget: f.own, Tool: version, Argv: os.Args,
		Verify: verify.Options{Classifier: f.classifier, Fraction: f.fraction},
	}
	if f.timeout == 0 {
		return o, usage(errors.New("--timeout 0s leaves no time for an answer: give one above 0"))
	}
	if err := times(length{"--timeout", f.timeout}, length{"--within", f.within}, length{"--budget", f.budget}, length{"--gather", f.gather}, length{"--parameter-timeout", f.parameterTimeout}); err != nil {
		return o, err
	}
	if f.gather > loadtest.MostGather {
		return o, usage(fmt.Errorf("--gather %v is above %v: a run that sends so late is not valid", f.gather, loadtest.MostGather))
	}
	if f.gather == 0 {
		o.Gather = -1
	}
	if f.connections < 0 {
		return o, usage(fmt.Errorf("--conns %d is below 0: give how many at most, or 0 for as many as are needed", f.connections))
	}
	if f.metrics != "" && f.metrics != "none" {
		if u, err := neturl.Parse(f.metrics); err != nil || u.Scheme != "http" || u.Host == "" {
			return o, usage(fmt.Errorf("--metrics %q is neither none nor a URL such as http://127.0.0.1:8081/metrics", f.metrics))
		}
	}
	if !(f.fraction > 0 && f.fraction <= 1) {
		return o, usage(fmt.Errorf("--verify-fraction %g is not above 0 and up to 1; --no-verify compares nothing", f.fraction))
	}
	if f.unverified && f.expect != "" {
		return o, usage(errors.New("--expect says what answers must be, and --no-verify that they are not compared: leave one out"))
	}
	if f.tolerance != "" {
		t, err := verify.ParseTolerance(f.tolerance)
		if err != nil {
			return o, usage(withRemedy(err))
		}
		o.Verify.Tolerance = &t
	}
	if o.CPU, err = parsePin(f.pin); err != nil {
		return o, usage(withRemedy(err))
	}
	if o.Target.Payload, err = f.payload(); err != nil {
		return o, usage(withRemedy(err))
	}
	return o, nil
}

// length is a flag that is a length of time.
type length struct {
	name string
	time.Duration
}

// times wants none of several lengths below 0.
func times(all ...length) error {
	for _, l := range all {
		if l.Duration < 0 {
			return usage(fmt.Errorf("%s %v is below 0: give a length of time", l.name, l.Duration))
		}
	}
	return nil
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
