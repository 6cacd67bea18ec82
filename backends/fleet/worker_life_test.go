package fleet

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"sluice/backends"
	"sluice/internal/clock"
)

// TestWorkerIsKilled has the worker with a real session end under a run.
func TestWorkerIsKilled(t *testing.T) {
	d := startWorker(t, false)
	path, err := filepath.Abs(examples + "/digits/1/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	here, there := openBoth(t, d, path, nil)
	// A service manager sends SIGTERM to all processes; the worker leaves it to the gateway.
	if err := syscall.Kill(d.Status().PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	compareRuns(t, here, there, 2)
	if s := d.Status(); s.Starts != 1 {
		t.Errorf("after SIGTERM the worker is %+v", s)
	}
	for i := range 5 {
		process, err := os.FindProcess(d.Status().PID)
		if err == nil {
			err = process.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
		for begin := time.Now(); d.Status().Starts < i+2 || d.Status().PID == 0; time.Sleep(time.Millisecond) {
			if time.Since(begin) > 5*time.Second {
				t.Fatalf("5 s after the end the worker is %+v", d.Status())
			}
		}
		compareRuns(t, here, there, 2)
	}
}

// BenchmarkWorker gives what a worker process adds to a batch of a real session on the CPU.
func BenchmarkWorker(b *testing.B) {
	d := startWorker(b, false)
	path, err := filepath.Abs(examples + "/digits/1/model.onnx")
	if err != nil {
		b.Fatal(err)
	}
	here, there := openBoth(b, d, path, nil)
	f := func(name string, s backends.Session) {
		b.Run(name, func(b *testing.B) {
			parts := sampleBatch(s.Schema(), 8)
			times := make([]time.Duration, 0, 1<<16)
			b.ReportAllocs()
			for b.Loop() {
				begin := clock.Now()
				if err := runBatch(s, parts); err != nil {
					b.Fatal(err)
				}
				times = append(times, clock.Now().Sub(begin))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2])/1e3, "p50-µs")
			b.ReportMetric(float64(times[len(times)*99/100])/1e3, "p99-µs")
		})
	}
	f("process=own", here)
	f("process=worker", there)
}
