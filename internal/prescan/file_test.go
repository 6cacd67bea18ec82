package prescan

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pipe is read whole, however it comes, and nobody waits for ever for one that does not.
func TestReadFileFromPipes(t *testing.T) {
	f := func(wait time.Duration, write func(path string), text, fault string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "pipe")
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Skip(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); write(path) }()
		got, err := readWithin(path, 10, wait)
		switch {
		case fault == "" && (err != nil || string(got) != text):
			t.Errorf("got %q, %v, want %q", got, err, text)
		case fault != "" && (err == nil || !strings.Contains(err.Error(), fault)):
			t.Errorf("got %q, %v, want %q", got, err, fault)
		}
		<-done
	}
	const long, short = time.Minute, 50 * time.Millisecond
	put := func(pieces ...string) func(string) {
		return func(path string) {
			w, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the reader
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			for _, piece := range pieces {
				_, _ = io.WriteString(w, piece) // a reader that has seen too much is gone
				time.Sleep(time.Millisecond)
			}
		}
	}
	f(long, put("a: 1\n"), "a: 1\n", "")
	f(long, put("a", ":", " 1"), "a: 1", "")
	f(long, put(), "", "")
	f(long, put("0123456789", "x"), "", "more than 10 bytes")
	f(short, func(string) {}, "", "nobody has written into it for 50ms: write into it, or name a file")
	stays := make(chan *os.File, 1)
	f(short, func(path string) {
		w, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = w.WriteString("a: ")
		stays <- w
	}, "", "has not ended within 50ms: close it, or name a file")
	(<-stays).Close()
}
