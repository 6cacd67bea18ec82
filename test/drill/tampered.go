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
func (d *drill) tampered() (v verdict, err error) {
	refused, total := 0, 0
	var slipped []string
	source := filepath.Join(examples, "digits", "1")
	files, err := os.ReadDir(source)
	if err != nil {
		return v, err
	}
	try := func(name string, damage func(bundle string) error) error {
		total++
		dir, err := d.fresh()
		if err != nil {
			return err
		}
		bundle := filepath.Join(dir, "digits", "1")
		if err := os.CopyFS(bundle, os.DirFS(source)); err != nil {
			return err
		}
		if out, err := exec.Command(*binary, "models", "pin", dir).CombinedOutput(); err != nil {
			return fmt.Errorf("sluice models pin: %w: %s", err, out)
		}
		if err := damage(bundle); err != nil {
			return err
		}
		out, err := exec.Command(*binary, "check", "--models", dir).CombinedOutput()
		if err != nil {
			refused++
		} else {
			slipped = append(slipped, fmt.Sprintf("%s: %.200s", name, out))
		}
		return nil
	}
	for _, f := range files {
		for _, place := range []float64{0, 0.5, 0.999} {
			err := try(fmt.Sprintf("%s at %g", f.Name(), place), func(bundle string) error {
				path := filepath.Join(bundle, f.Name())
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				text[int(place*float64(len(text)))] ^= 1
				return os.WriteFile(path, text, 0o644)
			})
			if err != nil {
				return v, err
			}
		}
	}
	elsewhere := filepath.Join(d.dir, "elsewhere")
	if err := os.WriteFile(elsewhere, []byte("x"), 0o644); err != nil {
		return v, err
	}
	links := map[string]func(path string) error{
		"a link to another file": func(path string) error { return os.Symlink(elsewhere, path) },
		"a link to itself":       func(path string) error { return os.Symlink(path, path) },
		"a pipe":                 func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a folder":               func(path string) error { return os.Mkdir(path, 0o755) },
	}
	for name, replace := range links {
		err := try(name, func(bundle string) error {
			path := filepath.Join(bundle, "model.onnx")
			if err := os.Remove(path); err != nil {
				return err
			}
			return replace(path)
		})
		if err != nil {
			return v, err
		}
	}
	v.held = refused == total
	v.figure = fmt.Sprintf("%d of %d damaged bundles refused by `sluice check`", refused, total)
	if len(slipped) > 0 {
		v.figure += "; served: " + strings.Join(slipped, "; ")
	}
	return v, nil
}
