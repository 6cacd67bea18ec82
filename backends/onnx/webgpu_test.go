package onnx

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/backends/onnx/provider"
	"sluice/internal/clock"
	"sluice/internal/device"
	"sluice/internal/longtest"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

var (
	cuda1  = device.Name{Kind: device.CUDA, Index: 1}
	webGPU = device.Name{Kind: device.WebGPU}
)

// swiftShader is a Vulkan driver that runs on the CPU; scripts/swiftshader.sh fetches it.
var swiftShader = filepath.Join("..", "..", ".deps", "swiftshader")

// needWebGPU makes WebGPU usable without a GPU. In CI there is no excuse.
func needWebGPU(tb testing.TB) {
	tb.Helper()
	dir, err := filepath.Abs(swiftShader)
	if err != nil {
		tb.Fatal(err)
	}
	driver := filepath.Join(dir, "vk_swiftshader_icd.json")
	if _, err := os.Stat(driver); err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("no software Vulkan driver in CI: %v; scripts/swiftshader.sh fetches it", err)
		}
		tb.Skip("no software Vulkan driver here: run scripts/swiftshader.sh")
	}
	tb.Setenv("VK_DRIVER_FILES", driver)
	tb.Setenv("VK_ICD_FILENAMES", driver)
	tb.Setenv("XDG_RUNTIME_DIR", tb.TempDir())
	needLibrary(tb)
	if !provider.HasWebGPU() {
		if os.Getenv("CI") != "" {
			tb.Fatal("the library in CI has no WebGPU provider; scripts/onnxruntime.sh takes one with it from npm")
		}
		tb.Skip("this build of ONNX Runtime lacks the WebGPU provider")
	}
}

// exampleModel opens an example on a device.
func exampleModel(tb testing.TB, name string, kind device.Kind) *Session {
	tb.Helper()
	path := filepath.Join("..", "..", "examples", "models", name, "1", "model.onnx")
	m, err := onnxfile.Read(path)
	if err != nil {
		tb.Fatal(err)
	}
	inf, err := onnxfile.Infer(m, onnxfile.Rules{MaxBatch: 12})
	if err != nil {
		tb.Fatal(err)
	}
	if name == "encoder" { // as its model.yaml says
		inf.Schema.Padding = &tensor.Padding{InputAxis: []int{1, 1}, OutputAxis: []int{-1, 1}, Buckets: []int{8, 16, 32}, Values: [][]byte{make([]byte, 8), make([]byte, 8)}}
	}
	s, err := Open(path, Options{Schema: &inf.Schema, FixedBatch: inf.FixedBatch, Provider: provider.Provider{Device: device.Name{Kind: kind}}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// goldenCase is a recorded request with its answer.
type goldenCase struct {
	Request  struct{ Inputs []goldenTensor }
	Response struct{ Outputs []goldenTensor }
}

type goldenTensor struct {
	Name  string
	Shape []int64
	Data  []float64
}

// encoded gives the data in the protocol's binary form.
func (g *goldenTensor) encoded(of tensor.DataType) (data []byte) {
	for _, x := range g.Data {
		switch of {
		case tensor.FP32:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(x)))
		case tensor.Int64:
			data = binary.LittleEndian.AppendUint64(data, uint64(int64(x)))
		default:
			panic(fmt.Sprintf("BUG: no way to encode %s", of))
		}
	}
	return data
}

// goldenCases are those of an example that fit into one batch.
func goldenCases(tb testing.TB, name string, most int) (cases []goldenCase) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "models", name, "1", "golden.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var c goldenCase
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			tb.Fatal(err)
		}
		if c.Request.Inputs[0].Shape[0] <= int64(most) {
			cases = append(cases, c)
		}
	}
	return cases
}

func (c *goldenCase) task(s *Session) *task.Task {
	var inputs []tensor.Tensor
	for i := range c.Request.Inputs {
		in := &c.Request.Inputs[i]
		inputs = append(inputs, tensor.Tensor{Shape: in.Shape, Data: in.encoded(s.schema.Inputs[i].Type)})
	}
	return newTask(s, int(c.Request.Inputs[0].Shape[0]), inputs...)
}

// wrong says how a task's outputs differ from the recorded ones.
func (c *goldenCase) wrong(t *task.Task) error {
	for k := range c.Response.Outputs {
		want, got := &c.Response.Outputs[k], &t.Outputs[k]
		data := want.encoded(got.Type)
		if got.Name != want.Name || len(got.Data) != len(data) {
			return fmt.Errorf("output %q has %d bytes, want %q with %d", got.Name, len(got.Data), want.Name, len(data))
		}
		if got.Type != tensor.FP32 {
			if string(got.Data) != string(data) {
				return fmt.Errorf("output %q is %s, want %s", got.Name, show(got.Type, got.Data), show(got.Type, data))
			}
			continue
		}
		for i := 0; i < len(data); i += 4 {
			a := float64(math.Float32frombits(binary.LittleEndian.Uint32(got.Data[i:])))
			b := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i:])))
			if !(math.Abs(a-b) <= 1e-4+1e-3*math.Abs(b)) {
				return fmt.Errorf("output %q has %g at %d, want %g", got.Name, a, i/4, b)
			}
		}
	}
	return nil
}

