package models

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/onnxfile"
	"sluice/models/bundle"
)

// TestDiscoverLayouts finds models however their files are laid out, and says in one sentence what
// is wrong with what looks like a model.
func TestDiscoverLayouts(t *testing.T) {
	f := func(bundles, faults string, files ...string) {
		t.Helper()
		w := newWorld(t)
		for _, file := range files {
			path, text, _ := strings.Cut(file, "=")
			write(t, filepath.Join(w.dir, path), text)
		}
		found, wrong, err := bundle.Discover(w.dir)
		if err != nil {
			t.Fatal(err)
		}
		var got, said []string
		for _, b := range found {
			at, err := filepath.Rel(w.dir, b.ModelPath())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b.Label()+":"+at)
		}
		for _, fault := range wrong {
			said = append(said, fault.Error())
		}
		if strings.Join(got, " ") != bundles || strings.Join(said, "\n") != faults {
			t.Errorf("%q:\n got %q and %q\nwant %q and %q", files, got, said, bundles, faults)
		}
	}
	f("", "", "README.md", ".hidden.onnx")
	f("a/1:a.onnx b-2/1:b-2.onnx", "", "a.onnx", "a.onnx.data", "b-2.onnx", "notes.txt")
	f("c/1:c/1/model.onnx a/1:a.onnx", "", "a.onnx", "c/1/model.onnx")
	f("", `cannot serve my net.onnx: the model name "my net" has " " at byte 2; letters, digits, '_', '.' and '-' are allowed; rename the file`, "my net.onnx")
	f("a/1:a/1/model.onnx", "a.onnx and the folder a are both a/1: the folder is served; rename the file or the folder", "a.onnx", "a/1/model.onnx")
	f("a/2:a/2/model.onnx a/1:a.onnx", "", "a.onnx", "a/2/model.onnx")
	f("a/1:a/model.onnx", "", "a/model.onnx", "a/weights.bin", "a/README.md")
	f("a/1:a/model.onnx", "", "a/model.onnx", "a/notes/x")
	f("a/1:a/1/model.onnx", "a/model.onnx lies outside of the version folders and is not served: move it to a/<version>/model.onnx", "a/1/model.onnx", "a/model.onnx")
	f("", "a/model.onnx lies outside a version folder: move it to a/1/model.onnx", "a/1/x", "a/model.onnx")
	f("", "1/model.onnx lies in a folder that is named like a version: if the models folder is that of one model, name the folder above it", "1/model.onnx")
	f("", "a holds net.onnx and no model.onnx: rename it, or name it as default_model_filename in a/config.pbtxt", "a/net.onnx")
	f("", "a/1 has no model.onnx: rename net.onnx, or name it as default_model_filename in a/config.pbtxt", "a/1/net.onnx")
	f("a/1:a/1/net.onnx", "", "a/1/net.onnx", `a/config.pbtxt=default_model_filename: "net.onnx"`)
	f("a/1:a/1/model.onnx/model.onnx", "", "a/1/model.onnx/model.onnx", "a/1/model.onnx/weights")
	f("", "a/1: model.onnx is a folder without model.onnx", "a/1/model.onnx/weights")
	f("a/1:a/1/model.onnx", "", "a/1/model.onnx", "a/configs/x.pbtxt", "a/warmup/data", "a/config.pbtxt=", "a/labels.txt")
	f("a/1:a/1/model.onnx", "a/configs has no model.onnx: put it there, or take the folder away", "a/1/model.onnx", "a/configs/x.pbtxt")
	f("a/1:a/1/model.onnx", "a: config.pbtxt asks for version 3, which is not there", "a/1/model.onnx", "a/2/model.onnx", "a/config.pbtxt=version_policy { specific { versions: [ 1, 3 ] } }")
	f("", "e: config.pbtxt: ensemble_scheduling is not served here: a request runs one model", "e/1/.keep", "e/config.pbtxt=ensemble_scheduling { }")
	f("", `g: config.pbtxt: platform is "tensorflow_graphdef": only onnxruntime_onnx is served`, "g/1/model.graphdef", `g/config.pbtxt=platform: "tensorflow_graphdef"`)
	f("", "a has a config.pbtxt and no version: its model belongs to a/1/model.onnx", "a/config.pbtxt=max_batch_size: 4", "a/labels.txt")
	f("a/1:a/1/model.onnx", "", "a/1/model.onnx", "a/config.pbtxt=nonsense") // the gates say what is wrong
}

