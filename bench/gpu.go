package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The check of a device, step by step. scripts/gpu_check_run.sh calls `bench gpu -step
// NAME` for each, under a time limit, so that a driver that hangs costs one step and not
// the check. A step leaves NAME.json in the output folder, whatever became of it; later
// steps read what earlier ones measured, and the last one writes the report.

// outcome of a finding.
const (
	passed  = "passed"
	failed  = "failed"
	skipped = "skipped"
)

// finding is one thing that a step found out.
type finding struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	// Text is a sentence with figures.
	Text string `json:"text"`
}

// stepResult is what a step leaves behind.
type stepResult struct {
	Step     string    `json:"step"`
	Findings []finding `json:"findings"`
	Seconds  float64   `json:"seconds"`
	Data     any       `json:"data,omitempty"`
}

// gpuCheck is one step of the check under way.
type gpuCheck struct {
	*bench
	device  string
	folders string // where the device's libraries lie, separated by colons
	models  string // folder of bundles
	out     string
	rival   bool // another device would be chosen if the settings named none
	result  stepResult
	// drillLength is how long the load goes on after the fault; 0 means the usual time.
	drillLength time.Duration
}

// gpuSteps are in the order in which they run.
var gpuSteps = []string{"versions", "gates", "raw", "load", "nvml", "drill", "report"}

// step is a method by its name; nil if there is none.
func (c *gpuCheck) step(name string) func() (data any, err error) {
	return map[string]func() (any, error){
		"versions": c.versions, "gates": c.gates, "raw": c.rawSweeps, "load": c.load,
		"nvml": c.nvml, "drill": c.drill, "report": c.report,
	}[name]
}

func gpuStep(args []string) error {
	flags := flag.NewFlagSet("gpu", flag.ExitOnError)
	c := gpuCheck{bench: &bench{cores: runtime.NumCPU(), patience: 4 * time.Minute}}
	step := flags.String("step", "", "one of "+strings.Join(gpuSteps, ", "))
	server := flags.String("server", "bin/sluice", "the gateway's binary")
	flags.StringVar(&c.device, "device", "", "the device to check, such as cuda:0")
	flags.StringVar(&c.library, "library", "", "libonnxruntime.so")
	flags.StringVar(&c.folders, "library-folders", "", "where the device's libraries lie, separated by colons")
	flags.StringVar(&c.models, "models", "", "folder of bundles")
	flags.StringVar(&c.out, "out", "", "folder for what is found")
	flags.BoolVar(&c.quick, "quick", false, "shorter runs: a look, not a result")
	failure := flags.String("failed", "", "note that the step could not be run, and why")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, path := range []*string{server, &c.library, &c.models, &c.out} {
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	c.binPath = *server
	if c.step(*step) == nil {
		return fmt.Errorf("there is no step %q; the steps are %s", *step, strings.Join(gpuSteps, ", "))
	}
	return c.take(*step, *failure)
}

// errStep makes the step's exit status 1; all has been said.
var errStep = errors.New("the step failed")

// take runs a step, says what it found and leaves it in the output folder. A failure
// noted from outside is that of a step that was cut short.
func (c *gpuCheck) take(name, failure string) (err error) {
	began := time.Now()
	c.result = stepResult{Step: name, Findings: []finding{}}
	if failure != "" {
		// What the step had found before is kept.
		_ = c.read(name, &c.result)
		c.find(name, failed, "%s", failure)
		return errors.Join(c.leave(), errStep)
	}
	if c.self, err = os.Executable(); err != nil {
		return fmt.Errorf("cannot find this command's own binary: %w", err)
	}
	if c.dir, err = os.MkdirTemp("", "sluice-gpu-check-"); err != nil {
		return fmt.Errorf("cannot make a folder for requests and logs: %w", err)
	}
	defer c.close()
	os.Setenv("XDG_STATE_HOME", filepath.Join(c.dir, "state")) // of the gateways that it starts
	c.rival = c.anotherDevice()
	data, err := c.step(name)()
	if data != nil {
		c.result.Data = data
	}
	if err != nil {
		c.find(name, failed, "%v", err)
	}
	c.result.Seconds = round(time.Since(began).Seconds(), 1)
	if err := c.leave(); err != nil {
		return err
	}
	if slices.ContainsFunc(c.result.Findings, func(f finding) bool { return f.Outcome == failed }) {
		return errStep
	}
	return nil
}

// find notes a finding and prints it.
func (c *gpuCheck) find(name, outcome, format string, args ...any) {
	f := finding{name, outcome, fmt.Sprintf(format, args...)}
	c.result.Findings = append(c.result.Findings, f)
	_ = c.leave() // in case the step is cut short; at its end the error counts
	fmt.Printf("%-8s %-22s %s\n", f.Outcome, f.Name, strings.ReplaceAll(f.Text, "\n", "\n                                "))
}

// judge notes a finding that passed or failed.
func (c *gpuCheck) judge(ok bool, name, format string, args ...any) {
	outcome := failed
	if ok {
		outcome = passed
	}
	c.find(name, outcome, format, args...)
}

func (c *gpuCheck) file(step string) string { return filepath.Join(c.out, step+".json") }

func (c *gpuCheck) leave() error { return writeJSON(c.file(c.result.Step), &c.result) }

// read takes what an earlier step found. A Data of the wanted type is filled in.
func (c *gpuCheck) read(step string, into *stepResult) error {
	text, err := os.ReadFile(c.file(step))
	if err != nil {
		return fmt.Errorf("cannot read what step %s found: %w", step, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("cannot read what step %s found: %w", step, err)
	}
	return nil
}

// data is the figures of an earlier step; false if it left none.
func (c *gpuCheck) data(step string, into any) bool {
	r := stepResult{Data: into}
	return c.read(step, &r) == nil && r.Data != nil
}

// bundles are the models to check, by name, in order.
func (c *gpuCheck) bundles() ([]string, error) {
	entries, err := os.ReadDir(c.models)
	if err != nil {
		return nil, fmt.Errorf("cannot list the models: %w", err)
	}
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(c.modelFile(e.Name())); err == nil {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no model in %s: expected <name>/1/model.onnx", c.models)
	}
	return names, nil
}

func (c *gpuCheck) modelFile(model string) string {
	return filepath.Join(c.models, model, "1", "model.onnx")
}
