package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/backends/fleet"
	"sluice/serve"
)

// needSwiftShader returns the folder of the software Vulkan driver. In CI there is no excuse.
func needSwiftShader(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../.deps/swiftshader")
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "vk_swiftshader_icd.json"))
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no software Vulkan driver in CI: %v; scripts/swiftshader.sh fetches it", err)
		}
		t.Skip("no software Vulkan driver here: run scripts/swiftshader.sh")
	}
	return dir
}

// softwareGPU is a device's section that runs WebGPU on the CPU.
func softwareGPU(t *testing.T) string {
	t.Helper()
	dir := needSwiftShader(t)
	if why := takeInventory(t).find("webgpu").Why(); strings.Contains(why, "lacks the WebGPU provider") {
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return fmt.Sprintf("{name: webgpu, library_folders: [%s], env: {VK_DRIVER_FILES: %s, XDG_RUNTIME_DIR: %s}}",
		dir, filepath.Join(dir, "vk_swiftshader_icd.json"), t.TempDir())
}

// settingsFile writes settings, which are the file's lines.
func settingsFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inventory is what `sluice devices --json` prints.
type inventory struct{ serve.Inventory }

// takeInventory runs `sluice devices --json`, which always succeeds.
func takeInventory(t *testing.T, args ...string) *inventory {
	t.Helper()
	cmd := exec.Command(sluice, append([]string{"devices", "--json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the exit status is not 0: %v", err)
	}
	inv := &inventory{}
	if err := json.Unmarshal(out, inv); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return inv
}

func (inv *inventory) find(name string) *fleet.Verdict {
	i := slices.IndexFunc(inv.Devices, func(v fleet.Verdict) bool { return v.Device == name })
	if i < 0 {
		return &fleet.Verdict{}
	}
	return &inv.Devices[i]
}

func TestDevicesOfThisMachine(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	inv := takeInventory(t, "--config", settingsFile(t, "devices:", "  - "+softwareGPU(t), "  - cpu"))
	if !strings.HasPrefix(inv.Version, "1.") || inv.Library == "" {
		t.Errorf("the library is %q, version %q", inv.Library, inv.Version)
	}
	for i, name := range []string{"webgpu", "cpu"} {
		if v := &inv.Devices[i]; v.Device != name || !v.Usable || !v.Configured || !v.Chosen {
			t.Errorf("device %d is %+v, want %s as configured, usable", i, v, name)
		}
	}
	if v := inv.find("fake"); v.Device != "" {
		t.Error("fake is offered though nobody asked for it")
	}
	for _, name := range []string{"cuda:0", "tensorrt:0"} {
		v := inv.find(name)
		if v.Device == "" || v.Configured || v.Chosen || !v.Usable && v.Why() == "" {
			t.Errorf("%s is %+v", name, v)
		}
		if len(inv.Driver) == 0 && (v.Usable || len(v.Missing) == 0) {
			t.Errorf("without a driver %s is %+v", name, v)
		}
	}
}

func TestDevicesWithoutLibrary(t *testing.T) {
	t.Setenv("SLUICE_ONNXRUNTIME", "/nowhere/libonnxruntime.so")
	inv := takeInventory(t)
	for _, v := range inv.Devices {
		if v.Usable || !strings.Contains(v.Error, "cannot load ONNX Runtime") {
			t.Errorf("without a library %s is %+v", v.Device, v)
		}
	}
	out, status := command(t, "devices")
	if status != 0 || !strings.Contains(out, "DEVICE") || strings.Count(out, "unusable") != len(inv.Devices) {
		t.Errorf("status %d and\n%s", status, out)
	}
}

// sharedLibrary compiles a library of C, as cgo needs a compiler anyway.
func sharedLibrary(t *testing.T, name, source string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cc := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-o", path, "-")
	cc.Stdin = strings.NewReader(source)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// TestCrashingDriverIsALine: a library that ends the process that loads it.
func TestCrashingDriverIsALine(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	crash := sharedLibrary(t, "libvulkan.so.1", "#include <stdlib.h>\n__attribute__((constructor)) static void load(void) { abort(); }")
	settings := settingsFile(t, "devices:", "  - {name: webgpu, library_folders: ["+filepath.Dir(crash)+"]}")
	v := takeInventory(t, "--config", settings).find("webgpu")
	if v.Usable || !strings.HasPrefix(v.Error, "trying it crashed the process (exit status 2: SIGABRT: abort)") {
		t.Errorf("the verdict is %+v", v)
	}
	out, status := command(t, "check", "--config", settings, filepath.Join(examples, "eta", "1", "model.onnx"))
	if status != 1 || !strings.Contains(out, settings+":2: devices[0]: webgpu is not usable: trying it crashed the process") {
		t.Errorf("status %d and\n%s", status, out)
	}
}

func TestCheckRefusesDevices(t *testing.T) {
	needLibrary(t)
	f := func(want string, lines ...string) {
		t.Helper()
		path := settingsFile(t, lines...)
		out, status := command(t, "check", "--config", path, filepath.Join(examples, "eta", "1", "model.onnx"))
		if status != 1 || !strings.Contains(out, path+want) {
			t.Errorf("status %d, want %s%s in\n%s", status, path, want, out)
		}
	}
	f(`:3: devices[1].name: device "gpu" is unknown: the possible names are cpu, cuda:N, tensorrt:N, webgpu and fake`, "devices:", "  - cpu", "  - name: gpu")
	f(`:2: devices[0].name: device "webgpu:1" has a number, which WebGPU does not know`, "devices:", "  - webgpu:1")
	f(`:3: devices[1].name: "cuda:0" is the name of devices[0] too: list each device once`, "devices:", "  - cuda:0", "  - cuda:0")
	f(":3: devices[0].memory_limit: 1MiB is too small for any model", "devices:", "  - name: cuda:0", "    memory_limit: 1MiB")
	f(":3: devices[0].cuda.enable_cuda_graph is refused: a graph replays the addresses of its first run", "devices:", "  - name: cuda:0", "    cuda: {enable_cuda_graph: true}")
	old := sharedLibrary(t, "libonnxruntime.so", `
		#include <stdint.h>
		static const void *api(uint32_t version) { return 0; }
		static const char *text(void) { return "1.19.2"; }
		static const struct { const void *(*api)(uint32_t); const char *(*text)(void); } base = {api, text};
		const void *OrtGetApiBase(void) { return &base; }`)
	stock := os.Getenv("SLUICE_ONNXRUNTIME")
	t.Setenv("SLUICE_ONNXRUNTIME", "")
	if err := os.Unsetenv("SLUICE_ONNXRUNTIME"); err != nil {
		t.Fatal(err)
	}
	f(":1: onnxruntime.library: cannot use "+old+": it is ONNX Runtime 1.19.2; versions 1.24 to 1.32 are supported: name one of them", "onnxruntime: {library: "+old+"}")
	if _, err := os.Stat(filepath.Join(filepath.Dir(stock), "libonnxruntime_providers_shared.so")); err != nil {
		f(":3: devices[0]: cuda:0 is not usable: this build of ONNX Runtime lacks the provider: libonnxruntime_providers_shared.so does not lie beside",
			"onnxruntime: {library: "+stock+"}", "devices:", "  - cuda:0")
	}
}

func TestCheckAcceptsAUsableDevice(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	path := settingsFile(t, "devices:", "  - "+softwareGPU(t), "  - fake")
	if out, status := command(t, "check", "--config", path, filepath.Join(examples, "eta", "1", "model.onnx")); status != 0 {
		t.Errorf("status %d and\n%s", status, out)
	}
}
