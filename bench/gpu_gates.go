package main

import (
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

	"sluice/internal/cost"
)

// gpuVersions is the machine and what is installed on it.
type gpuVersions struct {
	Machine Machine `json:"machine"`
	Sluice  string  `json:"sluice"`
	// Inventory is what `sluice devices --json` says; null if it does not.
	Inventory *inventory `json:"inventory"`
	// Libraries are the files of CUDA, cuDNN and TensorRT in the device's folders.
	Libraries []string `json:"libraries"`
}

// inventory is the part of `sluice devices --json` that is used here.
type inventory struct {
	Library string `json:"library"`
	Version string `json:"version"`
	Driver  string `json:"nvidia_driver"`
	Devices []struct {
		Device  string   `json:"device"`
		GPU     string   `json:"gpu"`
		Usable  bool     `json:"usable"`
		Missing []string `json:"missing"`
		Error   string   `json:"error"`
	} `json:"devices"`
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
	var inv inventory
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
	c.find("libraries", passed, "ONNX Runtime %s; NVIDIA's driver: %s; beside it: %s", orElse(inv.Version, "unknown"), orElse(inv.Driver, "none"), orElse(strings.Join(v.Libraries, " "), "nothing else"))
	c.inventoryFindings(&inv)
	return v, nil
}

func (c *gpuCheck) inventoryFindings(inv *inventory) {
	for _, d := range inv.Devices {
		if d.Device != c.device {
			continue
		}
		why := strings.Trim(strings.Join(append(d.Missing, d.Error), "; "), "; ")
		c.judge(d.Usable, "device", "%s, %s: %s", d.Device, orElse(d.GPU, "no name"), orElse(why, "usable"))
		return
	}
	c.find("device", failed, "%s is not among the devices that sluice lists", c.device)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
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

// gateReport is the part of a `sluice check --json` report that is used here.
type gateReport struct {
	Name    string          `json:"name"`
	Version string          `json:"version"`
	Gates   []gateVerdict   `json:"gates"`
	Devices []deviceVerdict `json:"devices"`
	Curve   cost.Curve      `json:"curve"`
}

type gateVerdict struct {
	Gate    string `json:"gate"`
	Outcome string `json:"outcome"`
	Text    string `json:"text"`
	Detail  string `json:"detail,omitempty"`
}

type deviceVerdict struct {
	Device string        `json:"device"`
	State  string        `json:"state"`
	Reason string        `json:"reason,omitempty"`
	Gates  []gateVerdict `json:"gates,omitempty"`
	Curve  cost.Curve    `json:"curve"`
}

// gates takes the models through the load gates, on the device and on the CPU.
func (c *gpuCheck) gates() (any, error) {
	config, err := c.settings(true)
	if err != nil {
		return nil, err
	}
	text, said, runErr := c.output(10*time.Minute, "check", "--json", "--config", config, c.models)
	var reports []gateReport
	for lines := json.NewDecoder(strings.NewReader(text)); ; {
		var r gateReport
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
			c.judge(d.State == "placed", r.Name+" on "+d.Device, "%s", orElse(d.Reason, d.State))
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
func (c *gpuCheck) gate(model string, v gateVerdict) {
	switch v.Outcome {
	case "skipped":
		if v.Gate == "golden" || v.Gate == "parity" {
			c.find(model+" "+v.Gate, skipped, "%s", v.Text)
		}
	case "refused", "changed": // the models of the check lose nothing on a good device
		c.find(model+" "+v.Gate, failed, "%s\n%s", v.Text, v.Detail)
	default:
		c.find(model+" "+v.Gate, passed, "%s", v.Text)
	}
}

// served makes sure that the device has a cost table, as the one that the model is to run on.
func (c *gpuCheck) served(r *gateReport) {
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

// writeText writes a file of the output folder.
func (c *gpuCheck) writeText(name, text string) error {
	if err := os.WriteFile(filepath.Join(c.out, name), []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}
