package roles

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"sluice/internal/prescan"
	"sluice/models/bundle"
)

// kept is how many generations stay in the folder.
const kept = 64

// lastGeneration is the highest number that is one of ours: it leaves room to count on.
const lastGeneration = 1_000_000_000_000_000_000

// errTaken says that the number of a generation is taken, or that somebody else has removed what was to get it.
var errTaken = errors.New("another gateway has published since")

// unsyncedError says that a generation is published, and may be gone after a loss of power.
type unsyncedError struct{ cause error }

func (e *unsyncedError) Error() string {
	return fmt.Sprintf("the change is made, and may be lost when the machine fails: %v", e.cause)
}

func (e *unsyncedError) Unwrap() error { return e.cause }

// folder holds the generations. It has no lock: its methods that write are called by one goroutine at a time.
type folder struct {
	dir string
	id  string // of the store, which names its temporary files
	sys system
	log *zap.Logger
	// swept is set once what others left behind is removed. Nothing else is removed before.
	swept bool
	// passed are files that were complained of, by number.
	passed map[uint64]bool
}

func (f *folder) generations() string { return filepath.Join(f.dir, "state.d") }

func (f *folder) path(number uint64) string {
	return filepath.Join(f.generations(), fmt.Sprintf("%020d.yaml", number))
}

// temporaryPrefix begins the names of temporary files; the store's id follows.
const temporaryPrefix = ".roles-"

func (f *folder) temporary(dir, name string) string {
	return filepath.Join(dir, temporaryPrefix+f.id+"-"+name)
}

// create makes the folder and tries what publishing needs.
func (f *folder) create() error {
	if err := f.sys.mkdir(f.generations()); err != nil {
		return err
	}
	err := f.probe()
	if errors.Is(err, fs.ErrNotExist) {
		err = f.probe() // another gateway has swept
	}
	return err
}

// probe writes, links and removes a file as publishing does.
func (f *folder) probe() error {
	plain := f.temporary(f.generations(), "probe")
	linked := f.temporary(f.generations(), "linked")
	err := write(f.sys, plain, []byte("x"))
	if err == nil {
		if err = f.sys.link(plain, linked); err != nil {
			err = fmt.Errorf("cannot link files there: %w", err)
		}
		_ = f.sys.syncDir(filepath.Dir(f.dir)) // it may be that of somebody else
		err = errors.Join(err, f.sys.syncDir(f.generations()), f.sys.syncDir(f.dir))
	}
	for _, path := range []string{plain, linked} {
		if gone := f.sys.remove(path); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// numbers are those of the files that are there, from low to high.
func (f *folder) numbers() (all []uint64, err error) {
	entries, err := os.ReadDir(f.generations()) // by name, so by number
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		digits, ok := strings.CutSuffix(entry.Name(), ".yaml")
		if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil && len(digits) == 20 && n > 0 && n <= lastGeneration {
			all = append(all, n)
		}
	}
	return all, nil
}

// newest reads the highest sound generation above a number that is known; none is nil. The highest number is that of
// a file that may be unsound.
func (f *folder) newest(known uint64) (found *generation, highest uint64, err error) {
	all, err := f.numbers()
	if err != nil || len(all) == 0 {
		return nil, 0, err
	}
	highest = all[len(all)-1]
	for i := len(all) - 1; i >= 0 && all[i] > known; i-- {
		g, err := f.read(all[i])
		var damage *damageError
		switch {
		case err == nil:
			return &g, highest, nil
		case errors.Is(err, fs.ErrNotExist): // removed since
		case errors.As(err, &damage):
			f.complain(all[i], damage)
		default:
			return nil, highest, err
		}
	}
	return nil, highest, nil
}

// damageError says that a file can be read and not used.
type damageError struct{ cause error }

func (e *damageError) Error() string { return e.cause.Error() }

// read reads one generation.
func (f *folder) read(number uint64) (generation, error) {
	text, whole, err := read(f.path(number), prescan.MaxYAMLBytes)
	if err != nil {
		return generation{}, fmt.Errorf("generation %d: %w", number, err)
	}
	if !whole {
		return generation{}, &damageError{fmt.Errorf("it has more than %d bytes", prescan.MaxYAMLBytes)}
	}
	g, err := decode(text)
	var newer *newerError
	switch {
	case errors.As(err, &newer):
		return generation{}, fmt.Errorf("generation %d: %w", number, err)
	case err != nil:
		return generation{}, &damageError{err}
	case g.state.Generation != number:
		return generation{}, &damageError{fmt.Errorf("it says that it is generation %d", g.state.Generation)}
	}
	return g, nil
}

// complain says once of a file that it is passed over.
func (f *folder) complain(number uint64, err error) {
	if f.passed[number] {
		return
	}
	f.passed[number] = true
	f.log.Warn("a generation of the roles is passed over: it cannot be used", zap.String("file", f.path(number)), zap.Error(err))
}

// publish gives a generation its number. The temporary file is written before the look at the highest number, and a new
// holder removes those of others before any generation is removed: so a number that is free
// again can be linked by nobody who looked before.
func (f *folder) publish(number uint64, text []byte) error {
	temporary := f.temporary(f.generations(), strconv.FormatUint(number, 10))
	_ = f.sys.remove(temporary) // of a try that failed; if it cannot be removed, write fails
	err := write(f.sys, temporary, text)
	defer f.sys.remove(temporary) //nolint:errcheck // the next holder removes it
	if err != nil {
		return err
	}
	all, err := f.numbers()
	if err != nil {
		return err
	}
	if len(all) > 0 && all[len(all)-1] >= number {
		return errTaken
	}
	if err := f.sys.link(temporary, f.path(number)); err != nil && !f.holds(number, text) {
		if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
			return errTaken
		}
		return err
	}
	if err := f.sys.syncDir(f.generations()); err != nil {
		return &unsyncedError{bundle.BareError(err)}
	}
	return nil
}

// holds tells whether a number is that of a text: a link over a network may be made and reported as failed.
func (f *folder) holds(number uint64, text []byte) bool {
	there, _, err := read(f.path(number), prescan.MaxYAMLBytes)
	return err == nil && bytes.Equal(there, text)
}
