package provider

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// NVIDIAState is what NVIDIA's kernel driver says of this machine.
type NVIDIAState struct {
	// Driver is its version, such as 580.65.06; empty if it is not loaded.
	Driver string
	// Models are the names of the GPUs, in the order of their places on the bus, as
	// nvidia-smi numbers them.
	Models []string
}

// NVIDIA asks the driver's files. In a container they are there when the GPUs are; some
// sandboxes show the devices alone.
func NVIDIA() NVIDIAState { return nvidiaAt("/") }

func nvidiaAt(root string) (s NVIDIAState) {
	// NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun ..., or Open Kernel Module
	// for x86_64  580...
	text, _ := os.ReadFile(filepath.Join(root, "proc/driver/nvidia/version"))
	line, _, _ := strings.Cut(string(text), "\n")
	for field := range strings.FieldsSeq(line) {
		if major, _, dotted := strings.Cut(field, "."); dotted && number(major) > 0 {
			s.Driver = field
			break
		}
	}
	files, _ := filepath.Glob(filepath.Join(root, "proc/driver/nvidia/gpus/*/information"))
	slices.Sort(files) // the folders are named by bus
	for _, file := range files {
		s.Models = append(s.Models, modelName(file))
	}
	if len(files) == 0 {
		nodes, _ := filepath.Glob(filepath.Join(root, "dev/nvidia[0-9]*"))
		for range nodes {
			s.Models = append(s.Models, unnamed)
		}
	}
	return s
}

// unnamed stands for a GPU of which only the device is seen.
const unnamed = "NVIDIA GPU"

func modelName(file string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if model, ok := strings.CutPrefix(line, "Model:"); ok {
			return strings.TrimSpace(model)
		}
	}
	return unnamed
}

// number reads a whole number; 0 if text is none.
func number(text string) int {
	n := 0
	for _, r := range text {
		if r < '0' || r > '9' || n > 1e6 {
			return 0
		}
		n = 10*n + int(r-'0')
	}
	return n
}

// vulkanDrivers are the files by which the Vulkan loader finds drivers, in this process's environment.
func vulkanDrivers() []string { return vulkanAt("/", os.Getenv) }

func vulkanAt(root string, env func(string) string) (found []string) {
	for _, name := range []string{"VK_DRIVER_FILES", "VK_ICD_FILENAMES"} { // the first that is set holds alone
		if list := env(name); list != "" {
			for _, path := range filepath.SplitList(list) {
				found = append(found, manifests(path)...)
			}
			return found
		}
	}
	folders := []string{"usr/local/etc", "usr/local/share", "etc", "usr/share"}
	for _, folder := range folders {
		found = append(found, manifests(filepath.Join(root, folder, "vulkan/icd.d"))...)
	}
	return found
}

// manifests are the file itself, or those in a folder.
func manifests(path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		return []string{path}
	}
	files, _ := filepath.Glob(filepath.Join(path, "*.json"))
	return files
}
