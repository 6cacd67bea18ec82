package serve

import (
	"cmp"
	"os"
	"path/filepath"

	"sluice/backends/onnx"
)

// LoadLibrary finds ONNX Runtime and loads it, once per process. The path is absolute: the processes of
// devices and trials get it.
func LoadLibrary(named string) (string, error) {
	path, err := FindLibrary(named)
	if err != nil {
		return "", err
	}
	return path, onnx.Init(onnx.Library{Path: path})
}

// FindLibrary finds ONNX Runtime: where it is named, else beside the binary, as in the container, or where
// the build puts it. The path is empty if it is nowhere.
func FindLibrary(named string) (string, error) {
	path := cmp.Or(named, libraryBeside())
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

func libraryBeside() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	dir := filepath.Dir(self)
	for _, path := range []string{
		filepath.Join(dir, "libonnxruntime.so"),
		filepath.Join(dir, "..", "lib", "libonnxruntime.so"),
		filepath.Join(dir, "..", ".deps", "onnxruntime", "libonnxruntime.so"),
	} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}
