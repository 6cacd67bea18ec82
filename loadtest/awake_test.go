package loadtest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Four zero bytes are asked for; where the system takes no request, the error names the file.
func TestKeepAwake(t *testing.T) {
	request := filepath.Join(t.TempDir(), "latency")
	if _, err := keepAwake(request); err == nil || !strings.Contains(err.Error(), request) {
		t.Errorf("the error %v does not say what is missing", err)
	}
	if err := os.WriteFile(request, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	asleep, err := keepAwake(request)
	if err != nil {
		t.Fatal(err)
	}
	defer asleep()
	if got, err := os.ReadFile(request); err != nil || !bytes.Equal(got, []byte("\x00\x00\x00\x00re")) {
		t.Errorf("%q was asked for, error %v", got, err)
	}
}

// A system that takes the request holds it until it is taken back.
func TestCoresAreKeptAwake(t *testing.T) {
	asleep, err := keepAwake(latencyRequest)
	if err != nil {
		return // not root, or a system without the file: nothing can be held
	}
	asked := func() [4]byte {
		f, err := os.Open(latencyRequest)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		var b [4]byte
		if _, err := f.Read(b[:]); err != nil {
			t.Fatal(err)
		}
		return b
	}
	during := asked()
	asleep()
	if after := asked(); during != [4]byte{} || after == during {
		t.Errorf("%v us are asked for during the run and %v after it", during, after)
	}
}
