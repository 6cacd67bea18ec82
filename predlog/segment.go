package predlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/internal/clock"
)

// The names of a folder's files.
const (
	currentPrefix = "current-"
	spoolSuffix   = ".spool"
	tableSuffix   = ".parquet"
	tablePrefix   = "predictions-"
	partSuffix    = ".tmp"
	stampForm     = "20060102T150405.000000000Z"
)

// spoolFile is what a segment asks of its file; tests put other ones in its place.
type spoolFile interface {
	Write([]byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// segment is the spool that is being written. It is the loop's alone.
type segment struct {
	file   spoolFile
	path   string
	size   int64 // of whole frames; 0 if there is no file
	opened clock.Instant
	dirty  bool    // something has not been synced
	base   Numbers // counted before it began
	noted  Numbers // counted when it last took note of them
}

// createSpool opens a file that is not there yet. It appends, so that what follows a truncation is not sparse.
func createSpool(path string) (spoolFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
}

// open begins a spool in the folder. base is what was counted before.
func (s *segment) open(dir string, create func(string) (spoolFile, error), base Numbers) error {
	path := filepath.Join(dir, currentPrefix+time.Now().UTC().Format(stampForm)+spoolSuffix)
	f, err := create(path)
	if err != nil {
		return fmt.Errorf("cannot begin a spool: %w", err)
	}
	*s = segment{file: f, path: path, opened: clock.Now(), base: base, noted: base}
	if _, err := s.append([]byte(magic)); err != nil {
		err = errors.Join(err, f.Close(), os.Remove(path))
		*s = segment{}
		return err
	}
	return nil
}

// append writes whole frames, all of them or none. Where what was written of them cannot be taken back, the error is
// errTorn, kept are the bytes that stay, and nothing may follow.
func (s *segment) append(frames []byte) (kept int, err error) {
	n, err := s.file.Write(frames)
	if err != nil {
		if undo := s.file.Truncate(s.size); undo != nil {
			return n, errors.Join(err, errTorn, undo)
		}
		return 0, err
	}
	s.size += int64(n)
	s.dirty = true
	return n, nil
}

// note appends the numbers, if they have changed.
func (s *segment) note(now Numbers) error {
	if now == s.noted {
		return nil
	}
	frame := appendNumbers(make([]byte, frameHeader, 512), now.since(s.base))
	seal(frame)
	if _, err := s.append(frame); err != nil {
		return err
	}
	s.noted = now
	return nil
}

// sync has the disk take what was written.
func (s *segment) sync() error {
	if s.file == nil || !s.dirty {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.dirty = false
	return nil
}

// finish closes the file and gives it the name of a complete spool. Whatever fails, there is no segment then:
// what was written is found at the next start.
func (s *segment) finish() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.sync(), s.file.Close(), os.Rename(s.path, completeName(s.path)))
	*s = segment{}
	return err
}

// completeName is the name of a spool when it is complete.
func completeName(path string) string {
	return filepath.Join(filepath.Dir(path), strings.TrimPrefix(filepath.Base(path), currentPrefix))
}
