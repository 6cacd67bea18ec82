package prescan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pipeWait is how long whoever writes into a pipe may take for all of it.
const pipeWait = 30 * time.Second

// ReadFile reads a file of up to so many bytes. It may be a pipe, and it may grow: what counts is
// what comes. A pipe whose writer does not come, or does not end, is an error and not waited for.
func ReadFile(path string, most int64) ([]byte, error) { return readWithin(path, most, pipeWait) }

func readWithin(path string, most int64, wait time.Duration) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A pipe that was opened so ends at once while nobody writes into it: its writer may still come.
	until := time.Now().Add(wait)
	if about, err := f.Stat(); err == nil && about.Mode()&os.ModeNamedPipe != 0 && !begun(f, wait) {
		return nil, fmt.Errorf("it is a pipe, and nobody has written into it for %v: write into it, or name a file", wait)
	}
	_ = f.SetReadDeadline(until) // what cannot have one does not wait
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("it is a pipe, and whoever writes into it has not ended within %v: close it, or name a file", wait)
	case err == nil && int64(len(text)) > most:
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return text, err
}

// begun waits until something is in a pipe, or its writer has come and gone.
func begun(f *os.File, wait time.Duration) (came bool) {
	control, err := f.SyscallConn() // Fd would have it wait for what comes
	if err != nil {
		return true
	}
	_ = control.Control(func(fd uintptr) {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // descriptors are small
		for until := time.Now().Add(wait); ; {
			n, err := unix.Poll(polled, max(0, int(time.Until(until).Milliseconds())))
			if !errors.Is(err, unix.EINTR) {
				came = n > 0
				return
			}
		}
	})
	return came
}
