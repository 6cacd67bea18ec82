package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestModule holds the module as it is against the rules.
func TestModule(t *testing.T) {
	dependOnSources(t)
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Doc,Imports,CgoFiles,Standard", "./...")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot list packages: %v\n%s", err, stderr.Bytes())
	}
	packages := decode(t, out)
	if own := slices.ContainsFunc(packages, func(p Package) bool { return p.ImportPath == "sluice/internal/arch" }); !own {
		t.Fatal("the list does not hold this very package: wrong folder?")
	}
	for _, fault := range Check(packages) {
		t.Error(fault)
	}
}

// TestPureSources holds the sources of the state machines against the rules.
func TestPureSources(t *testing.T) {
	for _, dir := range pure {
		names, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s has the files %q: %v", dir, names, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			faults, err := CheckPureSource(filepath.Base(name), src)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range faults {
				t.Errorf("%s/%s", dir, fault)
			}
		}
	}
}

// TestPureRules shows each rule about the sources one that breaks it, and one that keeps them.
func TestPureRules(t *testing.T) {
	f := func(imports, body string, want ...string) {
		t.Helper()
		src := "package policy\nimport (" + imports + ")\n" + body
		got, err := CheckPureSource("x.go", []byte(src))
		for i := range want {
			want[i] += ": its decisions depend on its arguments alone"
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s\n got %q, %v\nwant %q", src, got, err, want)
		}
	}
	f(`"time"; "sluice/internal/clock"`, "var d time.Duration; var i = clock.Never; func f(c clock.Instant) { c.Add(time.Second).Sub(c) }")
	for _, name := range []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"} {
		f(`"time"`, "var x = time."+name, "x.go:3: uses time."+name)
	}
	f(`"sluice/internal/clock"`, "var x = clock.Now()", "x.go:3: uses sluice/internal/clock.Now")
	f(`c "sluice/internal/clock"`, "var x = c.Now()", "x.go:3: uses sluice/internal/clock.Now")
	f(`. "time"`, "var x = Now()", "x.go:2: imports time without a name")
	f("", "func f() { go f() }", "x.go:3: starts a goroutine")
	f("", "var x chan int", "x.go:3: uses a channel")
	if _, err := CheckPureSource("x.go", []byte("no Go")); err == nil {
		t.Error("took a file that is no Go")
	}
}

// dependOnSources looks at every Go file of the module, so that a cached result of this
// test is not taken for one about files that have changed since: the test cache sees
// what the test itself opens, and not what `go list` reads.
func dependOnSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..":
			return filepath.SkipDir
		case filepath.Ext(path) == ".go":
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatalf("cannot walk the module: %v", err)
	}
}

func decode(t *testing.T, out []byte) []Package {
	t.Helper()
	var packages []Package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("cannot decode the list of packages: %v", err)
		}
		packages = append(packages, p)
	}
}

