package onnx

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// localeChild opens the models, lower-cases "ÄB" with each, and tells how that went. What a
// process can load it can load for good, so each case needs one of its own.
func localeChild(models string) int {
	if err := Init(Library{Path: os.Getenv("SLUICE_ONNXRUNTIME")}); err != nil {
		fmt.Println(err)
		return 1
	}
	for model := range strings.SplitSeq(models, ",") {
		text, err := normalize(model)
		if err != nil {
			fmt.Printf("%s: %v\n", model, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Printf("%s: %s\n", model, text)
	}
	return 0
}

func normalize(model string) (text string, err error) {
	schema := &tensor.Schema{
		Inputs:  []tensor.Spec{{Name: "x", Type: tensor.Bytes, Shape: dims(-1)}},
		Outputs: []tensor.Spec{{Name: "y", Type: tensor.Bytes, Shape: dims(-1), Dynamic: true}},
	}
	s, err := Open(modelPath(model), Options{Schema: schema})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	parts := []task.Part{whole(newTask(s, 1, input(dims(1), "ÄB")))}
	if _, err := s.Run(0, parts, clock.Never); err != nil {
		return "", err
	}
	if err := s.Scatter(0, parts); err != nil {
		return "", err
	}
	return string(parts[0].Task.Outputs[0].Data[4:]), nil
}

// TestMissingLocales: models that name a locale load where the system lacks it, and the private
// folder is trusted only if it is this user's.
func TestMissingLocales(t *testing.T) {
	needLibrary(t)
	if hasLocale("en_US.UTF-8") || hasLocale("de_DE.UTF-8") || hasLocale("tr_TR.UTF-8") {
		t.Skip("this machine has the locales that the models name")
	}
	f := func(models string, prepare func(dir string), want ...string) {
		t.Helper()
		dir := t.TempDir()
		if prepare != nil {
			prepare(dir)
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), childEnv+"="+models, "TMPDIR="+dir, "SLUICE_ONNXRUNTIME="+library.path)
		out, err := cmd.CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || len(lines) != len(want) {
			t.Fatalf("%s: %v\n%s", models, err, out)
		}
		for i, line := range lines {
			if !strings.Contains(line, want[i]) {
				t.Errorf("%s said %q, want %q", models, line, want[i])
			}
		}
	}
	f("normalizer", nil, "normalizer: äb")
	f("normalizer,normalizer_two,normalizer", nil, "normalizer: äb", "normalizer_two: äb", "normalizer: äb")
	f("normalizer_turkish,normalizer_two", nil, `"tr_TR.UTF-8", which the model names and the system lacks: its letters`, "normalizer_two: äb")
	folder := filepath.Base(localeFolder())
	f("normalizer", func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, folder), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "is not a folder of this user")
	f("normalizer", func(dir string) {
		path := filepath.Join(dir, folder)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}, "is not a folder of this user")
	t.Run("a folder of the operator's", func(t *testing.T) {
		own := t.TempDir()
		standIn, err := findStandIn()
		if err == nil {
			err = os.Symlink(standIn, filepath.Join(own, "en_US.UTF-8"))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(variable, own)
		f("normalizer", func(dir string) { // the private folder is not touched
			if err := os.WriteFile(filepath.Join(dir, folder), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "normalizer: äb")
		f("normalizer_two,normalizer", nil, "normalizer_two: äb", "normalizer: äb")
	})
	f("normalizer", func(dir string) { // what another process left is used again
		path := filepath.Join(dir, folder, "en_US.UTF-8")
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/nowhere", filepath.Join(path, "en_US.UTF-8")); err != nil {
			t.Fatal(err)
		}
	}, "normalizer: äb")
}

func TestLocaleNames(t *testing.T) {
	for _, name := range []string{"../../etc", "a/b", "", "x:y", "..", "en\x00"} {
		if err := linkLocale(name); err == nil || !strings.Contains(err.Error(), "no name of a locale") {
			t.Errorf("the locale %q ended with %v", name, err)
		}
	}
}
