package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/models/gates"
	"sluice/serve"
)

// gpuVersions is the machine and what is installed on it.
type gpuVersions struct {
	Machine Machine `json:"machine"`
	Sluice  string  `json:"sluice"`
	// Inventory is what `sluice devices --json` says; null if it does not.
	Inventory *serve.Inventory `json:"inventory"`
	// Libraries are the files of CUDA, cuDNN and TensorRT in the device's folders.
	Libraries []string `json:"libraries"`
}

// output runs the gateway's binary, and returns what it printed, also if it failed.
func (c *gpuCheck) output(limit time.Duration, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binPath, args...)
	cmd.Env = c.env()
	text, stderr, err := output(cmd)
	if ctx.Err() != nil {
		err = fmt.Errorf("sluice %s was not done within %v", args[0], limit)
	}
	return string(text), stderr, err
}

func (c *gpuCheck) versions() (any, error) {
	v := &gpuVersions{Machine: machine(c.quick), Libraries: c.libraries()}
	text, _, err := c.output(10*time.Second, "--version")
	v.Sluice = strings.TrimPrefix(strings.TrimSpace(text), "sluice version ")
	if err != nil {
		return v, fmt.Errorf("cannot run %s: %w", c.binPath, err)
	}
	c.find("sluice", passed, "%s", v.Sluice)
	if v.Sluice != "" {
		v.Machine.Commit = v.Sluice
	}
	config, err := c.settings(true)
	if err != nil {
		return v, err
	}
	text, said, err := c.output(5*time.Minute, "devices", "--json", "--config", config)
	var inv serve.Inventory
	if err == nil {
		err = json.Unmarshal([]byte(text), &inv)
	}
	if err != nil {
		// A check of the CPU needs no list.
		outcome := failed
		if c.device == "cpu" {
			outcome = skipped
		}
		c.find("devices", outcome, "sluice devices lists none: %v\n%s", err, said)
		return v, nil
	}
	v.Inventory = &inv
	c.find("libraries", passed, "ONNX Runtime %s; NVIDIA's driver: %s; beside it: %s", cmp.Or(inv.Version, "unknown"), cmp.Or(inv.Driver, "none"), cmp.Or(strings.Join(v.Libraries, " "), "nothing else"))
	c.inventoryFindings(&inv)
	return v, nil
}

func (c *gpuCheck) inventoryFindings(inv *serve.Inventory) {
	for _, d := range inv.Devices {
		if d.Device != c.device {
			continue
		}
		why := strings.Trim(strings.Join(append(d.Missing, d.Error), "; "), "; ")
		c.judge(d.Usable, "device", "%s, %s: %s", d.Device, cmp.Or(d.GPU, "no name"), cmp.Or(why, "usable"))
		return
	}
	c.find("device", failed, "%s is not among the devices that sluice lists", c.device)
}

// kept are the libraries whose versions belong to the figures.
var kept = []string{"libcudart.so", "libcublas.so", "libcudnn.so", "libcufft.so", "libnvinfer.so", "libvulkan.so"}

// libraries are the names, with their versions, of what the device is built on and was
// packed with it.
func (c *gpuCheck) libraries() []string {
	found := []string{}
	for folder := range strings.SplitSeq(c.folders, ":") {
		// What cannot be read is not there.
		_ = filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			name := filepath.Base(path)
			if err == nil && slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(name, k) }) {
				found = append(found, name)
			}
			return nil
		})
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// anotherDevice tells from the first step's list whether a check of the CPU has to say so.
func (c *gpuCheck) anotherDevice() bool {
	var v gpuVersions
	if !c.data("versions", &v) || v.Inventory == nil {
		return false
	}
	for _, d := range v.Inventory.Devices {
		if d.Usable && d.Device != "cpu" {
			return true
		}
	}
	return false
}

// gates takes the models through the load gates, on the device and on the CPU.
func (c *gpuCheck) gates() (any, error) {
	config, err := c.settings(true)
	if err != nil {
		return nil, err
	}
	text, said, runErr := c.output(10*time.Minute, "check", "--json", "--config", config, c.models)
	var reports []gates.Report
	for lines := json.NewDecoder(strings.NewReader(text)); ; {
		var r gates.Report
		if err := lines.Decode(&r); err != nil {
			break // io.EOF, or cut short, which the exit status says too
		}
		if r.Name != "" { // the last object is about memory
			reports = append(reports, r)
		}
	}
	for _, r := range reports {
		for _, v := range r.Gates {
			c.gate(r.Name, v)
		}
		for _, d := range r.Devices {
			c.judge(d.State == gates.Placed, r.Name+" on "+d.Device, "%s", cmp.Or(d.Reason, string(d.State)))
		}
		c.served(&r)
	}
	var exit *exec.ExitError
	switch {
	case runErr == nil:
	case errors.As(runErr, &exit):
		c.find("check", failed, "sluice check: %v\n%s", runErr, said)
	default:
		return reports, runErr
	}
	return reports, nil
}

// gate reports those gates that say whether answers are right, and all that do not pass.
func (c *gpuCheck) gate(model string, v gates.Verdict) {
	switch v.Outcome {
	case gates.Skipped:
		if v.Gate == "golden" || v.Gate == "parity" {
			c.find(model+" "+v.Gate, skipped, "%s", v.Text)
		}
	case gates.Refused, gates.Changed: // the models of the check lose nothing on a good device
		c.find(model+" "+v.Gate, failed, "%s\n%s", v.Text, v.Detail)
	default:
		c.find(model+" "+v.Gate, passed, "%s", v.Text)
	}
}

// served makes sure that the device has a cost table, as the one that the model is to run on.
func (c *gpuCheck) served(r *gates.Report) {
	curve := r.Curve
	if len(r.Devices) > 0 {
		curve = nil
		for _, d := range r.Devices {
			if d.Device == c.device {
				curve = d.Curve
			}
		}
	}
	if len(curve) == 0 {
		c.find(r.Name+" costs", failed, "no cost table on %s", c.device)
		return
	}
	last := curve[len(curve)-1].Rows
	c.find(r.Name+" costs", passed, "on %s: 1 row in %v, %d rows in %v (%s rows/s)", c.device, curve.At(1).Round(time.Microsecond), last, curve.At(last).Round(time.Microsecond), figure(curve.RowsPerSecond(last)))
}
