package loadtest

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

// The request to the system holds until it is taken back; where the system refuses, the error names the file.
func TestKeepAwake(t *testing.T) {
	asked := func() uint32 {
		f, err := os.Open(latencyRequest)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		var b [4]byte
		if _, err := f.Read(b[:]); err != nil {
			t.Fatal(err)
		}
		return binary.NativeEndian.Uint32(b[:])
	}
	asleep, err := keepAwake()
	if err != nil {
		if !strings.Contains(err.Error(), latencyRequest) {
			t.Errorf("the error %q does not say what is missing", err)
		}
		t.Skip("this system does not let a process keep its cores awake: ", err)
	}
	during := asked()
	asleep()
	if after := asked(); during != 0 || after == 0 {
		t.Errorf("%d us are asked for during the run and %d after it", during, after)
	}
}
