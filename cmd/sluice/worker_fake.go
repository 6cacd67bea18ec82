package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sluice/backends/fake"
	"sluice/backends/onnx"
	"sluice/internal/clock"
	"sluice/internal/tensor"
)

// fakeHosted is a session on the CPU that behaves as the fake device.
type fakeHosted struct {
	*onnx.Session
	device *fake.Device
}

func newFakeHosted(s *onnx.Session, c *fakeChoice) *fakeHosted {
	h := &fakeHosted{s, fake.NewDevice(c.Curve, c.Orders)}
	h.device.OnLoss = func() {
		_ = os.Remove(c.Orders) // once: the next process is well again
		loseSlabs()
	}
	return h
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
