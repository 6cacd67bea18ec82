package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ended runs a command in a folder until it ends, and returns its exit status and what it said.
func ended(t *testing.T, dir string, args ...string) (status int, stderr string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), sluice, args...)
	cmd.Dir, cmd.Stderr = dir, &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// TestModelsFolderIsRefused holds what is said of a folder, or a path, that cannot be served: one
// sentence with the absolute path, and exit status 1, before any port is open.
func TestModelsFolderIsRefused(t *testing.T) {
	needLibrary(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "file.txt"), "x")
	put(t, filepath.Join(dir, "with", "models", "README.md"), "x")
	put(t, filepath.Join(dir, "a", "x"), "x")
	put(t, filepath.Join(dir, "b", "x"), "x")
	put(t, filepath.Join(dir, "one", "1", "model.onnx"), "x")
	put(t, filepath.Join(dir, "asfile", "models"), "x")
	f := func(in, want string, args ...string) {
		t.Helper()
		for _, verb := range []string{"serve", "check"} {
			status, said := ended(t, filepath.Join(dir, in), append([]string{verb}, args...)...)
			want := strings.ReplaceAll(want, "DIR", dir)
			if status != 1 || !strings.Contains(said, want) || strings.Count(strings.TrimSpace(said), "\n") > 0 {
				t.Errorf("%s %v in %q: exit status %d, %q, want %q", verb, args, in, status, said, want)
			}
		}
	}
	f("", "no models are named and the folder DIR/models is not there: name a folder with --models")
	f("with", "no models are named and the folder DIR/with/models holds none: name a folder")
	f("asfile", "no models are named, and the models folder DIR/asfile/models is a file")
	f("", "--models: models: cannot read the models folder DIR/nowhere: no such file or directory", "--models", "nowhere")
	f("", "--models: models: the models folder DIR/file.txt is a file", "--models", "file.txt")
	f("", "cannot find DIR/nowhere.onnx: no such file or directory", "nowhere.onnx")
	f("", "two folders of models are named, DIR/a and DIR/b", "a", "b")
	f("", "two folders of models are named, DIR/a and DIR/b", "--models", "a", "b")
	if os.Getuid() != 0 {
		put(t, filepath.Join(dir, "closed", "x"), "x")
		if err := os.Chmod(filepath.Join(dir, "closed"), 0); err != nil {
			t.Fatal(err)
		}
		f("", "cannot read the models folder DIR/closed: permission denied", "--models", "closed")
	}
	status, said := ended(t, dir, "check", "--models", "a")
	if want := "no model found in " + dir + "/a: "; status != 1 || !strings.Contains(said, want) {
		t.Errorf("check of an empty folder: %d %q, want %q", status, said, want)
	}
}

// TestFolderArgument serves a folder that is named without a flag, and files that lie in it flat.
func TestFolderArgument(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	text, err := os.ReadFile(filepath.Join(examples, "eta", "1", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "flat.onnx"), string(text))
	put(t, filepath.Join(dir, "own", "model.onnx"), string(text))
	g := startGateway(t, dir)
	request := golden(t, "eta")[0].Request
	for _, model := range []string{"eta", "flat", "own"} {
		g.infer(model, request)
	}
	put(t, filepath.Join(dir, "late.onnx.part"), string(text))
	if err := os.Rename(filepath.Join(dir, "late.onnx.part"), filepath.Join(dir, "late.onnx")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a file that came serves", func() bool {
		status, _ := g.get(g.predict + "/v2/models/late/versions/1/ready")
		return status == 200
	})
	g.infer("late", request)
}

// TestEmptyFolderIsWatched starts over a folder without models, says so with its path, and serves
// the first that comes.
func TestEmptyFolderIsWatched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := launchGateway(t, "--models", dir)
	eventually(t, "the folder is named", func() bool {
		return strings.Contains(g.Log(), `"dir":"`+dir+`"`)
	})
	copyBundle(t, "eta", dir, "1")
	eventually(t, "the model serves", func() bool {
		status, _ := g.get(g.predict + "/v2/models/eta/ready")
		return status == 200
	})
}
