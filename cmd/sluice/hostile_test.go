package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/longtest"
	"sluice/internal/onnxgen"
	"sluice/test/cage"
	"sluice/test/rig"
)

// hostile is a bundle that is made to end the server, and what is said of it.
type hostile struct {
	name string
	put  func(m machine, model string)
	says string // the reason has it
}

// sparse makes a file of a size that takes no room.
func (m machine) sparse(path string, size int64) {
	m.t.Helper()
	m.write(path, "")
	if err := os.Truncate(filepath.Join(m.dir, path), size); err != nil {
		m.t.Fatal(err)
	}
}

func sparseModel(m machine, model string) { m.sparse(model+"/1/model.onnx", 50<<30) }

// part is a field of a protobuf.
func part(id int, inner ...[]byte) []byte {
	size := 0
	for _, b := range inner {
		size += len(b)
	}
	field := binary.AppendUvarint(nil, uint64(id)<<3|2)
	field = binary.AppendUvarint(field, uint64(size))
	for _, b := range inner {
		field = append(field, b...)
	}
	return field
}

// wire puts a model file whose graph is that of the good one with more fields.
func wire(more func() []byte) func(machine, string) {
	return func(m machine, model string) { m.write(model+"/1/model.onnx", string(part(7, more()))) }
}

func repeated(n int, field []byte) func() []byte {
	return func() []byte { return []byte(strings.Repeat(string(field), n)) }
}

// nestedBodies are branches in one another.
func nestedBodies() []byte {
	node := part(1, part(4, []byte("If")))
	for range 2000 {
		node = part(1, part(5, part(6, node)), part(4, []byte("If")))
	}
	return node
}

