package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnnotatedIsAFile: what `sluice config` prints is a settings file that means the same.
func TestAnnotatedIsAFile(t *testing.T) {
	f := func(c *Config) {
		t.Helper()
		for _, changed := range []bool{false, true} {
			text := c.Annotated(changed)
			if again := mustParse(t, text); !sameSettings(c, again) {
				t.Errorf("read back\n%s\nwant\n%s\nfrom\n%s", again, c, text)
			}
		}
	}
	f(Default())
	text, err := os.ReadFile(filepath.Join("testdata", "accepted.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f(mustParse(t, string(text)))
	f(mustParse(t, "prediction_log: {redact: {card: drop}}"))
	f(mustParse(t, "models: 'a: # b'\nadmin_hosts: [one.example]\ndevices: [cpu]"))
}

func TestDevicesInJSON(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		for _, s := range mustParse(t, file).Effective() {
			if s.Path != "devices" {
				continue
			}
			text, err := json.Marshal(s)
			if err != nil || !strings.Contains(string(text), `"value":`+want) {
				t.Errorf("%v: got %s, want the value %s", err, text, want)
			}
		}
	}
	f("models: m", "[]")
	f("devices: [cpu]", `[{"env":{},"isolation":"","lanes":0,"library_folders":[],"memory_limit":"0","name":"cpu","whole_graph":false}]`)
}

func TestAnnotatedSaysWhere(t *testing.T) {
	c := mustParse(t, "listen: 127.0.0.1:1\nlimits:\n  max_headers: 50\n  read_timeout: 5m\n")
	env := map[string]string{"SLUICE_ADMIN_HOSTS": "a.example"}
	if err := c.ApplyEnv(func(name string) (string, bool) { text, ok := env[name]; return text, ok }); err != nil {
		t.Fatal(err)
	}
	if err := c.Set("limits.max_headers", "60", "--limits-max-headers"); err != nil {
		t.Fatal(err)
	}
	want := `listen: 127.0.0.1:1                              # sluice.yaml:1
admin_hosts:                                     # SLUICE_ADMIN_HOSTS
  - a.example
limits:
  max_headers: 60                                # --limits-max-headers
  read_timeout: 5m                               # sluice.yaml:4
`
	if got := c.Annotated(true); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	all := c.Annotated(false)
	if n := strings.Count(all, "# "); n != len(Options()) {
		t.Errorf("%d remarks for %d settings:\n%s", n, len(Options()), all)
	}
	if line := "  max_budget: 10m                                # default\n"; !strings.Contains(all, line) {
		t.Errorf("%q is not in\n%s", line, all)
	}
}
