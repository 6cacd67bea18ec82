package config

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("sluice.yaml", []byte(text))
	if err != nil {
		t.Fatalf("cannot parse %q: %v", text, err)
	}
	return c
}

// sameSettings compares without the places where the values were set.
func sameSettings(a, b *Config) bool {
	x, y := *a, *b
	x.sources, y.sources = nil, nil
	return reflect.DeepEqual(x, y)
}

func TestAcceptedFile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "accepted.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := mustParse(t, string(text))
	if err := c.Validate(); err != nil {
		t.Fatalf("the accepted file is refused: %v", err)
	}
	// The file sets every setting, so a setting that is read into the wrong field shows.
	defaults, got := settings(Default()), settings(c)
	for path, value := range got {
		if value == defaults[path] {
			t.Errorf("%s is at its default %s", path, value)
		}
	}
	golden := filepath.Join("testdata", "effective.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(c.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if c.String() != string(want) {
		t.Errorf("effective settings:\n%s\nwant\n%s", c, want)
	}
}

func settings(c *Config) map[string]string {
	m := map[string]string{}
	c.walk(func(at place, field reflect.Value) { m[at.path] = text(field) })
	return m
}

func TestRoundTrip(t *testing.T) {
	f := func(c *Config) {
		t.Helper()
		if again := mustParse(t, c.String()); !sameSettings(c, again) {
			t.Errorf("read back\n%s\nwant\n%s", again, c)
		}
	}
	f(Default())
	odd := Default()
	odd.Models = "a folder: with # signs"
	odd.Admin = ""
	odd.AdminHosts = []string{"yes", "a b", "-"}
	odd.ONNXRuntime.Library = "yes"
	odd.Limits.MaxBodyBytes = 1025
	odd.Devices = []Device{DefaultDevice("cpu"), DefaultDevice("webgpu"), DefaultDevice("cuda:0")}
	odd.Devices[1].Env = map[string]string{"A": "1", "B": "", "C": "x: y"}
	odd.Devices[1].WebGPU.CPUNodes = []string{"true", "a\nb"}
	odd.Devices[2].LibraryFolders = []string{"/a b", "/#"}
	odd.ModelDefaults.Tolerance = Tolerance{Abs: 1e-12, Rel: 0.1}
	f(odd)
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, empty := range []string{"", "# nothing but a comment\n", "---\n"} {
		if c := mustParse(t, empty); !sameSettings(c, Default()) {
			t.Errorf("%q does not leave the defaults", empty)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Parse("sluice.yaml", []byte(text))
		if err == nil {
			t.Fatalf("%q is accepted", text)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: got %q, want %q", text, err, w)
			}
		}
	}
	f("limts: {}", "sluice.yaml:1: there is no setting limts (did you mean limits?): the file may have limits, listen, admin, ")
	f("log:\n  level: info\n  colour: red", "sluice.yaml:3: there is no setting log.colour: log may have level, format")
	f("sources: {}", "there is no setting sources")
	f("log: {level: a}\nlimits: {max_headers: x}\nnope: 1", "sluice.yaml:2: limits.max_headers: \"x\" is not a whole number", "sluice.yaml:3: there is no setting nope")
	f("listen: a\nlisten: b", "2", "listen", "already defined")
	f("listen: a\n\"listen\": b", "2", "listen", "already defined")
	f("limits:", "sluice.yaml:1: limits must be a mapping of settings, not nothing")
	f("log: {level: }", "log.level must be a single value, not nothing")
	f("log: 5", "log must be a mapping of settings, not \"5\"")
	f("- listen", "the file must be a mapping of settings, not a list")
	f("listen: [a]", "listen must be a single value, not a list")
	f("require: some", `require must be a list, not "some"`)
	f("admin_hosts: a", `admin_hosts must be a list, not "a"`)
	f("admin_hosts: [a, [b]]", "sluice.yaml:1: admin_hosts[1] must be a single value, not a list")
	f("listen: {a: b}", "listen must be a single value, not a mapping")
	f("listen: &x a", "listen must be a single value, not an anchor or alias")
	f("listen: a\n---\nadmin: b", "sluice.yaml:3: begins a second document")
	f("listen: 'a", "sluice.yaml", "1:9")
	f("limits: {max_headers: 1.5}", `limits.max_headers: "1.5" is not a whole number`)
	f("limits: {max_headers: 99999999999999999999}", "is not a whole number")
	f("limits: {max_body_bytes: 3 GB}", `"3 GB" is not a size`)
	f("limits: {max_body_bytes: 1.5MiB}", `"1.5MiB" is not a size`)
	f("limits: {max_body_bytes: 9000000000GiB}", `"9000000000GiB" is more than 64 bits of bytes`)
	f("limits: {read_timeout: 5}", `"5" is not a duration such as 250ms or 5s`)
	f("model_defaults: {tolerance: {abs: small}}", `model_defaults.tolerance.abs: "small" is not a number`)
}

func FuzzParse(f *testing.F) {
	accepted, err := os.ReadFile(filepath.Join("testdata", "accepted.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(accepted)
	f.Add([]byte("limits: {max_headers: 010}"))
	f.Add([]byte("a: &a [*a]\n---\n? b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("fuzz", text)
		if err != nil || c.Validate() != nil {
			return
		}
		// What is accepted must survive being printed.
		again, err := Parse("fuzz", []byte(c.String()))
		if err != nil {
			t.Fatalf("cannot read back\n%s\n%v", c, err)
		}
		if !sameSettings(c, again) {
			t.Fatalf("read back\n%s\nwant\n%s", again, c)
		}
	})
}

// The word all may stand where models are listed.
func TestRequire(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		c := mustParse(t, text)
		if err := c.Validate(); err != nil || !reflect.DeepEqual(c.Require, want) {
			t.Errorf("%s: %q, %v; want %q", text, c.Require, err, want)
		}
		if again := mustParse(t, c.String()); !sameSettings(c, again) {
			t.Errorf("%s: read back as %q", text, again.Require)
		}
	}
	f("{}")
	f("require: all", "all")
	f("require: [all]", "all")
	f("require: [eta, ranker]", "eta", "ranker")
	c := Default()
	if err := c.Set("require", "eta, ranker", "--require"); err != nil || !reflect.DeepEqual(c.Require, []string{"eta", "ranker"}) {
		t.Errorf("by a flag: %q, %v", c.Require, err)
	}
}
