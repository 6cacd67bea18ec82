package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever is wrong with a GPU, readiness says it in one sentence and the CPU serves. ONNX Runtime's build
// for CUDA is real, and so is CUDA's runtime; the driver below them fails as it is told. `make cuda-faults`
// fetches them and sets SLUICE_CUDA_FAULTS to their folder.
func TestCUDAFaults(t *testing.T) {
	libraries := os.Getenv("SLUICE_CUDA_FAULTS")
	if libraries == "" {
		t.Skip("make cuda-faults runs it")
	}
	library, err := filepath.Abs(filepath.FromSlash("../../.deps/onnxruntime-cuda/libonnxruntime.so"))
	if err != nil {
		t.Fatal(err)
	}
	models := tableModel(t)
	for _, c := range []struct{ name, setting, says string }{
		{"no device", `FAKE_CUDA_ERROR: "100"`, "NVIDIA's driver finds no GPU: see whether nvidia-smi lists it, and start a container with the NVIDIA toolkit (CUDA error 100: no CUDA-capable device is detected)"},
		{"out of memory", `FAKE_CUDA_ERROR: "2"`, "the GPU's memory is full: end what else uses it, or use another GPU (CUDA error 2: out of memory)"},
		{"old driver", `FAKE_CUDA_DRIVER: "12020"`, "NVIDIA's driver is too old for CUDA 13, which this build of ONNX Runtime uses: install driver 580 or newer, or a build of ONNX Runtime for an older CUDA (CUDA error 35: CUDA driver version is insufficient for CUDA runtime version)"},
		{"unknown", `FAKE_CUDA_ERROR: "999"`, "NVIDIA's driver failed and does not know why: look for NVRM and Xid in the kernel's log, and restart the driver or the machine (CUDA error 999: unknown error)"},
		{"another", `FAKE_CUDA_ERROR: "3"`, "CUDA cannot be used: see whether nvidia-smi works (CUDA error 3: initialization error)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sluice.yaml")
			text := fmt.Sprintf("devices:\n  - name: cuda:0\n    library_folders: [%s]\n    env: {%s}\n  - name: cpu\n", libraries, c.setting)
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Setenv("SLUICE_ONNXRUNTIME", library)
			g := startGateway(t, "--config", file, "--models", models)
			ready := ""
			for end := time.Now().Add(time.Minute); time.Now().Before(end) && !strings.Contains(ready, "CUDA error"); time.Sleep(100 * time.Millisecond) {
				_, ready = g.get(g.admin + "/v2/health/ready")
			}
			if want := "device cuda:0 takes no work: " + c.says; !strings.Contains(ready, want+`"`) || !strings.Contains(ready, `"ready":true`) {
				t.Errorf("readiness says %s, want %q", ready, want)
			}
			caller := newCaller(t, g.predict)
			caller.send(1)
			if status, _, body := caller.answer(); status != http.StatusOK {
				t.Errorf("the CPU answered %d %s", status, body)
			}
		})
	}
}
