package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// most is the largest batch that is asked for.
func (c *gpuCheck) most() int {
	switch {
	case c.quick:
		return 2
	case c.device == "cpu":
		return 64
	}
	return 128
}

// settings writes the gateway's file: the device alone, or before the CPU.
func (c *gpuCheck) settings(fallback bool) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "onnxruntime: {library: %q}\n", c.library)
	warmup := ""
	if c.quick {
		warmup = ", warmup: 50ms"
	}
	fmt.Fprintf(&b, "model_defaults: {max_batch: %d%s}\n", c.most(), warmup)
	// A list of the CPU alone says nothing where it is all there is.
	if c.device != "cpu" || c.rival {
		b.WriteString("devices:\n")
		fmt.Fprintf(&b, "  - name: %q\n", c.device)
		if c.device != "cpu" && c.folders != "" {
			b.WriteString("    library_folders:\n")
			for folder := range strings.SplitSeq(c.folders, ":") {
				fmt.Fprintf(&b, "      - %q\n", folder)
			}
		}
		if c.device != "cpu" && fallback {
			b.WriteString("  - name: cpu\n")
		}
	}
	name := "device.yaml"
	if fallback {
		name = "fallback.yaml"
	}
	path := filepath.Join(c.out, name)
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return "", fmt.Errorf("cannot write the gateway's settings: %w", err)
	}
	return path, nil
}

// start serves one model.
func (c *gpuCheck) start(model string, fallback bool) (*process, error) {
	config, err := c.settings(fallback)
	if err != nil {
		return nil, err
	}
	// The folder holds one bundle, so that nothing else takes the device's memory.
	dir := filepath.Join(c.dir, model+"-models")
	if _, err := os.Stat(filepath.Join(dir, model)); err != nil {
		if err := os.CopyFS(filepath.Join(dir, model), os.DirFS(filepath.Join(c.models, model))); err != nil {
			return nil, fmt.Errorf("cannot make a folder of one model: %w", err)
		}
	}
	return c.serveModel(model, "--config", config, "--models", dir)
}

// deviceOf reads Sluice-Device, such as `cpu;reason=spill`, out of an answer's head.
func deviceOf(head http.Header) (device, reason string) {
	device, reason, _ = strings.Cut(head.Get("Sluice-Device"), ";")
	return device, strings.TrimPrefix(strings.TrimSpace(reason), "reason=")
}
