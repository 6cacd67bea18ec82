package roles

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sluice/internal/prescan"
)

// maxLineBytes is the longest line that is read. What prepare lets through is shorter.
const maxLineBytes = 8 << 10

// maxPending is how many lines may wait to be written. Their generations are still in the folder, of which more are kept,
// so that a process that ends here loses none.
const maxPending = kept / 2

// maxRemembered is how many lines a store without a folder keeps.
const maxRemembered = 4096

// history are the lines of all generations. Like folder, it is written by one goroutine at a time.
type history struct {
	dir  string // empty: in memory only
	sys  system
	most int64
	// pending lines are not written yet, from old to new. Without a folder they are all lines.
	pending []Entry
	// rotated is called when older lines are gone.
	rotated func()
}

func (h *history) path() string  { return filepath.Join(h.dir, "history.jsonl") }
func (h *history) older() string { return filepath.Join(h.dir, "history.1.jsonl") }

// add takes a line. Where it cannot be written it waits.
func (h *history) add(e Entry) error {
	h.pending = append(h.pending, e)
	if h.dir == "" {
		if len(h.pending) > maxRemembered {
			h.pending = slices.Clone(h.pending[maxRemembered/2:])
			h.rotated()
		}
		return nil
	}
	return h.flush()
}

// flush writes what waits.
func (h *history) flush() error {
	for h.dir != "" && len(h.pending) > 0 {
		if err := h.append(h.pending[0]); err != nil {
			return err
		}
		h.pending = h.pending[1:]
	}
	return nil
}

// full tells whether no further line may wait.
func (h *history) full() bool { return h.dir != "" && len(h.pending) >= maxPending }

// append writes one line by one write. A line that was torn before it is ended first.
func (h *history) append(e Entry) error {
	line, err := encodeLine(e)
	if err != nil {
		return err
	}
	size, torn, err := h.end()
	if err != nil {
		return err
	}
	if torn {
		line = append([]byte("\n"), line...)
	}
	if size > 0 && size+int64(len(line)) > h.most/2 {
		if err := h.sys.rename(h.path(), h.older()); err != nil {
			return err
		}
		if err := h.shrink(); err != nil {
			return err
		}
		size = 0
		h.rotated()
	}
	f, err := h.sys.open(h.path(), os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil || size > 0 {
		return err
	}
	return h.sys.syncDir(h.dir) // it has the file's name since now
}

// shrink keeps the end of the older file where the cap was higher when its lines were written.
func (h *history) shrink() error {
	about, err := os.Stat(h.older())
	if errors.Is(err, fs.ErrNotExist) || err == nil && about.Size() <= h.most/2 {
		return nil
	}
	if err != nil {
		return err
	}
	text, _, err := read(h.older(), h.most/2)
	if err != nil {
		return err
	}
	_, text, _ = bytes.Cut(text, []byte("\n"))
	temporary := filepath.Join(h.dir, temporaryPrefix+"history")
	if err := h.sys.remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(h.sys, temporary, text); err != nil {
		return err
	}
	return h.sys.rename(temporary, h.older())
}

// end returns the size of the file, and whether it ends within a line.
func (h *history) end() (size int64, torn bool, err error) {
	about, err := os.Stat(h.path())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	last, _, err := read(h.path(), 1)
	return about.Size(), len(last) == 1 && last[0] != '\n', err
}

// mend lets the lines wait that the generations in the folder have and the history has not, as a new holder.
func (h *history) mend(f *folder) error {
	if err := h.shrink(); err != nil {
		return err
	}
	lines, err := h.read()
	if err != nil {
		return err
	}
	numbers, err := f.numbers()
	if err != nil {
		return err
	}
	var missing []Entry
	for _, number := range numbers {
		_, there := slices.BinarySearchFunc(lines, number, byGeneration)
		if there || len(lines) > 0 && number < lines[0].Generation { // or its line is older than the cap
			continue
		}
		g, err := f.read(number)
		var damage *damageError
		switch {
		case err == nil:
			missing = append(missing, g.entry)
		case !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &damage):
			return err
		}
	}
	h.pending = merge(h.pending, missing)
	return nil
}

// merge puts lines among others, both from old to new. A line may be in both, if it was written and could not be fsynced.
func merge(lines, more []Entry) []Entry {
	for _, e := range more {
		if at, there := slices.BinarySearchFunc(lines, e.Generation, byGeneration); !there {
			lines = slices.Insert(lines, at, e)
		}
	}
	return lines
}

func byGeneration(e Entry, number uint64) int { return cmp.Compare(e.Generation, number) }

// read returns all lines from old to new, one for each generation.
func (h *history) read() (lines []Entry, err error) {
	if h.dir != "" {
		// The newer file comes first: if it becomes the older one in between, it is read twice and not missed.
		for _, path := range []string{h.path(), h.older()} {
			text, whole, err := read(path, h.most)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			if !whole {
				_, text, _ = bytes.Cut(text, []byte("\n"))
			}
			lines = append(lines, decodeLines(text)...)
		}
	}
	slices.SortStableFunc(lines, func(a, b Entry) int { return cmp.Compare(a.Generation, b.Generation) })
	return slices.CompactFunc(lines, func(a, b Entry) bool { return a.Generation == b.Generation }), nil
}

// encodeLine is an entry as one line.
func encodeLine(e Entry) ([]byte, error) {
	var w bytes.Buffer
	to := json.NewEncoder(&w)
	to.SetEscapeHTML(false)
	err := to.Encode(e)
	return w.Bytes(), err
}

// decodeLines reads the lines that are sound; keys that a newer program may have written are passed over.
func decodeLines(text []byte) (all []Entry) {
	for line := range bytes.Lines(text) {
		if e, ok := decodeLine(line); ok {
			all = append(all, e)
		}
	}
	return all
}

func decodeLine(line []byte) (e Entry, ok bool) {
	if len(line) > maxLineBytes || prescan.JSON(line, prescan.JSONLimits{Depth: 8, Values: 1 << 10}) != nil {
		return e, false
	}
	if json.Unmarshal(line, &e) != nil || e.Generation == 0 {
		return e, false
	}
	e.Time = e.Time.UTC()
	return e, e.check() == nil
}
