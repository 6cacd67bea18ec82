package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"sluice/internal/onnxfile"
	"sluice/internal/pbtxt"
)

// The most bytes that each kind of file may have, as its size says and as they come: a file with
// holes counts whole.
const (
	maxModelBytes  = 1<<31 - 1 // what a protobuf can have; larger weights lie in files of their own
	maxConfigBytes = 1 << 20
	maxGoldenBytes = 16 << 20
	maxLabelBytes  = 4 << 20
	maxOtherBytes  = 2 << 30 // of a file that is hashed and not read otherwise
	// maxSpareBytes is how much of an external file beyond twice the model's part of it is unused.
	maxSpareBytes = 64 << 20
)

// limitOf is the most bytes of a bundle's own file that is copied before the model is known.
func (b *Bundle) limitOf(name string) (limit int64, known bool) {
	switch name {
	case b.ModelName:
		return maxModelBytes, true
	case ConfigFile:
		return maxConfigBytes, true
	case GoldenFile:
		return maxGoldenBytes, true
	}
	return maxOtherBytes, false
}

// openFile opens a file of a folder and says what it is. Links and special files are refused, and
// so is one that is too large.
func openFile(root *os.Root, name string, limit int64) (*os.File, int64, error) {
	about, err := root.Lstat(name)
	switch {
	case err != nil:
		return nil, 0, BareError(err)
	case about.Mode()&fs.ModeSymlink != 0:
		return nil, 0, errors.New("it is a symbolic link: put the file itself there")
	case !about.Mode().IsRegular():
		return nil, 0, errors.New("it is not a regular file") // to open a device may do something
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, BareError(err)
	}
	if about, err = f.Stat(); err == nil {
		switch {
		case !about.Mode().IsRegular():
			err = errors.New("it is not a regular file")
		case about.Size() > limit:
			err = fmt.Errorf("it has %d bytes; the limit is %d", about.Size(), limit)
		}
	}
	if err != nil {
		f.Close()
		return nil, 0, BareError(err)
	}
	return f, about.Size(), nil
}

// readFile hashes one file, and writes what it hashes to into; nil throws it away. It reads no more
// than the file had when it was opened, and refuses one whose size changes meanwhile.
func readFile(root *os.Root, name string, limit int64, into io.Writer) (File, error) {
	f, size, err := openFile(root, name, limit)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	hash := sha256.New()
	sink := io.Writer(hash)
	if into != nil {
		sink = io.MultiWriter(hash, into)
	}
	n, err := io.Copy(sink, io.LimitReader(f, size))
	switch {
	case err != nil:
		return File{}, BareError(err)
	case n != size:
		return File{}, fmt.Errorf("it had %d bytes and ended after %d: it changes while it is read", size, n)
	}
	if about, err := f.Stat(); err != nil || about.Size() != size {
		return File{}, fmt.Errorf("it had %d bytes and has another size now: it changes while it is read", size)
	}
	return File{Name: name, Size: n, SHA256: hex.EncodeToString(hash.Sum(nil))}, nil
}

// copyFile is readFile into a file of the same name in the private folder to. Without one the file
// is hashed alone, and read later where it lies.
func copyFile(root *os.Root, name string, limit int64, to string) (file File, err error) {
	if to == "" {
		return readFile(root, name, limit, nil)
	}
	if err := spaceFor(root, name, limit, to); err != nil {
		return File{}, err
	}
	out, err := os.OpenFile(filepath.Join(to, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, fmt.Errorf("it cannot be copied to the folder for private copies: %w", BareError(err))
	}
	file, err = readFile(root, name, limit, out)
	if fault := out.Close(); err == nil && fault != nil {
		err = BareError(fault)
	}
	return file, err
}

// spaceFor refuses a file that would fill the file system of the private folder, unless it is larger than the limit, which readFile
// tells.
func spaceFor(root *os.Root, name string, limit int64, to string) error {
	about, err := root.Lstat(name)
	if err != nil {
		return BareError(err)
	}
	var system unix.Statfs_t
	if unix.Statfs(to, &system) != nil {
		return nil // it will show
	}
	if left := int64(system.Bavail) * system.Bsize; left < about.Size() && about.Size() <= limit { //nolint:gosec // no disk has 2^63 bytes
		return fmt.Errorf("it has %d bytes, and the folder for private copies has room for %d; the setting copies names another", about.Size(), left)
	}
	return nil
}

// readText reads one file whole, for its parser.
func readText(root *os.Root, name string, limit int64) ([]byte, error) {
	f, size, err := openFile(root, name, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, size)
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, fmt.Errorf("it had %d bytes and ended before: it changes while it is read", size)
	}
	return text, nil
}

// besideLimit is the most bytes of a file beside the bundle's folder.
func besideLimit(name string) int64 {
	if name == TritonFile {
		return pbtxt.MaxBytes
	}
	return maxLabelBytes
}

// ownText reads one of the bundle's own files in a folder, if it has it.
func (b *Bundle) ownText(dir, name string, limit int64) ([]byte, error) {
	if b.Bare && !b.claims(name) {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the bundle's folder: %w", BareError(err))
	}
	defer root.Close()
	text, err := readText(root, name, limit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	return text, nil
}

// GoldenText reads the golden rows that were hashed; empty if there are none.
func (b *Bundle) GoldenText() ([]byte, error) {
	return b.ownText(b.From.Own, GoldenFile, maxGoldenBytes)
}

// checkExternal holds the data that the model keeps in other files against the bundle's.
func (b *Bundle) checkExternal(names []string, external []onnxfile.External) error {
	total := uint64(0)
	for _, e := range external {
		if !slices.Contains(names, e.Location) {
			return b.lacksExternal(e.Location)
		}
		about, err := os.Lstat(filepath.Join(b.Dir, e.Location))
		if err != nil {
			return fmt.Errorf("cannot open external data %q beside the model: %w", e.Location, BareError(err))
		}
		if about.Size() < e.End() {
			return fmt.Errorf("external data %q has %d bytes, the model needs %d", e.Location, about.Size(), e.End())
		}
		total += uint64(about.Size()) //nolint:gosec // no size is negative
	}
	var machine unix.Sysinfo_t
	if len(external) == 0 || unix.Sysinfo(&machine) != nil {
		return nil
	}
	if memory := machine.Totalram * uint64(machine.Unit); total > memory {
		return fmt.Errorf("the model's data in other files has %d bytes, and the machine has %d of memory: it cannot be loaded here", total, memory)
	}
	return nil
}

func (b *Bundle) lacksExternal(name string) error {
	if _, err := os.Lstat(filepath.Join(b.Dir, name)); plainName(name) && errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot open external data %q beside the model: there is no such file; put it there, as the model keeps weights in it", name)
	}
	err := fmt.Errorf("the model keeps weights in %q, which is not among the bundle's files", name)
	if b.Bare {
		err = fmt.Errorf("%w: give the model a folder of its own, %s/1/%s", err, b.Name, ModelFile)
	}
	return err
}

// spared is the most bytes of a file of which the model uses a part: what is unused is copied and
// hashed for nothing, and a file with holes may say that it has any size.
func spared(e onnxfile.External) int64 {
	if e.Open || e.End() > math.MaxInt64/4 {
		return math.MaxInt64 // the machine's memory is the limit
	}
	return 2*e.End() + maxSpareBytes
}
