package serve

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// The processes of devices, of shadows and the trials of these tests are the test binary itself. Its shadows do not stand back: beside
// the tests of other packages they would get no core.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == candidateName {
		os.Args = append(os.Args, stoodBack)
	}
	Child()
	flag.Parse()
	os.Setenv("XDG_STATE_HOME", filepath.Join(os.TempDir(), "sluice-serve-test")) // not the home of whoever runs the tests
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		fmt.Fprintln(os.Stderr, "ONNX Runtime is not here, so the example is left out: run scripts/onnxruntime.sh")
		_ = flag.Set("test.skip", "^Example")
	}
	goleak.VerifyTestMain(m)
}

// needLibrary skips where ONNX Runtime has not been fetched.
func needLibrary(t *testing.T) {
	t.Helper()
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
}
