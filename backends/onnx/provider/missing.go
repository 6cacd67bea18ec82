package provider

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/device"
)

// carriers are the packages of PyPI that bring a library, by its name without what follows `.so.`; the
// second is for CUDA 13, where its name is another. TensorRT's are for both.
var carriers = map[string][2]string{
	"libcudart.so":          {"nvidia-cuda-runtime-cu12", "nvidia-cuda-runtime"},
	"libcublas.so":          {"nvidia-cublas-cu12", "nvidia-cublas"},
	"libcublasLt.so":        {"nvidia-cublas-cu12", "nvidia-cublas"},
	"libcufft.so":           {"nvidia-cufft-cu12", "nvidia-cufft"},
	"libcurand.so":          {"nvidia-curand-cu12", "nvidia-curand"},
	"libcudnn.so":           {"nvidia-cudnn-cu12", "nvidia-cudnn-cu13"},
	"libnvrtc.so":           {"nvidia-cuda-nvrtc-cu12", "nvidia-cuda-nvrtc"},
	"libnvJitLink.so":       {"nvidia-nvjitlink-cu12", "nvidia-nvjitlink"},
	"libnvinfer.so":         {"tensorrt-cu12", "tensorrt-cu13"},
	"libnvinfer_plugin.so":  {"tensorrt-cu12", "tensorrt-cu13"},
	"libnvonnxparser.so":    {"tensorrt-cu12", "tensorrt-cu13"},
	"libnvinfer_builder.so": {"tensorrt-cu12", "tensorrt-cu13"},
}

// leastDriver is the oldest major version of NVIDIA's driver that a major version of CUDA runs on.
var leastDriver = map[int]int{12: 525, 13: 580}

// Missing says what a device lacks on this machine, one sentence each; none means that
// nothing is known to be missing. It opens the libraries that it looks for, so it is for a process of
// its own. library is the path of ONNX Runtime, which must be loaded.
func Missing(name device.Name, library string) []string {
	switch name.Kind {
	case device.CUDA:
		return missingNVIDIA(name, library, cudaProvider)
	case device.TensorRT:
		return missingNVIDIA(name, library, tensorrtProvider, cudaProvider)
	case device.WebGPU:
		return missingVulkan()
	}
	return nil
}

func missingNVIDIA(name device.Name, library string, providers ...string) (missing []string) {
	var names []string
	for _, provider := range providers {
		if err := besideLibrary(library, provider); err != nil {
			return append(missing, err.Error())
		}
		names = append(names, imports(beside(library, provider))...)
	}
	major := cudaMajor(names)
	if major != 0 {
		names = append(names, cudnn)
	}
	for _, needed := range slices.Compact(inLoadOrder(names)) {
		if err := openLibrary(needed); err != nil {
			missing = append(missing, missingLibrary(needed, major, err))
		}
	}
	state := NVIDIA()
	if driverAnswers(state) {
		return missing // what it answers is the device's error
	}
	return append(missing, missingDriver(name, major, state)...)
}

// missingLibrary names the package that carries a library which does not open.
func missingLibrary(library string, cudaMajor int, reason error) string {
	stem, _, _ := strings.Cut(library, ".so")
	carrier, known := carriers[stem+".so"]
	what := "install the package that carries it"
	if known {
		which := carrier[0]
		if cudaMajor >= 13 {
			which = carrier[1]
		}
		what = fmt.Sprintf("install the PyPI package %s or NVIDIA's own", which)
	}
	state := "is missing"
	if !strings.Contains(reason.Error(), library+": cannot open shared object file") {
		state = fmt.Sprintf("cannot be opened (%v)", reason)
	}
	return fmt.Sprintf("%s %s: %s, and name its folder in the device's library_folders", library, state, what)
}

// cudaMajor is the version of CUDA that libraries were built for; 0 if they do not say.
func cudaMajor(libraries []string) int {
	for _, library := range libraries {
		if version, ok := strings.CutPrefix(library, "libcudart.so."); ok {
			major, _, _ := strings.Cut(version, ".")
			return number(major)
		}
	}
	return 0
}

func missingDriver(name device.Name, cudaMajor int, s NVIDIAState) (missing []string) {
	switch n := len(s.Models); {
	case s.Driver == "" && n == 0:
		return []string{"there is no NVIDIA driver: neither /proc/driver/nvidia nor /dev/nvidia0 is here; install it, or start the container with the NVIDIA toolkit"}
	case n == 0:
		missing = append(missing, "the NVIDIA driver sees no GPU")
	case name.Index >= n:
		missing = append(missing, fmt.Sprintf("there is no GPU %d: the NVIDIA driver numbers them 0 to %d", name.Index, n-1))
	}
	major, _, _ := strings.Cut(s.Driver, ".")
	if least := leastDriver[cudaMajor]; s.Driver != "" && number(major) < least {
		missing = append(missing, fmt.Sprintf("the NVIDIA driver %s is too old for CUDA %d, which this build of ONNX Runtime uses: install %d or newer", s.Driver, cudaMajor, least))
	}
	return missing
}

func missingVulkan() (missing []string) {
	if !HasWebGPU() {
		return []string{errNoWebGPU.Error()}
	}
	if err := openLibrary("libvulkan.so.1"); err != nil {
		missing = append(missing, "the Vulkan loader libvulkan.so.1 is missing: install Debian's libvulkan1, or name its folder in the device's library_folders")
	}
	if len(vulkanDrivers()) == 0 {
		missing = append(missing, "there is no Vulkan driver: no driver's .json in /usr/share/vulkan/icd.d or /etc/vulkan/icd.d, nor named by VK_DRIVER_FILES; install the GPU's driver with its Vulkan part, or set VK_DRIVER_FILES in the device's env")
	}
	return missing
}
