// Command bench measures the gateway against its ceilings, on this machine, in one run:
// an HTTP server that does nothing, the model without a server, and Sluice as it is
// shipped. It prints a table and writes the figures as JSON.
//
// Every measured thing is a process of its own, so that its CPU time is its own: the
// gateway, the HTTP ceiling, the raw sessions, and the load, which is that of `sluice loadtest`,
// the tool that the gateway is shipped with: it compares the gateway's answers with known ones,
// accounts for every request, and says which runs are about itself or the machine. All speak
// over loopback, all are stopped by their process id, and each step is bounded in time and count.
//
// Figures of two servers are taken in turns, so that a slow minute of the machine hits
// both, and medians are compared.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/serve"
)

// parts are what -only chooses from, in the order in which they run.
var parts = []string{"allocs", "binary", "json", "idle", "half", "goodput", "overload", "storm", "promises", "retries", "predictions", "access", "predlog"}

func main() {
	serve.Child() // a device that opens no model is tried in a process of its own
	var err error
	switch arg := append(os.Args, "")[1]; arg {
	case "ceiling":
		err = ceiling(os.Args[2:])
	case "raw":
		err = raw(os.Args[2:])
	case "mix":
		err = mix(os.Args[2:])
	case "retries":
		err = retries(os.Args[2:])
	case "convert":
		err = convert(os.Args[2:])
	case "resnet":
		err = resnet(os.Args[2:])
	case "gpu":
		err = gpuStep(os.Args[2:])
	default:
		err = run()
	}
	if err != nil {
		if !errors.Is(err, errStep) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

func run() error {
	quick := flag.Bool("quick", false, "shorter runs: a look, not a result")
	only := flag.String("only", "", "run only these parts, separated by commas: "+strings.Join(parts, ", "))
	out := flag.String("out", "", "where to write the figures (default bench/latest.json for a whole run, else nowhere)")
	server := flag.String("server", "bin/sluice", "the gateway's binary, which is the load tester's too")
	flag.Parse()
	wanted, err := choose(*only)
	if err != nil {
		return err
	}
	if *out == "" && *only == "" && !*quick {
		*out = filepath.Join("bench", "latest.json")
	}
	b, err := newBench(*server, *quick)
	if err != nil {
		return err
	}
	defer b.close()
	started := time.Now()
	steps := map[string]func() error{
		"allocs": b.allocs, "binary": b.binary, "json": b.json, "idle": b.idle, "half": b.half,
		"goodput": b.goodput, "overload": b.overload, "storm": b.storm, "access": b.access,
		"promises": b.promises, "retries": b.retries, "predictions": b.predictions, "predlog": b.predLog,
	}
	for _, part := range parts {
		if !wanted[part] {
			continue
		}
		b.say("%s ...", part)
		if err := steps[part](); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	b.result.Seconds = round(time.Since(started).Seconds(), 1)
	b.result.print(os.Stdout)
	if *out == "" {
		return nil
	}
	return writeJSON(*out, &b.result)
}

// choose reads -only.
func choose(only string) (map[string]bool, error) {
	wanted := map[string]bool{}
	for _, part := range parts {
		wanted[part] = only == ""
	}
	if only == "" {
		return wanted, nil
	}
	for part := range strings.SplitSeq(only, ",") {
		if _, known := wanted[part]; !known {
			return nil, fmt.Errorf("there is no part %q; the parts are %s", part, strings.Join(parts, ", "))
		}
		wanted[part] = true
	}
	return wanted, nil
}
