package task

import "errors"

// DeviceError is a failure of the place that ran a batch rather than of the model or its rows:
// a worker process that died, a device that was lost, memory that ran out. The same rows
// may well succeed elsewhere.
type DeviceError struct {
	// Sticky says that further runs on the device will fail until it has been restarted.
	Sticky bool
	Cause  error
}

// Error returns the cause's text: it is for the log.
func (e *DeviceError) Error() string { return "the device failed: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *DeviceError) Unwrap() error { return e.Cause }

// DeviceFailed reports whether the device is to blame for an error, and whether it is
// lost until it has been restarted.
func DeviceFailed(err error) (failed, sticky bool) {
	var d *DeviceError
	if !errors.As(err, &d) {
		return false, false
	}
	return true, d.Sticky
}
