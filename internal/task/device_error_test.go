package task

import (
	"errors"
	"fmt"
	"testing"
)

func TestDeviceFailed(t *testing.T) {
	for _, c := range []struct {
		name           string
		err            error
		failed, sticky bool
	}{
		{"nothing", nil, false, false},
		{"the model", errors.New("bad rows"), false, false},
		{"the device, once", &DeviceError{Cause: errors.New("out of memory")}, true, false},
		{"the device, wrapped", fmt.Errorf("a run failed: %w", &DeviceError{Sticky: true, Cause: errors.New("worker gone")}), true, true},
	} {
		if failed, sticky := DeviceFailed(c.err); failed != c.failed || sticky != c.sticky {
			t.Errorf("%s: failed %v, sticky %v; want %v, %v", c.name, failed, sticky, c.failed, c.sticky)
		}
	}
}
