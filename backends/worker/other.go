//go:build !linux

package worker

import (
	"context"
	"errors"
	"os"

	"sluice/backends"
)

var errLinux = errors.New("worker processes need Linux: run the device in this process, or on Linux")

// Device is a place to run that lives in a child process; there are none here.
type Device struct{}

// Status is what a device is doing.
type Status struct {
	State       State
	Reason      string
	PID, Starts int
}

// Session is a model version in a worker process; there are none here.
type Session struct{ backends.Session }

// Start fails.
func Start(Options) (*Device, error) { return nil, errLinux }

// Status says that the device is closed.
func (*Device) Status() Status { return Status{State: Closed, Reason: errLinux.Error()} }

// Wait fails.
func (*Device) Wait(context.Context) error { return errLinux }

// Reopen does nothing.
func (*Device) Reopen() {}

// Open fails.
func (*Device) Open(context.Context, Spec) (*Session, error) { return nil, errLinux }

// Close does nothing.
func (*Device) Close(context.Context) error { return nil }

// Serve fails.
func Serve(context.Context, *os.File, Host) error { return errLinux }
