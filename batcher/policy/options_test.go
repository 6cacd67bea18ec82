package policy

import (
	"strings"
	"testing"

	"sluice/internal/cost"
)

func TestBadOptions(t *testing.T) {
	f := func(o ModelOptions, want string) {
		t.Helper()
		s := New(SchedulerOptions{})
		device0(t, s, DeviceOptions{Name: "d", Lanes: 1})
		o.Name = "m"
		if _, err := s.AddModel(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	on := []ModelDevice{{Device: 0}}
	f(ModelOptions{Devices: on}, "largest batch is 0 rows")
	f(ModelOptions{MaxBatch: 1}, "no device")
	f(ModelOptions{MaxBatch: 1, Devices: []ModelDevice{{Device: 1}}}, "device 1 does not exist")
	f(ModelOptions{MaxBatch: 1, Devices: []ModelDevice{{}, {}}}, "device 0 is listed twice")
	f(ModelOptions{MaxBatch: 1, Devices: on, Weight: -1}, "weight is -1")
	f(ModelOptions{MaxBatch: 1, Devices: on, Budget: -1}, "budget is -1ns")
	f(ModelOptions{MaxBatch: 9, Devices: on, MaxQueueRows: 8}, "below the largest batch of 9")
	f(ModelOptions{MaxBatch: 1, Devices: on, MaxQueueBytes: -1}, "queue bound is -1 bytes")
	f(ModelOptions{MaxBatch: 8, Devices: []ModelDevice{{Sizes: []int{1, 4}}}}, "batch sizes [1 4]")
	f(ModelOptions{MaxBatch: 8, Devices: []ModelDevice{{Sizes: []int{0, 8}}}}, "batch sizes [0 8]")
	f(ModelOptions{MaxBatch: 1, Devices: []ModelDevice{{Curve: cost.Curve{{Rows: 0, P50: 1}}}}}, "cost curve has the point 0 rows")
	f(ModelOptions{Weight: -1}, "largest batch is 0 rows; it must be at least 1\nmodel \"m\": weight")
	s := New(SchedulerOptions{})
	if _, err := s.AddDevice(DeviceOptions{Name: "d"}); err == nil || !strings.Contains(err.Error(), "has 0 lanes") {
		t.Errorf("device without lanes: %v", err)
	}
	if _, err := s.AddDevice(DeviceOptions{Name: "d", Lanes: 1, Gap: -1}); err == nil || !strings.Contains(err.Error(), "negative duration") {
		t.Errorf("device with a negative gap: %v", err)
	}
}
