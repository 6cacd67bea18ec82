package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/internal/telemetry"
)

// A server must outlive the readers of its output: one that has gone, one that has stopped, a
// terminal that was closed.

// logStop is how long a reader may take for the last lines of the log when the server ends.
const logStop = 100 * time.Millisecond

// surviveReaders keeps signals from ending the process that say that whoever read its output, or its
// terminal, has gone. The hangups are for the access log. A signal that is notified is back at its
// default in a child, one that is ignored would be ignored there too: as it should be for the stop that a
// terminal sends to a job in the background that writes to it (stty tostop). It would freeze a server
// with its requests, and where it is notified the write would be tried for ever.
func surviveReaders() (hangups chan os.Signal) {
	signal.Ignore(syscall.SIGTTOU)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	hangups = make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // what tools that rotate logs send, too
	return hangups
}

// unblocked gives the process a description of its own of a stream that is a pipe or a terminal, with
// which no write waits for a reader: not one of a C library, nor the text of a crash. The file is for
// writing to with waiting, by a goroutine that may. What cannot be opened again, such as the pipe of
// another user or a socket, stays as it is.
func unblocked(stream *os.File) *os.File {
	about, err := stream.Stat()
	if err != nil || about.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) == 0 {
		return stream
	}
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", stream.Fd()), os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return stream
	}
	if control, err := again.SyscallConn(); err == nil {
		_ = control.Control(func(fd uintptr) { _ = syscall.Dup3(int(fd), int(stream.Fd()), 0) })
	}
	return again
}

// writeJSON writes a value for programs, in lines that people can read too.
func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// newLog writes to standard error, or what stands for it, by way of a spool that its caller closes.
func newLog(cfg *config.Config, out io.Writer) (*zap.Logger, *telemetry.Spool, error) {
	format, width := cfg.Log.Format, columns(os.Stderr)
	if format == "auto" {
		if format = "json"; width > 0 {
			format = "console"
		}
	}
	spool := telemetry.NewSpool(out)
	log, err := telemetry.NewLog(telemetry.LogOptions{Level: cfg.Log.Level, Format: format, Columns: width, Output: spool})
	if err != nil {
		return nil, nil, err
	}
	spool.Start(func(lines uint64) {
		log.Warn("lines of the log were lost: nobody read them in time", zap.Uint64("lines", lines))
	})
	return log, spool, nil
}
