package roles

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// What cannot be followed is told, and what was known stays.
func TestBehind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	logs, told := observer.New(zapcore.WarnLevel)
	s := open(t, Options{Dir: dir, Log: zap.New(logs)})
	f := func(what string, behind bool) {
		t.Helper()
		s.tick(time.Now())
		if s.Behind() != behind || live(s.State(), "m") != 7 {
			t.Errorf("%s: behind %t, state %+v", what, s.Behind(), s.State())
		}
	}
	must(t, s, "m", 7)
	f("at first", false)
	next := s.folder.path(s.State().Generation + 1)
	if err := os.WriteFile(next, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("a torn generation", true)
	f("still", true)
	if told.FilterMessageSnippet("passed over").Len() != 1 {
		t.Errorf("told %+v", told.All())
	}
	must(t, s, "m", 7) // with the number after it
	f("a sound one above it", false)
	moved := dir + "-moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	f("the folder is gone", true)
	_, _, err := promote(s, "m", 8, "")
	contains(t, err, "cannot change the roles in the state folder "+dir+": no such file")
	if err := os.Rename(moved, dir); err != nil {
		t.Fatal(err)
	}
	f("the folder is back", false)
	must(t, s, "m", 7)
	lines, err := s.History("m", 0)
	if err != nil || len(lines) != 3 || lines[0].Generation != 5 || lines[1].Generation != 4 || lines[2].Generation != 2 {
		t.Errorf("the history is %+v, %v", lines, err)
	}
}

func TestFolderThatCannotBeUsed(t *testing.T) {
	f := func(err error, after int, want string) {
		t.Helper()
		dir := t.TempDir()
		_, got := Open(Options{Dir: dir, sys: &refusing{err: err, after: after}})
		contains(t, got, "cannot use the state folder "+dir+": ")
		contains(t, got, want)
	}
	readOnly := &os.PathError{Op: "open", Path: "/secret", Err: syscall.EROFS}
	f(readOnly, 0, "read-only file system: name a place that can be written")
	f(readOnly, 1, "read-only file system: name a place that can be written")
	f(syscall.EPERM, 2, "cannot link files there: operation not permitted")
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Dir: plain})
	contains(t, err, "cannot use the state folder "+plain+": not a directory")
}

// refusing is a disk that cannot be written, after so many kinds of calls: making folders, opening, linking.
type refusing struct {
	disk
	err   error
	after int
}

func (r *refusing) mkdir(path string) error {
	if r.after < 1 {
		return r.err
	}
	return r.disk.mkdir(path)
}

func (r *refusing) open(path string, flags int) (file, error) {
	if r.after < 2 {
		return nil, r.err
	}
	return r.disk.open(path, flags)
}

func (r *refusing) link(string, string) error { return r.err }

// A link that was made and is reported as failed, as over a network, is a change that was made.
func TestLinkWithoutItsAnswer(t *testing.T) {
	sys := &mute{}
	s := open(t, Options{Dir: t.TempDir(), sys: sys})
	for _, sys.err = range []error{syscall.EIO, syscall.EEXIST} {
		must(t, s, "m", 1)
	}
	if s.State().Generation != 3 {
		t.Errorf("generation %d", s.State().Generation)
	}
	wholeHistory(t, s, 1)
}

// mute is a disk whose links are made and fail.
type mute struct {
	disk
	err error
}

func (m *mute) link(old, name string) error { return errors.Join(m.disk.link(old, name), m.err) }

// What a newer program wrote is not written over.
func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	must(t, s, "m", 1)
	text := sealed("schema: 4\ngeneration: 3\nnew: {}\n")
	if err := os.WriteFile(s.folder.path(3), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.tick(time.Now())
	_, _, err := promote(s, "m", 2, "")
	contains(t, err, "generation 3: it has schema 4, and this program knows 3: a newer one wrote it")
	if !s.Behind() || live(s.State(), "m") != 1 {
		t.Errorf("behind %t, state %+v", s.Behind(), s.State())
	}
	_, err = Open(Options{Dir: dir})
	contains(t, err, "generation 3: it has schema 4")
}
