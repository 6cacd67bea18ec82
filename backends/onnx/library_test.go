package onnx

import (
	"os"
	"path/filepath"
	"testing"
)

func TestForeignLibraryIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libonnxruntime.so")
	if err := os.WriteFile(path, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := libraryVersion(path); err == nil {
		t.Error("a text file has a version")
	}
	if _, err := libraryVersion("libm.so.6"); err == nil || err.Error() != "it is another library: it has no OrtGetApiBase" {
		t.Errorf("another library has the error %v", err)
	}
}
