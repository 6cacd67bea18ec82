package fleet

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/backends/fake"
	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/internal/clock"
	"sluice/internal/tensor"
)

// fakeHosted is a session on the CPU that behaves as the fake device.
type fakeHosted struct {
	*onnx.Session
	device *fake.Device
}

// hostFake loads a model on the CPU in a worker, and gives it the fake device's times and faults.
func hostFake(path string, o onnx.Options, s *Settings) (worker.Hosted, error) {
	session, err := onnx.Open(path, o)
	if err != nil {
		return nil, err
	}
	h := &fakeHosted{session, fake.NewDevice(s.Fake.Curve, s.Fake.Orders)}
	h.device.OnLoss = func() {
		_ = os.Remove(s.Fake.Orders) // once: the next process is well again
		loseSlabs()
	}
	if err := h.device.Loads(); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return h, nil
}

// RunGathered takes the device's time.
func (h *fakeHosted) RunGathered(lane, rows int, inputs []tensor.Tensor, wanted uint64, limit clock.Instant) error {
	return h.device.Run(rows, func() error { return h.Session.RunGathered(lane, rows, inputs, wanted, limit) })
}

// RunRaw takes the device's time.
func (h *fakeHosted) RunRaw(lane, rows int) error {
	return h.device.Run(rows, func() error { return h.Session.RunRaw(lane, rows) })
}

// loseSlabs takes the memory that is shared with the gateway out of this process.
func loseSlabs() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if strings.Contains(line, "/memfd:sluice-worker") {
			if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil {
				_, _, _ = unix.Syscall(unix.SYS_MUNMAP, from, to-from, 0)
			}
		}
	}
}
