package provider

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice/internal/device"
)

// writeTree makes files below a new root.
func writeTree(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestNVIDIAState(t *testing.T) {
	f := func(files map[string]string, want NVIDIAState) {
		t.Helper()
		if got := nvidiaAt(writeTree(t, files)); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	f(nil, NVIDIAState{})
	f(map[string]string{
		"proc/driver/nvidia/version":                       "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.06  Wed Jun 26 06:46:07 UTC 2024\nGCC version:  gcc 11.4.0\n",
		"proc/driver/nvidia/gpus/0000:41:00.0/information": "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 16\n",
		"proc/driver/nvidia/gpus/0000:0a:00.0/information": "Model: \t\t NVIDIA L4\n",
	}, NVIDIAState{Driver: "535.183.06", Models: []string{"NVIDIA L4", "NVIDIA H100 80GB HBM3"}})
	f(map[string]string{"proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (root@host)\n"},
		NVIDIAState{Driver: "580.65.06"})
	// A sandbox that shows the devices alone.
	f(map[string]string{"dev/nvidia0": "", "dev/nvidia1": "", "dev/nvidiactl": "", "dev/nvidia-uvm": ""}, NVIDIAState{Models: []string{"NVIDIA GPU", "NVIDIA GPU"}})
}

func TestMissingDriver(t *testing.T) {
	f := func(index, cuda int, s NVIDIAState, want ...string) {
		t.Helper()
		if got := missingDriver(device.Name{Kind: device.CUDA, Index: index}, cuda, s); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	two := []string{"A", "B"}
	f(1, 13, NVIDIAState{Driver: "580.65.06", Models: two})
	f(1, 12, NVIDIAState{Driver: "525.60.13", Models: two})
	f(0, 12, NVIDIAState{}, "there is no NVIDIA driver: neither /proc/driver/nvidia nor /dev/nvidia0 is here; install it, or start the container with the NVIDIA toolkit")
	f(0, 13, NVIDIAState{Models: two})
	f(0, 12, NVIDIAState{Driver: "580.1"}, "the NVIDIA driver sees no GPU")
	f(2, 12, NVIDIAState{Driver: "580.1", Models: two}, "there is no GPU 2: the NVIDIA driver numbers them 0 to 1")
	f(0, 13, NVIDIAState{Driver: "575.57.08", Models: two}, "the NVIDIA driver 575.57.08 is too old for CUDA 13, which this build of ONNX Runtime uses: install 580 or newer")
}

func TestMissingLibrary(t *testing.T) {
	f := func(library string, cuda int, reason, want string) {
		t.Helper()
		if got := missingLibrary(library, cuda, errors.New(reason)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	gone := func(library string) string {
		return library + ": cannot open shared object file: No such file or directory"
	}
	f("libcudart.so.13", 13, gone("libcudart.so.13"), "libcudart.so.13 is missing: install the PyPI package nvidia-cuda-runtime or NVIDIA's own, and name its folder in the device's library_folders")
	f("libcudart.so.12", 12, gone("libcudart.so.12"), "libcudart.so.12 is missing: install the PyPI package nvidia-cuda-runtime-cu12 or NVIDIA's own, and name its folder in the device's library_folders")
	f("libcublas.so.12", 12, gone("libcublasLt.so.12"), "libcublas.so.12 cannot be opened (libcublasLt.so.12: cannot open shared object file: No such file or directory): install the PyPI package nvidia-cublas-cu12 or NVIDIA's own, and name its folder in the device's library_folders")
	f("libnew.so.1", 12, gone("libnew.so.1"), "libnew.so.1 is missing: install the package that carries it, and name its folder in the device's library_folders")
	if got := cudaMajor([]string{"libcublas.so.13", "libcudart.so.13"}); got != 13 {
		t.Errorf("CUDA %d, want 13", got)
	}
}

func TestVulkanDrivers(t *testing.T) {
	root := writeTree(t, map[string]string{"usr/share/vulkan/icd.d/a.json": "{}", "etc/vulkan/icd.d/b.json": "{}", "etc/vulkan/icd.d/README": "", "own/c.json": "{}"})
	f := func(env map[string]string, want ...string) {
		t.Helper()
		got := vulkanAt(root, func(name string) string { return env[name] })
		for i := range want {
			want[i] = filepath.Join(root, want[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %v got %q, want %q", env, got, want)
		}
	}
	f(nil, "etc/vulkan/icd.d/b.json", "usr/share/vulkan/icd.d/a.json")
	f(map[string]string{"VK_DRIVER_FILES": root + "/own/c.json:" + root + "/own/none.json", "VK_ICD_FILENAMES": "/x"}, "own/c.json")
	f(map[string]string{"VK_ICD_FILENAMES": root + "/own"}, "own/c.json")
	f(map[string]string{"VK_DRIVER_FILES": root + "/own/none.json"})
}

func TestLoadOrder(t *testing.T) {
	got := inLoadOrder([]string{"libcudnn.so.9", "libvulkan.so.1", "libcublas.so.12", "libother.so", "libcublasLt.so.12", "libcudart.so.12"})
	if want := []string{"libcudart.so.12", "libcublasLt.so.12", "libcublas.so.12", "libcudnn.so.9", "libvulkan.so.1", "libother.so"}; !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v", got, want)
	}
}

func TestLibraryFolders(t *testing.T) {
	root := writeTree(t, map[string]string{"file": "", "broken/lib/libvulkan.so.1": "no library"})
	f := func(folder, want string) {
		t.Helper()
		err := OpenFolders([]string{filepath.Join(root, folder)}, root)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q", folder, err, want)
		}
	}
	f("none", "cannot use a library folder")
	f("file", "it is a file; name the folder that holds it")
	f("broken/lib", "cannot open libvulkan.so.1 from a library folder")
	f("", "cannot open libvulkan.so.1 from a library folder") // a folder of folders
	if err := OpenFolders([]string{t.TempDir()}, root); err != nil {
		t.Errorf("an empty folder is refused: %v", err)
	}
}
