package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"sluice/internal/onnxgen"
)

// bench is a run under way.
type bench struct {
	quick   bool
	dir     string // for models, requests and logs; removed at the end
	self    string // this command's binary
	binPath string // the gateway's
	library string
	cores   int
	seed    uint64 // of the next open loop's arrivals
	// patience is how long a server may take to start; 0 means a minute.
	patience time.Duration
	running  []*process
	sweeps   map[string]*sweep
	gateway  map[string]*process // by model
	result   Result
}

// network is the model of the issue: small, so that the gateway's own cost shows.
var network = onnxgen.MLP{Layers: []int{inputs, 512, 256, 1}, Seed: 1}

// inputs is the floats of a row, of every model here.
const inputs = 256

// largeNetwork has 27 MB of weights: batching is worth much, for they are read once per batch.
var largeNetwork = onnxgen.MLP{Layers: []int{inputs, 2048, 2048, 1024, 1}, Seed: 2}

func newBench(server string, quick bool) (*bench, error) {
	b := &bench{
		quick: quick, cores: runtime.NumCPU(), sweeps: map[string]*sweep{}, gateway: map[string]*process{},
	}
	var err error
	if b.binPath, err = existing(server); err != nil {
		return nil, fmt.Errorf("cannot find the gateway; run make build: %w", err)
	}
	if b.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("cannot find this command's own binary: %w", err)
	}
	if b.library, err = existing(cmp.Or(os.Getenv("SLUICE_ONNXRUNTIME"), filepath.Join(".deps", "onnxruntime", "libonnxruntime.so"))); err != nil {
		return nil, fmt.Errorf("cannot find ONNX Runtime; run make bench, or set SLUICE_ONNXRUNTIME: %w", err)
	}
	if b.dir, err = os.MkdirTemp("", "sluice-bench-"); err != nil {
		return nil, fmt.Errorf("cannot make a folder for the models: %w", err)
	}
	os.Setenv("XDG_STATE_HOME", filepath.Join(b.dir, "state")) // of the gateways that it starts
	b.result.Machine = machine(quick)
	if err := network.Write(b.bundle("mlp"), "1"); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// existing is the whole path of a file that must be there.
func existing(path string) (string, error) {
	whole, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(whole)
	}
	return whole, err
}

// bundle is the folder of a model; each has a models folder of its own, so that each
// gateway serves one model.
func (b *bench) bundle(model string) string { return filepath.Join(b.dir, model+"-models", model) }

func (b *bench) close() {
	for _, p := range b.running {
		p.stop()
	}
	if err := os.RemoveAll(b.dir); err != nil {
		b.say("cannot remove %s: %v", b.dir, err)
	}
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// pick is how long or how often something is done: as usual, or for a quick look.
func pick[T any](b *bench, usual, quick T) T {
	if b.quick {
		return quick
	}
	return usual
}

// repeats is how often two servers take turns.
func (b *bench) repeats() int { return pick(b, 3, 1) }

// sluice starts the gateway over one model with the settings it is shipped with.
func (b *bench) sluice(model string) (*process, error) {
	if p := b.gateway[model]; p != nil {
		return p, nil
	}
	p, err := b.serveModel(model, "--models", filepath.Dir(b.bundle(model)))
	if err != nil {
		return nil, err
	}
	b.gateway[model] = p
	return p, nil
}

// retire stops a model's gateway, so that it does not share the machine with the next.
func (b *bench) retire(model string) {
	b.gateway[model].stop()
	delete(b.gateway, model)
}

var mallocsLine = regexp.MustCompile(`(?m)^# Mallocs = (\d+)$`)

// mallocs is how many objects the model's gateway has allocated since it started.
func (b *bench) mallocs(model string) (float64, error) {
	text, err := b.gateway[model].tell("/debug/pprof/heap?debug=1", "text/plain")
	if err != nil {
		return 0, err
	}
	found := mallocsLine.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("the gateway's heap profile (%d bytes) names no number of mallocs", len(text))
	}
	var n float64
	return n, json.Unmarshal(found[1], &n)
}
