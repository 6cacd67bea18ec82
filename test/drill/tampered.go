package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// tampered is P17.
func (t *trial) tampered() (v verdict) {
	refused, total := 0, 0
	var slipped []string
	source := filepath.Join(examples, "digits", "1")
	files, err := os.ReadDir(source)
	t.must(err)
	try := func(name, file string, damage func(path string) error) {
		total++
		dir := t.fresh()
		bundle := filepath.Join(dir, "digits", "1")
		t.must(os.CopyFS(bundle, os.DirFS(source)))
		if out, err := exec.Command(*binary, "models", "pin", dir).CombinedOutput(); err != nil {
			t.must(fmt.Errorf("sluice models pin: %w: %s", err, out))
		}
		t.must(damage(filepath.Join(bundle, file)))
		out, err := exec.Command(*binary, "check", "--models", dir).CombinedOutput()
		if err != nil {
			refused++
		} else {
			slipped = append(slipped, fmt.Sprintf("%s: %.200s", name, out))
		}
	}
	for _, f := range files {
		for _, place := range []float64{0, 0.5, 0.999} {
			try(fmt.Sprintf("%s at %g", f.Name(), place), f.Name(), func(path string) error {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				text[int(place*float64(len(text)))] ^= 1
				return os.WriteFile(path, text, 0o644)
			})
		}
	}
	elsewhere := filepath.Join(t.dir, "elsewhere")
	t.must(os.WriteFile(elsewhere, []byte("x"), 0o644))
	links := map[string]func(path string) error{
		"a link to another file": func(path string) error { return os.Symlink(elsewhere, path) },
		"a link to itself":       func(path string) error { return os.Symlink(path, path) },
		"a pipe":                 func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a folder":               func(path string) error { return os.Mkdir(path, 0o755) },
	}
	for name, replace := range links {
		try(name, "model.onnx", func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return replace(path)
		})
	}
	v.held = refused == total
	v.figure = fmt.Sprintf("%d of %d damaged bundles refused by `sluice check`", refused, total)
	if len(slipped) > 0 {
		v.figure += "; served: " + strings.Join(slipped, "; ")
	}
	return v
}
