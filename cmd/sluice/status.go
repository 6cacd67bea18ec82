package main

import "errors"

// status is an error with an exit status of its own.
type status struct {
	code int
	error
}

func (s status) Unwrap() error { return s.error }

// usage marks a command line that cannot be understood, as opposed to one that asks for
// something impossible.
func usage(err error) error { return status{2, err} }

// exitStatus is what the process ends with.
func exitStatus(err error) int {
	var s status
	if errors.As(err, &s) {
		return s.code
	}
	return 1
}