var exampleNames = []string{"digits", "encoder", "eta", "ranker"}

// TestWebGPUGivesGoldenAnswers runs the examples on the GPU's path: compiled kernels,
// device memory, batches filled to the ladder. The recorded answers are the CPU's.
func TestWebGPUGivesGoldenAnswers(t *testing.T) {
	longtest.Skip(t)
	needWebGPU(t)
	for _, name := range exampleNames {
		t.Run(name, func(t *testing.T) {
			gpu := exampleModel(t, name, device.WebGPU)
			if want := []int{1, 2, 4, 8, 12}; !slices.Equal(gpu.Sizes(), want) {
				t.Errorf("the sizes are %v, want %v", gpu.Sizes(), want)
			}
			cases := goldenCases(t, name, 12)
			if len(cases) < 6 {
				t.Fatalf("only %d recorded requests fit", len(cases))
			}
			for i := range cases {
				tk := cases[i].task(gpu)
				mustRun(t, gpu, whole(tk))
				if err := cases[i].wrong(tk); err != nil {
					t.Errorf("recorded request %d: %v", i, err)
				}
			}
			// Rows of several requests: 12 rows at most, a size that is not a power of two.
			a, b := cases[len(cases)-2].task(gpu), cases[0].task(gpu)
			mustRun(t, gpu, whole(a), whole(b))
			for _, err := range []error{cases[len(cases)-2].wrong(a), cases[0].wrong(b)} {
				if err != nil {
					t.Error("in one batch:", err)
				}
			}
		})
	}
}

// TestWebGPUSessionsShareAProcess runs, opens and closes sessions on the GPU from several
// goroutines, beside one on the CPU. Without the lock around them ONNX Runtime crashes.
func TestWebGPUSessionsShareAProcess(t *testing.T) {
	needWebGPU(t)
	var wg sync.WaitGroup
	for _, kind := range []device.Kind{device.WebGPU, device.WebGPU, device.WebGPU, device.CPU} {
		wg.Go(func() {
			for range 3 {
				if err := runExample("eta", kind); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// runExample opens an example, runs it often and closes it.
func runExample(name string, kind device.Kind) error {
	path := filepath.Join("..", "..", "examples", "models", name, "1", "model.onnx")
	m, err := onnxfile.Read(path)
	if err != nil {
		return err
	}
	inf, err := onnxfile.Infer(m, onnxfile.Rules{MaxBatch: 4})
	if err != nil {
		return err
	}
	s, err := Open(path, Options{Schema: &inf.Schema, Provider: provider.Provider{Device: device.Name{Kind: kind}}})
	if err != nil {
		return err
	}
	for k := range 20 {
		if err := s.RunRaw(0, 1+k%4); err != nil {
			return fmt.Errorf("%v: %w", kind, err)
		}
	}
	return s.Close()
}

// TestWebGPUHangLimit: a run on the GPU that passes its limit comes back with the fault of one cut
// short or with its result, and the lane works afterwards.
func TestWebGPUHangLimit(t *testing.T) {
	needWebGPU(t)
	s := exampleModel(t, "eta", device.WebGPU)
	c := goldenCases(t, "eta", 1)[0]
	if _, err := s.Run(0, []task.Part{whole(c.task(s))}, clock.Now()); err != nil && !strings.Contains(err.Error(), "hang limit") {
		t.Errorf("a run that is overdue from the start ended with %v", err)
	}
	tk := c.task(s)
	mustRun(t, s, whole(tk))
	if err := c.wrong(tk); err != nil {
		t.Error(err)
	}
}

func TestProbe(t *testing.T) {
	needWebGPU(t)
	for _, name := range []device.Name{{}, webGPU} {
		if err := Probe(provider.Provider{Device: name}); err != nil {
			t.Errorf("%v: %v", name, err)
		}
	}
	// The library of the tests is the one without CUDA; another may be named.
	if missing := Missing(cuda1); len(missing) > 0 && strings.Contains(missing[0], "lacks the provider") {
		got := Probe(provider.Provider{Device: cuda1})
		if got == nil || !strings.Contains(got.Error(), "this build of ONNX Runtime lacks the provider: libonnxruntime_providers_shared.so does not lie beside") {
			t.Errorf("a missing provider is reported as %v", got)
		}
	}
}
