package accesslog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"
)

// A file that was moved or removed is made again, and no line is lost.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, path := start(t, func(o *Options) { o.Sample = 1 })
		say := func(id string) {
			ended(l, id, 200, false, 0, 0)
			time.Sleep(1100 * time.Millisecond)
		}
		say("first")
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		say("second") // the file is still open under its new name
		say("third")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		say("lost with the file")
		say("fourth")
		if err := os.Truncate(path, 0); err != nil { // as logrotate's copytruncate does
			t.Fatal(err)
		}
		say("fifth")
		finish(t, l)
		if got := ids(lines(t, path+".1")); !slices.Equal(got, []string{"sample first", "sample second"}) {
			t.Errorf("the file that was moved has %q", got)
		}
		if got := ids(lines(t, path)); !slices.Equal(got, []string{"sample fifth"}) {
			t.Errorf("the last file has %q", got)
		}
	})
}

// Follow does not wait for the second to end.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, path := start(t, func(o *Options) { o.Sample = 1 })
		ended(l, "before", 200, false, 0, 0)
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		l.Follow()
		synctest.Wait()
		ended(l, "after", 200, false, 0, 0)
		finish(t, l)
		if got := ids(append(lines(t, path+".1"), lines(t, path)...)); !slices.Equal(got, []string{"sample before", "sample after"}) || len(lines(t, path)) != 1 {
			t.Errorf("got %q, %d of them in the new file", got, len(lines(t, path)))
		}
		new(Log).Follow()
	})
}

// A name that cannot be opened again costs nothing but a warning.
func TestFolderThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		dir := filepath.Join(t.TempDir(), "logs")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		l, _ := start(t, func(o *Options) { o.Sample, o.File, o.Log = 1, filepath.Join(dir, "a"), zap.New(core) })
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3500 * time.Millisecond)
		ended(l, "a", 200, false, 0, 0)
		finish(t, l)
		if all := logs.All(); len(all) != 1 || !strings.Contains(all[0].Message, "cannot open the access log again") {
			t.Errorf("lines: %v", all)
		}
		if s := l.Stats(); s != (Stats{Lines: 1}) {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		l, _ := start(t, func(o *Options) { o.Sample, o.File, o.Log = 1, "/dev/full", zap.New(core) })
		for range 4 {
			ended(l, "a", 200, false, 0, 0)
			time.Sleep(time.Second)
		}
		finish(t, l)
		if s := l.Stats(); s != (Stats{Dropped: 4}) {
			t.Errorf("stats %+v", s)
		}
		if all := logs.All(); len(all) != 1 || !strings.Contains(all[0].ContextMap()["error"].(string), "no space left") {
			t.Errorf("lines: %v", all)
		}
	})
}

// short is a disk that has room for so many bytes.
type short struct {
	bytes.Buffer
	room int
}

func (s *short) Write(p []byte) (int, error) {
	n := min(len(p), s.room)
	s.room -= n
	s.Buffer.Write(p[:n])
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func (*short) Close() error               { return nil }
func (*short) Stat() (fs.FileInfo, error) { return nil, errors.New("none") }

// What a full disk has cut is not joined with the next line.
func TestTornLine(t *testing.T) {
	disk := &short{room: 7}
	o := output{file: disk}
	if _, err := o.write([]byte("one\ntwo\n")); err == nil {
		t.Fatal("a write that was cut is taken for whole")
	}
	if _, err := o.write([]byte("three\n")); err == nil {
		t.Fatal("a write to a full disk is taken for whole")
	}
	disk.room = 100
	if _, err := o.write([]byte("four\n")); err != nil {
		t.Fatal(err)
	}
	if got := disk.String(); got != "one\ntwo\nfour\n" {
		t.Errorf("got %q", got)
	}
}

// A file that is truncated to make room begins with a line: an empty one is no JSON.
func TestTornLineIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	f := func(truncate bool, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("one\ntw"), 0o600); err != nil {
			t.Fatal(err)
		}
		var o output
		if err := o.open(path); err != nil {
			t.Fatal(err)
		}
		defer o.close()
		o.torn = true
		if truncate {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := o.write([]byte("three\n")); n != 6 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("truncated %v: got %q, %v, want %q", truncate, got, err, want)
		}
	}
	f(false, "one\ntw\nthree\n")
	f(true, "three\n")
}

// Lines that a full disk still took are not counted as lost.
func TestLinesBeforeADiskIsFull(t *testing.T) {
	for room, want := range map[int]Stats{0: {Dropped: 3}, 3: {Dropped: 3}, 4: {Lines: 1, Dropped: 2}, 9: {Lines: 2, Dropped: 1}, 14: {Lines: 3}} {
		l := &Log{opt: Options{Log: zap.NewNop()}, out: output{file: &short{room: room}}}
		l.encoder.out = append(l.encoder.out, "one\ntwo\nthree\n"...)
		l.write(3)
		if got := l.Stats(); got != want || len(l.encoder.out) != 0 {
			t.Errorf("room for %d bytes: %+v, want %+v", room, got, want)
		}
	}
}

// stdout replaces the process's own for a test.
func stdout(t *testing.T) (reader *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdout
	os.Stdout = w
	t.Cleanup(func() {
		os.Stdout = old
		_ = w.Close()
		_ = r.Close()
	})
	return r
}

func TestStdout(t *testing.T) {
	r := stdout(t)
	l, _ := start(t, func(o *Options) { o.Sample, o.File = 1, "stdout" })
	ended(l, "a", 200, false, 0, 0)
	finish(t, l)
	text := make([]byte, 4096)
	n, err := r.Read(text)
	if err != nil || !strings.Contains(string(text[:n]), `"request_id":"a"`) {
		t.Errorf("got %q, %v", text[:n], err)
	}
	if _, err := os.Stdout.Write(nil); err != nil {
		t.Errorf("the stream itself is closed: %v", err)
	}
}

// A pipe that was closed costs lines and not the process: its descriptor is neither 1 nor 2.
func TestClosedPipe(t *testing.T) {
	r := stdout(t)
	l, _ := start(t, func(o *Options) { o.Sample, o.File = 1, "stdout" })
	if fd := l.out.file.(*os.File).Fd(); fd <= 2 {
		t.Fatalf("the log writes to descriptor %d", fd)
	}
	_ = r.Close()
	ended(l, "a", 200, false, 0, 0)
	finish(t, l)
	if s := l.Stats(); s != (Stats{Dropped: 1}) {
		t.Errorf("stats %+v", s)
	}
}

// A pipe that nobody reads stops the writer alone. Put and Close do not wait for it.
func TestStuckPipe(t *testing.T) {
	r := stdout(t)
	l, _ := start(t, func(o *Options) { o.Sample, o.File = 1, "stdout" })
	const n = 3 * maxWaiting // more than the pipe and the buffers hold
	for range n {
		ended(l, "a", 200, false, 0, 0)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, errStuck) {
		t.Errorf("Close gave %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	<-l.done
	if s := l.Stats(); s.Lines+s.Dropped != n || s.Dropped == 0 {
		t.Errorf("stats %+v for %d lines", s, n)
	}
}

// A named pipe without a reader is refused at the start, and not waited for.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if l, err := Start(Options{File: path, Slow: 1}); err == nil {
		t.Error("it is taken")
		finish(t, l)
	}
}
