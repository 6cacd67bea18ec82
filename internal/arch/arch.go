// Package arch holds the rules of who may import whom, so that a test can hold the
// module to them. It owns no state; only its own test calls it.
//
// The module has four floors. Leaves (`internal/...`) know nothing above them.
// Stages (the gateway, the batcher, ...) stand side by side and do not know each
// other: each declares the small interface that it needs in terms of the leaves. The one
// arrow between them is that of `plan` to `batcher/policy`, the scheduler's state machine,
// which is pure: see pure.go.
// The joiner (`serve`) makes a gateway of them, and commands stand above it; these two
// floors alone read the configuration. cgo is a door that opens in `backends/onnx` and
// `backends/nvml` only, and what joins devices to a server reaches through it.
package arch

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the path that the rules are about.
const Module = "sluice"

// Package is what the rules need to know of a package: what `go list` says.
type Package struct {
	ImportPath string
	// Doc is the first sentence of the package comment.
	Doc string
	// Imports are the direct imports of its non-test files.
	Imports  []string
	CgoFiles []string
	Standard bool
}

// stages are the folders of the middle floor. A package below one (plan/sim)
// belongs to it.
var stages = []string{"gateway", "batcher", "plan", "backends", "models", "features", "shadow", "compare", "predlog", "loadtest", "console", "rollout", "webhook"}

// arrows are the packages of other stages that a stage may import.
var arrows = map[string][]string{
	"plan": {"batcher/policy"}, "models": {"compare/criteria", "features/spec", "features/store"}, "loadtest": {"compare", "compare/sequence"},
	"rollout": {"compare/measure", "compare/sequence"},
}

// layers are packages of one stage, or leaves, from the lowest up: each may import those before it, and none of
// those behind it.
var layers = [][]string{
	{"models/bundle", "models/roles", "models/inputs", "models/trial", "models/gates", "models", "models/review"},
	{"internal/oip/wire", "internal/oip/target", "internal/oip/v1", "internal/oip", "internal/oip/client"},
	{"predlog/table", "predlog", "predlog/query", "predlog/replay"},
	{
		"features/store", "features/protolist", "features/feast", "features/native", "features/redis", "features/postgres", "features/embedded", "features/look", "features/spec",
		"features", "features/fill", "features/load",
	},
	{"gateway/http/loop", "gateway", "gateway/http/wire", "gateway/http", "gateway/http/admin"},
}

// joiners are the folders of the floor above the stages.
var joiners = []string{"serve"}

// commands are the folders of the top floor.
var commands = []string{"cmd", "bench", "test", "examples"}

// lowest are leaves that other leaves and stages stand on, with the packages of the module that each may
// import.
var lowest = map[string][]string{
	"internal/jsonscan": {"internal/fault"},
	"internal/http1":    {},
	"internal/child":    {},
}

// cgoDoors are the only folders whose packages may hold cgo, or reach a package that does.
var cgoDoors = []string{"backends/onnx", "backends/nvml"}

// doorUsers are the packages below the commands that may import a door, and so need a C compiler
// themselves: the table of devices, and what joins it to a gateway.
var doorUsers = []string{"backends/fleet", "serve"}

// reserved maps a library to the folders that may import it.
var reserved = map[string][]string{
	"github.com/yalue/onnxruntime_go":     {"backends/onnx"},
	"github.com/NVIDIA/go-nvml":           {"backends/nvml"},
	"github.com/spf13/cobra":              {"cmd"},
	"github.com/valyala/fasthttp":         {"gateway/http", "shadow", "bench", "cmd"},
	"github.com/prometheus/client_golang": {"internal/telemetry"},
	"github.com/parquet-go/parquet-go":    {"predlog/table", "features/load"},
	"github.com/maypok86/otter/v2":        {"features"},
	"github.com/prometheus/procfs":        {"loadtest/watch", "bench"},
	"github.com/redis/rueidis":            {"features/redis", "test/features"},
	"github.com/goccy/go-yaml":            {"config", "models", "plan/study", "compare/price", "features/load"},
	"github.com/jackc/pgx/v5":             {"features/postgres", "internal/pgtest"},
	"go.etcd.io/bbolt":                    {"features/embedded"},
	"modernc.org/sqlite":                  {"features/embedded"},
	"github.com/twmb/murmur3":             {"features/feast"},
	"pgregory.net/rapid":                  {},
	"go.uber.org/goleak":                  {},
	"github.com/stretchr/testify":         {},
}

// neutral maps a folder to what its own package must not import, though those below it may: the gateway is the
// same whatever brings requests.
var neutral = map[string][]string{"gateway": {"net", "net/http", "github.com/valyala/fasthttp"}}

// Check returns one sentence for each breach, sorted. It wants the packages of the
// module together with all that they depend on, as `go list -deps` gives them.
func Check(packages []Package) []string {
	g := newGraph(packages)
	var faults []string
	for _, p := range packages {
		dir, own := ownDir(p.ImportPath)
		if !own {
			continue
		}
		faults = append(faults, g.checkImports(dir, p)...)
		faults = append(faults, g.checkCgo(dir, p)...)
		faults = append(faults, checkPure(dir, p)...)
		if p.Doc == "" {
			faults = append(faults, fmt.Sprintf("%s has no package comment: say what it owns and who may call it", dir))
		}
	}
	slices.Sort(faults)
	return slices.Compact(faults)
}

// ownDir returns a package's folder in the module.
func ownDir(path string) (string, bool) {
	if path == Module {
		return ".", true
	}
	return strings.CutPrefix(path, Module+"/")
}

// within reports whether a folder or import path is one of the roots or below it.
func within(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, root+"/")
	})
}
