package onnx

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/onnxfile"
)

func TestSlabGrows(t *testing.T) {
	var s slab
	f := func(n, want int, moves bool) {
		t.Helper()
		moved, err := s.ensure(n)
		if err != nil || moved != moves || len(s.bytes) != want || bytes.Count(s.bytes, []byte{0}) != want && moves {
			t.Errorf("ensure(%d) moved %v (%v) to %d bytes, want %v and %d", n, moved, err, len(s.bytes), moves, want)
		}
		if uintptr(s.pointer())%64 != 0 {
			t.Errorf("%d bytes lie at %p, which is not aligned", n, s.pointer())
		}
		for i := range s.bytes {
			s.bytes[i] = 1
		}
	}
	f(0, 64, true)
	f(64, 64, false)
	f(65, 128, true)
	f(1000, 1000, true)
	f(mappedSize+1, mappedSize+1, true) // from the heap to a mapping
	f(1, mappedSize+1, false)
	f(mappedSize+2, 2*mappedSize+2, true)
	s.free()
	s.free()
	if _, err := s.ensure(1 << 62); err == nil || !strings.Contains(err.Error(), "cannot allocate") {
		t.Errorf("4 EiB gave %v", err)
	}
}

// TestShapesThatGrow changes a free axis between runs, over the size where memory is
// mapped and back.
func TestShapesThatGrow(t *testing.T) {
	s := openModel(t, "padded", onnxfile.Rules{MaxBatch: 2}, nil)
	for _, n := range []int64{3, 400_000, 5, 5, 500_000} {
		tokens, mask := make([]int64, 2*n), make([]int64, 2*n)
		for i := range tokens {
			tokens[i], mask[i] = 2, 1
		}
		a := newTask(s, 2, input(dims(2, n), tokens), input(dims(2, n), mask))
		mustRun(t, s, whole(a))
		wantOutput(t, a, 0, dims(2, 1), 2*n, 2*n)
		a.Release()
	}
}

func TestMoreThreads(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{}, func(o *Options) { o.IntraOp = 2 })
	a := simpleTask(s, 5, 7)
	mustRun(t, s, whole(a))
	wantSimple(t, a, 7)
}

// TestLoadingAndUnloadingKeepsMemory compares the memory in use after a few cycles with
// that after many more: what a cycle leaks shows, what allocators keep does not.
func TestLoadingAndUnloadingKeepsMemory(t *testing.T) {
	needLibrary(t)
	cycle := func(n int) {
		for range n {
			for _, model := range []string{"slow", "padded", "id_bytes", "zipmap_strings"} {
				m, err := onnxfile.Read(modelPath(model))
				if err != nil {
					t.Fatal(err)
				}
				inf, err := onnxfile.Infer(m, onnxfile.Rules{})
				if err != nil {
					t.Fatal(err)
				}
				s, err := Open(filepath.Join("testdata", model+".onnx"), Options{Schema: &inf.Schema, Lanes: 2})
				if err != nil {
					t.Fatal(err)
				}
				if model != "slow" {
					if err := s.RunRaw(1, 3); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	cycle(20)
	before := residentBytes(t)
	cycle(60)
	// 16 KiB a load would be a leak of a lane's memory; 1 MiB stands for all the rest.
	if grown := residentBytes(t) - before; grown > 60*4*16<<10 {
		t.Errorf("240 loads and unloads grew the process by %d KiB", grown>>10)
	}
}

func residentBytes(t *testing.T) int {
	t.Helper()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmRSS in /proc/self/status")
	return 0
}