func deepYAML() string {
	var b strings.Builder
	for i := range 1400 {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func laughs() string {
	text := "lineage:\n  a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := 1; i < 10; i++ {
		text += fmt.Sprintf("  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	return text
}

// constant is a graph that makes two billion numbers when it is loaded: more than the cage has. What
// else is tried meanwhile may be ended with it, so it comes last.
func constant() *onnxgen.Graph {
	return onnxgen.New(17).Input("x", onnxgen.Float32, "rows", 2).Wholes("n", []int{1}, 2_000_000_000).
		Node("ConstantOfShape", "c", []string{"n"}).Node("ReduceMax", "m", []string{"c"}).Node("Add", "y", []string{"x", "m"}).Output("y")
}

var hostiles = []hostile{
	{"brackets", with("1/model.yaml", strings.Repeat("[", 100_000)), "model.yaml: line 1: more than 4096 brackets and braces are opened"},
	{"indented", with("1/model.yaml", deepYAML()), "model.yaml: line 65: it is nested more than 64 levels deep"},
	{"laughs", with("1/model.yaml", laughs()), "model.yaml: line 4: more than 16 anchors and aliases"},
	{"settings-sparse", func(m machine, model string) { with("1/x", "")(m, model); m.sparse(model+"/1/model.yaml", 50<<30) }, "cannot read model.yaml: it has 53687091200 bytes; the limit is 1048576"},
	{"model-sparse", sparseModel, "cannot read model.onnx: it has 53687091200 bytes; the limit is 2147483647"},
	{"model-larger-than-the-cage", func(m machine, model string) { m.sparse(model+"/1/model.onnx", 700<<20) }, "of memory, which is what is left: not served"},
	{"weights-sparse", func(m machine, model string) { graph(external())(m, model); m.sparse(model+"/1/w.bin", 50<<30) }, "53687091200 bytes"},
	{"other-sparse", func(m machine, model string) { with("1/x", "")(m, model); m.sparse(model+"/1/notes", 50<<30) }, "cannot read notes: it has 53687091200 bytes; the limit is 2147483648"},
	{"fifo", func(m machine, model string) {
		with("1/x", "")(m, model)
		if err := syscall.Mkfifo(filepath.Join(m.dir, model, "1/model.yaml"), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}, "model.yaml is not a regular file"},
	{"loop", func(m machine, model string) { with("1/x", "")(m, model); m.link(model+"/1/model.yaml", "model.yaml") }, "model.yaml is a symbolic link"},
	{"triton-loop", func(m machine, model string) {
		with("1/x", "")(m, model)
		m.link(model+"/config.pbtxt", "config.pbtxt")
	}, "cannot read config.pbtxt: it is a symbolic link"},
	{"golden-line", func(m machine, model string) { with("1/x", "")(m, model); m.sparse(model+"/1/golden.jsonl", 50<<30) }, "cannot read golden.jsonl: it has 53687091200 bytes; the limit is 16777216"},
	{"golden-deep", with("1/golden.jsonl", `{"request":`+strings.Repeat("[", 15<<20)), "golden.jsonl line 1: it is no golden row"},
	{"golden-wide", with("1/golden.jsonl", `{"request":{"inputs":[`+strings.Repeat("0,", 7<<20)+`0]}}`), "golden.jsonl line 1: it is no golden row"},
	{"triton-deep", with("config.pbtxt", strings.Repeat("input{", 9_000)), "config.pbtxt: "},
	{"triton-braces", with("config.pbtxt", strings.Repeat("input{", 150_000)), "config.pbtxt: it opens 150000 braces; the limit is 10000"},
	{"triton-wide", with("config.pbtxt", strings.Repeat("input{}", 9_000)), "config.pbtxt: input[0] has no name; input[1] has no name"},
	{"bodies", wire(nestedBodies), "graphs are nested deeper than 32"},
	{"nodes", wire(repeated(1_000_000, part(1, part(4, []byte("Relu"))))), "the model has no inputs"},
	{"inputs", wire(repeated(1_000_000, part(11, part(1, []byte("x"))))), "more than 65536 inputs or outputs"},
	{"long-name", wire(func() []byte {
		x := func(id int, name string) []byte {
			return part(id, part(1, []byte(name)), part(2, part(1, []byte{8, 1}, part(2, part(1, part(2, []byte("n")))))))
		}
		return append(x(11, strings.Repeat("x", 1<<20)), x(12, "y")...)
	}), "names are UTF-8 of up to 4096 bytes"},
}

// TestHostileBundles puts each of them beside a good model: the gateway refuses it in one sentence,
// within its memory, and after a restart as well; the good model answers all the while.
func TestHostileBundles(t *testing.T) {
	longtest.Skip(t)
	beside(t)
	needLibrary(t)
	c := cage.New(t, 512<<20)
	m := machine{t, t.TempDir()}
	staged := machine{t, t.TempDir()}
	m.write("good/1/model.onnx", string(doubler().File()))
	copies := t.TempDir()
	args := []string{"--models", m.dir, "--copies", copies}
	g := launch(t, rig.Options{Command: c.Command}, args...)
	g.awaitReady()
	stop, answered := keepAsking(t, g)
	before := answered.good.Load()
	bring := func(all []hostile) {
		t.Helper()
		for _, h := range all {
			h.put(staged, h.name)
			if err := os.Rename(filepath.Join(staged.dir, h.name), filepath.Join(m.dir, h.name)); err != nil {
				t.Fatal(err)
			}
		}
		refuses(t, g, all)
	}
	bring(hostiles)
	t.Logf("%s, while it read them", c)
	bring([]hostile{{"constant", graph(constant()), " in a trial process"}})
	stop()
	if err := os.RemoveAll(filepath.Join(m.dir, "constant")); err != nil {
		t.Fatal(err)
	}
	if answered.bad.Load() > 0 || answered.good.Load() == before {
		t.Errorf("beside them %d requests were answered, and %d failed: %v", answered.good.Load(), answered.bad.Load(), answered.last.Load())
	}
	t.Logf("%s; %d good answers meanwhile", c, answered.good.Load()-before)
	g.stop()
	g = launch(t, rig.Options{Command: c.Command}, args...)
	g.awaitReady()
	refuses(t, g, hostiles)
	g.infer("good", []byte(doubled))
	g.stop()
	if left, err := os.ReadDir(copies); err != nil || len(left) > 0 {
		t.Errorf("of the private copies are left %v, %v", left, err)
	}
	t.Logf("%s, with a restart", c)
}

// refuses waits until each of the bundles is refused, and wants its reason.
func refuses(t *testing.T, g *running, all []hostile) {
	t.Helper()
	said := map[string]string{}
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		status, body := g.post(g.predict+"/v2/repository/index", "")
		var index []struct{ Name, State, Reason string }
		if err := json.Unmarshal([]byte(body), &index); status != http.StatusOK || err != nil {
			t.Fatalf("the index is %d %s", status, body)
		}
		for _, e := range index {
			if e.State == "UNAVAILABLE" && !strings.Contains(e.Reason, "just now") {
				said[e.Name] = e.Reason
			}
		}
		if !slices.ContainsFunc(all, func(h hostile) bool { return said[h.name] == "" }) {
			break
		}
		if time.Since(begin) > 2*time.Minute {
			t.Fatalf("after two minutes is refused: %v\n%s", said, g.Log())
		}
	}
	for _, h := range all {
		if reason := said[h.name]; !strings.Contains(reason, h.says) || len(reason) > 600 {
			t.Errorf("%s: %.600q, want %q", h.name, reason, h.says)
		}
	}
}

// counts are of right answers and others, and the last of those.
type counts struct {
	good, bad atomic.Int64
	last      atomic.Value
}

// keepAsking sends one request after the other to the good model until it is stopped.
func keepAsking(t *testing.T, g *running) (stop func(), answered *counts) {
	answered = &counts{}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-time.After(10 * time.Millisecond):
			}
			request, _ := http.NewRequest(http.MethodPost, g.predict+"/v2/models/good/infer", strings.NewReader(doubled))
			request.Header.Set("Sluice-Budget-Ms", "5000")
			if status, body := read(http.DefaultClient.Do(request)); status == http.StatusOK && strings.Contains(body, "[3.0,8.0]") {
				answered.good.Add(1)
			} else {
				answered.bad.Add(1)
				answered.last.Store(body)
			}
		}
	}()
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections() })
	return func() { close(quit); <-done }, answered
}
