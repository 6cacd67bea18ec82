// Package remedy says of faults that the system reports what a person can do about them. The
// sentence around a fault names the thing; what is added here is the way out. It is pure.
package remedy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// File takes the path out of a file system's fault, which the sentence around it names, and adds
// what to do. That something is not there is left to the caller: only it knows what was wanted.
func File(err error) error {
	var about *os.PathError
	if errors.As(err, &about) {
		err = about.Err
	}
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: give the user that runs sluice (uid %d) access to it", err, os.Getuid())
	case errors.Is(err, syscall.ELOOP):
		return fmt.Errorf("%w: mend the link, which leads back to itself", err)
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("it %w: name a file", err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: correct the path, a part of which is a file", err)
	case errors.Is(err, syscall.ENXIO):
		return fmt.Errorf("%w: if it is a pipe, begin to read it first; else name a file", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: name a place that can be written", err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: free some, or name another disk", err)
	}
	return err
}

// Named is File for a path that a person has given.
func Named(err error) error {
	if err = File(err); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: create it, or correct the path", err)
	}
	return err
}

// Written is File for a file that is to be written at a path that a person has given.
func Written(err error) error {
	if err = File(err); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: create its folder, or correct the path", err)
	}
	return err
}

// Whole is Named for a sentence that does not name the path.
func Whole(err error) error {
	var about *os.PathError
	if !errors.As(err, &about) {
		return err
	}
	return fmt.Errorf("%s %s: %w", about.Op, about.Path, Named(about.Err))
}

// Connection is what went wrong on the way to an address, in the system's own words alone: the
// sentence around it names the address.
func Connection(err error) string {
	var host *net.DNSError
	var code syscall.Errno
	var late interface{ Timeout() bool }
	switch {
	case errors.As(err, &host):
		return fmt.Sprintf("the host %q is not known", host.Name)
	case errors.As(err, &code):
		return code.Error()
	case errors.As(err, &late) && late.Timeout():
		return "it gave no answer in time"
	}
	return err.Error()
}

// Listen says why an address cannot be listened on; setting is what names it.
func Listen(err error, address, setting string) error {
	var host *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use: stop what listens there, or set %s to another port", address, setting)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s is not allowed to the user that runs sluice (uid %d): set %s to a port from 1024, or grant CAP_NET_BIND_SERVICE", address, os.Getuid(), setting)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this machine has no address %s: set %s to one that it has, or to 0.0.0.0 and the port for all", address, setting)
	case errors.As(err, &host):
		return fmt.Errorf("the host of %s is not known: set %s to an address of this machine", address, setting)
	}
	return fmt.Errorf("%w: set %s to an address of this machine that is free", err, setting)
}
