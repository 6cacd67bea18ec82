package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/config"
	"sluice/models/roles"
)

// testConfig is a server with every part that there is: a device with a worker, all ports, a trace, a
// prediction log, an access log and copies, each in a folder of the test.
func testConfig(t *testing.T, dir string) *config.Config {
	t.Helper()
	cfg, err := Settings("", "", func(c *config.Config) error {
		c.Models = dir
		c.Listen, c.Admin, c.MetricsListen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		c.Devices = []config.Device{config.DefaultDevice("fake"), config.DefaultDevice("cpu")}
		c.Record.File, c.AccessLog.File = filepath.Join(dir, "trace"), filepath.Join(dir, "access.log")
		c.State, c.PredictionLog.Dir = filepath.Join(dir, "state"), filepath.Join(dir, "predictions")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// held is what a process holds that a stop must give back: its descriptors, and its children.
func held(t *testing.T) string {
	t.Helper()
	var all []string
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		if to, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && to != "anon_inode:[pidfd]" {
			all = append(all, to)
		}
	}
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		if pids, err := os.ReadFile(list); err == nil {
			for pid := range strings.FieldsSeq(string(pids)) {
				all = append(all, "child "+pid)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestFailedStartClosesAll has a start fail at each of its steps, before the step and after it, and wants
// all closed that was open.
func TestFailedStartClosesAll(t *testing.T) {
	needLibrary(t)
	fault := errors.New("as the test wants")
	try := func(what string, steps []step) {
		t.Helper()
		dir := t.TempDir()
		cfg := testConfig(t, dir)
		_, err := open(t.Context(), Options{Config: cfg}, steps)
		if !errors.Is(err, fault) || err.Error() != fault.Error() {
			t.Errorf("%s: the start ended with %v", what, err)
		}
		left, err := filepath.Glob(filepath.Join(cfg.State, "*"))
		left = slices.DeleteFunc(left, func(path string) bool { // the record of roles stays
			return slices.Contains([]string{"history.jsonl", "lease", "state.d", "state.yaml"}, filepath.Base(path))
		})
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %q is left in the state folder, %v", what, left, err)
		}
		store, err := roles.Open(roles.Options{Dir: cfg.State})
		if err != nil || !store.Holds() {
			t.Fatalf("%s: the lease of the state folder was not given up, %v", what, err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	failing := step{"the fault", func(*Server, context.Context) error { return fault }}
	try("once, for what a process keeps", append(slices.Clone(steps), failing)) // the library, its threads
	before := held(t)
	ignored := goleak.IgnoreCurrent()
	for i := range len(steps) + 1 {
		what := "after all"
		if i < len(steps) {
			what = "before " + steps[i].name
		}
		try(what, append(slices.Clone(steps[:i]), failing))
		if err := goleak.Find(ignored); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		after := held(t)
		for end := time.Now().Add(5 * time.Second); after != before && time.Now().Before(end); after = held(t) {
			time.Sleep(time.Millisecond)
		}
		if after != before {
			t.Errorf("%s the process holds\n%s\nand held before\n%s", what, after, before)
		}
	}
}

// TestStartFails has what steps open be refused by the system, and wants the reason and nothing else.
func TestStartFails(t *testing.T) {
	needLibrary(t)
	f := func(want string, spoil func(c *config.Config, dir string)) {
		t.Helper()
		dir := t.TempDir()
		cfg := testConfig(t, dir)
		spoil(cfg, dir)
		before := goleak.IgnoreCurrent()
		if s, err := New(t.Context(), Options{Config: cfg}); err == nil {
			t.Errorf("started, want %q; %v", want, s.Close())
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err := goleak.Find(before); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
	f("cannot load ONNX Runtime", func(c *config.Config, dir string) { c.ONNXRuntime.Library = filepath.Join(dir, "nowhere.so") })
	f("copies: ", func(c *config.Config, dir string) {
		c.Copies = filepath.Join(dir, "file", "folder")
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	f("cannot create the trace", func(c *config.Config, dir string) { c.Record.File = filepath.Join(dir, "no", "trace") })
	f("cannot keep a prediction log", func(c *config.Config, dir string) {
		c.PredictionLog.Dir = filepath.Join(dir, "models.yaml", "log")
		if err := os.WriteFile(filepath.Join(dir, "models.yaml"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	f("cannot read the key", func(c *config.Config, dir string) {
		c.PredictionLog.Redact, c.PredictionLog.HashKey = map[string]string{"x": "hash"}, "file:"+filepath.Join(dir, "key")
	})
	f("cannot open the access log", func(c *config.Config, dir string) { c.AccessLog.File = filepath.Join(dir, "no", "log") })
	f("admin_token_file", func(c *config.Config, dir string) { c.AdminTokenFile = filepath.Join(dir, "token") })
	f("cannot open the predict port", func(c *config.Config, _ string) { c.Listen = "192.0.2.1:1" })
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f("cannot open the admin port", func(c *config.Config, _ string) { c.Admin = taken.Addr().String() })
	f("cannot open the port for metrics", func(c *config.Config, _ string) { c.MetricsListen = taken.Addr().String() })
}

// TestFailedRunClosesAll runs a server whose models are gone, and one that is called off before it runs.
func TestFailedRunClosesAll(t *testing.T) {
	needLibrary(t)
	dir := t.TempDir()
	cfg := testConfig(t, dir)
	before := goleak.IgnoreCurrent()
	cfg.Models = filepath.Join(dir, "models")
	if err := os.Mkdir(cfg.Models, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(cfg.Models); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), func() { t.Error("it serves") }); err == nil || !strings.Contains(err.Error(), "cannot read the models folder") {
		t.Errorf("it ended with %v", err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cfg.Models = dir
	if s, err = New(ended, Options{Config: cfg}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Run(ended, func() {}); err != nil {
		t.Errorf("called off, it ended with %v", err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// TestSecondFit: settings that have been fitted to the memory are not changed by fitting them again, as New
// does.
func TestSecondFit(t *testing.T) {
	cfg := config.Default()
	if err := Fit(cfg); err != nil {
		t.Fatal(err)
	}
	once := fmt.Sprint(cfg.Effective())
	if err := Fit(cfg); err != nil || fmt.Sprint(cfg.Effective()) != once {
		t.Errorf("the second time gives %v and\n%v\nnot\n%s", err, cfg.Effective(), once)
	}
}
