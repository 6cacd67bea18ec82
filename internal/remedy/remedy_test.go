package remedy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func at(code syscall.Errno) error {
	return fmt.Errorf("around: %w", &os.PathError{Op: "open", Path: "/secret/path", Err: code})
}

func TestFile(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		want = strings.ReplaceAll(want, "UID", fmt.Sprint(os.Getuid()))
		if got := Named(err); got.Error() != want || !errors.Is(got, errors.Unwrap(errors.Unwrap(err))) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	f(at(syscall.ENOENT), "no such file or directory: create it, or correct the path")
	f(at(syscall.EACCES), "permission denied: give the user that runs sluice (uid UID) access to it")
	f(at(syscall.ELOOP), "too many levels of symbolic links: mend the link, which leads back to itself")
	f(at(syscall.EISDIR), "it is a directory: name a file")
	f(at(syscall.ENOTDIR), "not a directory: correct the path, a part of which is a file")
	f(at(syscall.ENXIO), "no such device or address: if it is a pipe, begin to read it first; else name a file")
	f(at(syscall.EROFS), "read-only file system: name a place that can be written")
	f(at(syscall.ENOSPC), "no space left on device: free some, or name another disk")
	f(at(syscall.EIO), "input/output error")
	if got, want := Whole(at(syscall.ENOENT)).Error(), "open /secret/path: no such file or directory: create it, or correct the path"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := Written(at(syscall.ENOENT)).Error(), "no such file or directory: create its folder, or correct the path"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := File(at(syscall.ENOENT)).Error(); got != "no such file or directory" {
		t.Errorf("%q: what is to be there only the caller knows", got)
	}
}

func TestListen(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		want = strings.ReplaceAll(want, "UID", fmt.Sprint(os.Getuid()))
		if got := Listen(&net.OpError{Op: "listen", Err: err}, "h:80", "admin").Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(os.NewSyscallError("bind", syscall.EADDRINUSE), "h:80 is in use: stop what listens there, or set admin to another port")
	f(os.NewSyscallError("bind", syscall.EACCES), "h:80 is not allowed to the user that runs sluice (uid UID): set admin to a port from 1024, or grant CAP_NET_BIND_SERVICE")
	f(os.NewSyscallError("bind", syscall.EADDRNOTAVAIL), "this machine has no address h:80: set admin to one that it has, or to 0.0.0.0 and the port for all")
	f(&net.DNSError{Err: "no such host", Name: "h"}, "the host of h:80 is not known: set admin to an address of this machine")
	f(os.NewSyscallError("socket", syscall.EMFILE), "listen: socket: too many open files: set admin to an address of this machine that is free")
}

func TestConnection(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := Connection(fmt.Errorf("around: %w", err)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connection refused")
	f(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, "it gave no answer in time")
	f(&net.DNSError{Err: "no such host", Name: "h"}, `the host "h" is not known`)
	f(errors.New("odd"), "around: odd")
}
