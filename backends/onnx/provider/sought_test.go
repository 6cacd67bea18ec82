package provider

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeProvider is a folder with a CUDA provider that names one library as needed.
func fakeProvider(t *testing.T, cudart string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	build := func(name string, args ...string) {
		t.Helper()
		args = append([]string{"-shared", "-nostdlib", "-Wl,--no-as-needed", "-Wl,-soname," + name, "-o", filepath.Join(dir, name)}, args...)
		cmd := exec.Command("cc", append(args, "-x", "c", "/dev/null")...)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cc: %v\n%s", err, said)
		}
	}
	build(cudart)
	build(cudaProvider, "-L"+dir, "-l:"+cudart)
	return dir
}

// A build for CUDA 13 opens cuDNN and cuFFT when a node wants them, and names neither.
func TestLibrariesThatAProviderOpensLater(t *testing.T) {
	f := func(cudart string, want ...string) {
		t.Helper()
		if got := neededLibraries(fakeProvider(t, cudart)); !slices.Equal(got, want) {
			t.Errorf("with %s %q are needed, want %q", cudart, got, want)
		}
	}
	f("libcudart.so.12", "libcudart.so.12", "libnvrtc.so.12", "libcufft.so.11", "libcudnn.so.9")
	f("libcudart.so.13", "libcudart.so.13", "libnvrtc.so.13", "libcufft.so.12", "libcudnn.so.9")
	f("libcudart.so.99", "libcudart.so.99")
	if got := neededLibraries(t.TempDir()); len(got) > 0 {
		t.Errorf("a build without providers needs %q", got)
	}
}

// What lies in a library folder is opened before the provider asks for it.
func TestCuDNNIsOpenedFromALibraryFolder(t *testing.T) {
	providers := fakeProvider(t, "libcudart.so.13")
	folder := writeTree(t, map[string]string{"cudnn/lib/libcudnn.so.9": "no library"})
	err := OpenFolders([]string{folder}, providers)
	if err == nil || !strings.Contains(err.Error(), "cannot open libcudnn.so.9 from a library folder") {
		t.Errorf("the error is %v", err)
	}
}