// TestHalfCopied looks at bundles while they are copied: each state has one sentence, and the
// version serves once the copy has ended.
func TestHalfCopied(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		r := w.start(t, w.options())
		f := func(path, text, want string) {
			t.Helper()
			write(t, filepath.Join(w.dir, path), text)
			for range 2 {
				time.Sleep(time.Second)
				r.scan(func(*bundle.Bundle) bool { return false })
			}
			if err := r.Wait(context.Background()); err != nil {
				t.Fatal(err)
			}
			got := table(r)
			for _, s := range r.Index() {
				if s.State == Failed {
					got += ": " + s.Reason
				}
			}
			if got != want {
				t.Errorf("%s %q:\n got %s\nwant %s", path, text, got, want)
			}
		}
		f("m/2/model.yaml", "max_batch: 4", "m/1 READY live")
		f("m/2/model.onnx", "", "m/1 READY live, m/2 FAILED: files: not a valid fake file")
		f("m/2/model.onnx", `{"Fac`, "m/1 READY live, m/2 FAILED: files: not a valid fake file")
		f("m/2/model.onnx", `{"Factor": 2}`, "m/1 UNLOADED, m/2 READY live")
	})
}

// TestReplacedLayout moves a model from a flat file into a folder: what is loaded next is the folder.
func TestReplacedLayout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		write(t, filepath.Join(w.dir, "m.onnx"), "broken")
		r := w.start(t, w.options())
		if got := table(r); got != "m/1 FAILED" {
			t.Fatalf("got %s", got)
		}
		w.put(t, "m/1", fakeFile{Factor: 1})
		for range 2 {
			time.Sleep(time.Second)
			r.scan(func(*bundle.Bundle) bool { return false })
		}
		if err := r.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := table(r); got != "m/1 READY live" {
			t.Errorf("got %s, %q", got, r.Index()[0].Reason)
		}
	})
}

// TestFlatFileWithWeights serves a flat file whose weights lie beside it under its own name, and
// says what to do with those of another.
func TestFlatFileWithWeights(t *testing.T) {
	f := func(weights string, files int, want string) {
		t.Helper()
		w := newWorld(t)
		text, err := json.Marshal(fakeFile{Factor: 1})
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(w.dir, "net.onnx"), string(text))
		write(t, filepath.Join(w.dir, weights), "x")
		write(t, filepath.Join(w.dir, "README.md"), "x")
		opts := w.options()
		opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
			g, err := inspectFake(b)
			g.External = []onnxfile.External{{Location: weights}}
			return g, err
		}
		bundles, _, err := Find(opts)
		if err != nil || len(bundles) != 1 {
			t.Fatal(bundles, err)
		}
		report, err := Check(context.Background(), opts, bundles[0])
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if refusal := report.Refusal(); refusal != nil {
			got = refusal.Text
		}
		if got != want || got == "" && len(bundles[0].Files) != files {
			t.Errorf("%s: %q with %d files, want %q with %d", weights, got, len(bundles[0].Files), want, files)
		}
	}
	f("net.onnx.data", 2, "")
	f("net.onnx_data", 2, "")
	f("net.data", 2, "")
	f("net.bin", 2, "")
	f("weights", 0, `the model keeps weights in "weights", which is not among the bundle's files: give the model a folder of its own, net/1/model.onnx`)
}

// A config.pbtxt that is no plain file refuses its model in words of its own, and once.
func TestConfigThatIsNoFile(t *testing.T) {
	f := func(name, want string, put func(path string) error) {
		t.Helper()
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 2})
		if err := put(filepath.Join(w.dir, "m", bundle.TritonFile)); err != nil {
			t.Fatal(err)
		}
		bundles, faults, err := bundle.Discover(w.dir)
		if err != nil || len(faults) > 0 || len(bundles) != 1 {
			t.Fatalf("%s: %d bundles, %v, %v", name, len(bundles), faults, err)
		}
		w.refuses(t, bundles[0], want)
	}
	f("a folder", "cannot read config.pbtxt: it is not a regular file", func(path string) error { return os.Mkdir(path, 0o700) })
	f("a link to another place", "cannot read config.pbtxt: it is a symbolic link: put the file itself there", func(path string) error { return os.Symlink("/etc/hostname", path) })
	f("a link beside it", "cannot read config.pbtxt: it is a symbolic link: put the file itself there", func(path string) error { return os.Symlink("1/model.onnx", path) })
}