// TestRules shows each rule a module that breaks it, and one that keeps it.
func TestRules(t *testing.T) {
	f := func(name string, packages []Package, want ...string) {
		t.Helper()
		if got := Check(packages); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
	one := func(dir string, imports ...string) Package {
		return Package{ImportPath: "sluice/" + dir, Doc: "x", Imports: imports}
	}
	cgo := func(path string) Package { return Package{ImportPath: path, Doc: "x", CgoFiles: []string{"x.go"}} }

	f("kept", []Package{
		one("internal/task", "sluice/internal/tensor"), one("internal/tensor"),
		one("batcher", "sluice/internal/task", "sluice/batcher/policy"), one("batcher/policy", "sluice/internal/clock"), one("internal/clock"),
		one("plan/sim", "sluice/batcher/policy"), one("plan", "sluice/plan/sim"),
		one("backends/onnx", "sluice/backends", "sluice/backends/onnx/provider", "github.com/yalue/onnxruntime_go"), cgo("github.com/yalue/onnxruntime_go"),
		cgo("sluice/backends/onnx/provider"),
		one("config", "sluice/internal/near"), one("internal/near"),
		one("serve", "sluice/config", "sluice/batcher", "sluice/backends/fleet", "sluice/backends/onnx"),
		one("backends/fleet", "sluice/backends/onnx"),
		one("cmd/sluice", "sluice/config", "sluice/serve", "sluice/batcher", "sluice/backends/onnx", "github.com/spf13/cobra"),
	})
	f("stages", []Package{one("gateway", "sluice/batcher")},
		"gateway imports batcher: stages do not know each other; declare the interface that is needed")
	f("child of a stage", []Package{one("models", "sluice/backends/fake")},
		"models imports backends/fake: stages do not know each other; declare the interface that is needed")
	f("layers", []Package{one("models", "sluice/models/gates"), one("models/gates", "sluice/models/bundle"), one("models/trial", "sluice/models/gates"), one("models/bundle", "sluice/models")},
		"models/bundle imports models: a lower layer knows nothing of a higher one",
		"models/trial imports models/gates: a lower layer knows nothing of a higher one")
	f("layers of a leaf", []Package{one("internal/oip/client", "sluice/internal/oip"), one("internal/oip/wire", "sluice/internal/oip/client")},
		"internal/oip/wire imports internal/oip/client: a lower layer knows nothing of a higher one")
	f("layers of the gateway", []Package{one("gateway/http/loop", "sluice/internal/http1", "sluice/gateway"), one("gateway/http", "sluice/gateway", "sluice/gateway/http/loop"), one("gateway/http/admin", "sluice/gateway/http/wire")},
		"gateway/http/loop imports gateway: a lower layer knows nothing of a higher one")
	f("arrow", []Package{one("plan", "sluice/batcher"), one("batcher", "sluice/plan"), one("gateway", "sluice/batcher/policy")},
		"batcher imports plan: stages do not know each other; declare the interface that is needed",
		"gateway imports batcher/policy: stages do not know each other; declare the interface that is needed",
		"plan imports batcher: stages do not know each other; declare the interface that is needed")
	f("pure", []Package{one("batcher/policy", "sync", "sync/atomic", "context", "sluice/internal/fault"), one("internal/fault")},
		"batcher/policy imports context: its decisions depend on its arguments alone",
		"batcher/policy imports sluice/internal/fault: its decisions depend on its arguments alone",
		"batcher/policy imports sync/atomic: its decisions depend on its arguments alone",
		"batcher/policy imports sync: its decisions depend on its arguments alone")
	f("config", []Package{one("gateway", "sluice/config"), one("config", "sluice/internal/fault")},
		"config imports internal/fault: config imports no other package of the module, but internal/near and internal/prescan",
		"gateway imports config: only serve and commands import config; take a small Options instead")
	f("leaf", []Package{one("internal/oip", "sluice/models")}, "internal/oip imports models: a leaf knows nothing above it")
	f("joiner", []Package{one("models", "sluice/serve")}, "models imports serve: serve joins the stages, which do not know it")
	f("leaf and joiner", []Package{one("internal/rows", "sluice/serve")}, "internal/rows imports serve: a leaf knows nothing above it")
	f("joiner and command", []Package{one("serve", "sluice/cmd/sluice")}, "serve imports cmd/sluice: nothing imports a command")
	f("config and joiner", []Package{one("config", "sluice/serve")},
		"config imports serve: config imports no other package of the module, but internal/near and internal/prescan")
	f("stage of config", []Package{one("backends/fleet", "sluice/config")},
		"backends/fleet imports config: only serve and commands import config; take a small Options instead")
	f("lowest leaves", []Package{
		one("internal/jsonscan", "sluice/internal/fault", "sluice/internal/oip"), one("internal/fault"), one("internal/oip", "sluice/internal/jsonscan"),
		one("internal/http1", "sluice/internal/fault"), one("internal/child", "sluice/models"),
	},
		"internal/child imports models: a leaf knows nothing above it",
		"internal/http1 imports internal/fault: it stands below the other leaves, and may import none of them",
		"internal/jsonscan imports internal/oip: it stands below the other leaves, and may import internal/fault")
	f("language of traffic", []Package{one("internal/traffic", "sluice/internal/trace", "sluice/batcher/sim", "sluice/loadtest/engine")},
		"internal/traffic imports batcher/sim: a leaf knows nothing above it", "internal/traffic imports loadtest/engine: a leaf knows nothing above it")
	f("command", []Package{one("shadow", "sluice/cmd/sluice")}, "shadow imports cmd/sluice: nothing imports a command")
	f("floor", []Package{one("utils")}, "utils stands on no floor: name it in internal/arch")
	f("comment", []Package{{ImportPath: "sluice/gateway"}}, "gateway has no package comment: say what it owns and who may call it")
	f("own cgo", []Package{cgo("sluice/gateway")}, "gateway uses cgo in x.go, which belongs in [backends/onnx backends/nvml]")
	f("cgo of others", []Package{one("gateway", "example.org/a"), {ImportPath: "example.org/a", Imports: []string{"example.org/b"}}, cgo("example.org/b")},
		"gateway reaches the cgo package example.org/b outside of [backends/onnx backends/nvml]")
	f("door", []Package{one("backends", "sluice/backends/onnx"), cgo("sluice/backends/onnx")},
		"backends imports backends/onnx, so it cannot be built with CGO_ENABLED=0")
	f("below a door", []Package{one("backends", "sluice/backends/onnx/provider"), cgo("sluice/backends/onnx/provider")},
		"backends imports backends/onnx/provider, so it cannot be built with CGO_ENABLED=0")
	f("behind a door", []Package{one("backends", "sluice/backends/fleet"), one("backends/fleet", "sluice/backends/onnx")},
		"backends imports backends/fleet, so it cannot be built with CGO_ENABLED=0")
	f("library", []Package{one("models", "github.com/yalue/onnxruntime_go"), one("batcher", "pgregory.net/rapid")},
		"batcher imports pgregory.net/rapid, which is reserved for tests",
		"models imports github.com/yalue/onnxruntime_go, which is reserved for backends/onnx")
	f("neutral", []Package{one("gateway", "net/http", "github.com/valyala/fasthttp"), one("gateway/http", "net/http", "github.com/valyala/fasthttp", "sluice/gateway")},
		"gateway imports github.com/valyala/fasthttp, which is reserved for gateway/http, shadow, bench, cmd",
		"gateway imports github.com/valyala/fasthttp: it knows no protocol of transport; a front end below it does",
		"gateway imports net/http: it knows no protocol of transport; a front end below it does")
	f("std", []Package{one("loadtest", "net"), {ImportPath: "net", Standard: true, CgoFiles: []string{"cgo.go"}}})
}
