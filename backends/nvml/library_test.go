package nvml

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/telemetry"
)

// fakeLibrary builds testdata/fakenvml.c. There is a C compiler wherever this package
// was built.
func fakeLibrary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "libfakenvml.so")
	out, err := exec.Command("cc", "-shared", "-fPIC", "-o", path, filepath.Join("testdata", "fakenvml.c")).CombinedOutput()
	if err != nil {
		t.Fatalf("cannot build the fake library: %v\n%s", err, out)
	}
	return path
}

// TestRealBinding loads a library through go-nvml: this very process was started without
// one, so its symbols are bound late, and calling one of the many that are missing here
// would end it. Twice, because a monitor may be opened again.
func TestRealBinding(t *testing.T) {
	path := fakeLibrary(t)
	for range 2 {
		xids := make(chan [2]uint64, 1)
		m, err := Open(Options{Library: path, EventPeriod: time.Millisecond, OnXid: func(gpu int, xid uint64, critical bool) {
			if critical {
				xids <- [2]uint64{uint64(gpu), xid}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := m.Driver(), (Driver{Version: "470.1.2", CUDA: "11.4", Library: "11.470.1.2"}); got != want {
			t.Errorf("driver %+v, want %+v", got, want)
		}
		want := GPU{
			UUID: "GPU-fake", Name: "Fake T4", PCIBusID: "00000000:01:00.0",
			Memory: known(16 << 30), MaxSMClock: known(1590e6), MaxMemoryClock: known(5001e6), XidEvents: true,
		}
		if got := m.GPUs(); len(got) != 1 || got[0] != want {
			t.Errorf("GPUs %+v, want %+v", got, want)
		}
		s := m.Sample()
		wantState(t, s.GPUs[0], State{
			GPUReadings: telemetry.GPUReadings{
				Utilization: known(0.55), MemoryUtilization: known(0.2), MemoryUsed: known(4 << 30), MemoryFree: known(12 << 30),
				Power: known(60.5), SMClock: known(1200e6), MemoryClock: known(5000e6),
			},
			Reasons: 4, ReasonsKnown: true, Slowdown: 1,
		})
		if len(s.GPUs[0].Faults) != 0 || s.Took <= 0 {
			t.Errorf("faults %v, took %v", s.GPUs[0].Faults, s.Took)
		}
		select {
		case got := <-xids:
			if got != [2]uint64{0, 79} {
				t.Errorf("GPU and Xid %v, want 0 and 79", got)
			}
		case <-time.After(20 * time.Second):
			t.Error("no Xid came")
		}
		if table := m.Table(); !strings.Contains(table, "Fake T4") {
			t.Errorf("the table is\n%s", table)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkSample is the cost of go-nvml and this package; a driver adds its own.
func BenchmarkSample(b *testing.B) {
	m, err := Open(Options{Library: fakeLibrary(b), Period: time.Hour, EventPeriod: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sample", func(b *testing.B) {
		for b.Loop() {
			m.sample()
		}
	})
	b.Run("poll", func(b *testing.B) {
		for b.Loop() {
			m.poll()
		}
	})
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
}
