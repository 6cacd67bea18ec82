package onnx

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"sluice/internal/device"
)

// libcuda is the part of NVIDIA's driver that programs talk to.
const libcuda = "libcuda.so.1"

// cudaTrouble says what CUDA's error codes mean for whoever runs the machine. What CUDA's provider makes of
// them are lines with paths of the machine that it was built on.
var cudaTrouble = map[int]string{
	2:   "the GPU's memory is full: end what else uses it, or use another GPU",
	35:  "NVIDIA's driver is too old for CUDA %[1]d, which this build of ONNX Runtime uses: install driver %[2]d or newer, or a build of ONNX Runtime for an older CUDA",
	100: "NVIDIA's driver finds no GPU: see whether nvidia-smi lists it, and start a container with the NVIDIA toolkit",
	999: "NVIDIA's driver failed and does not know why: look for NVRM and Xid in the kernel's log, and restart the driver or the machine",
}

var cudaFailure = regexp.MustCompile(`CUDA failure (\d+): ([^;]*?) ;`)

// explainCUDA puts an error of CUDA in one sentence. Any other stays as it is.
func explainCUDA(err error) error {
	if err == nil {
		return nil
	}
	found := cudaFailure.FindStringSubmatch(strings.Join(strings.Fields(err.Error()), " "))
	if found == nil {
		return err
	}
	major := cudaMajor(imports(filepath.Join(libraryDir(), cudaProvider)))
	return cudaSentence(number(found[1]), strings.TrimSpace(found[2]), major)
}

func cudaSentence(code int, said string, cudaMajor int) error {
	text, known := cudaTrouble[code]
	switch {
	case !known:
		text = "CUDA cannot be used: see whether nvidia-smi works"
	case strings.Contains(text, "%"):
		text = fmt.Sprintf(text, cudaMajor, leastDriver[cudaMajor])
	}
	return fmt.Errorf("%s (CUDA error %d: %s)", text, code, said)
}

// driverAnswers reports whether NVIDIA's driver can be asked although its files are not to be seen, as in
// some sandboxes.
func driverAnswers(s NVIDIAState) bool {
	return s.Driver == "" && len(s.Models) == 0 && openLibrary(libcuda) == nil
}

// isNVIDIA reports whether a device is used through CUDA.
func isNVIDIA(kind device.Kind) bool { return kind == device.CUDA || kind == device.TensorRT }
