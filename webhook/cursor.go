package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// cursorFile is the file in the state folder.
const cursorFile = "webhooks.json"

const cursorVersion = 1

// maxCursorBytes is far above what the targets of a gateway take.
const maxCursorBytes = 1 << 20

// cursor is how far a target was told.
type cursor struct {
	// Done is the number of the last change that was told or dropped, Tried how often the next one was tried.
	Done  uint64 `json:"done"`
	Tried int    `json:"tried,omitempty"`
}

// before tells whether less was told than at the other one.
func (c cursor) before(o cursor) bool {
	return c.Done < o.Done || c.Done == o.Done && c.Tried < o.Tried
}

// cursors are those of all targets, by their keys. With a folder they outlive the process.
type cursors struct {
	mu   sync.Mutex
	dir  string // empty: in memory
	here map[string]cursor
	// replace writes the file, as statefile.Replace does. It is a field so that a test can have it fail.
	replace func(path string, text []byte) error
}

// document is the file's content.
type document struct {
	Version int               `json:"version"`
	Targets map[string]cursor `json:"targets"`
}

// get reads a target's cursor. Another process may have told it since.
func (c *cursors) get(key string) (at cursor, known bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil {
		return at, false, err
	}
	at, known = c.here[key]
	return at, known, nil
}

// set writes it, so that it lasts.
func (c *cursors) set(key string, at cursor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil {
		return err
	}
	c.here[key] = at
	if c.dir == "" {
		return nil
	}
	text, err := json.Marshal(document{cursorVersion, c.here})
	if err != nil {
		return err
	}
	return c.replace(filepath.Join(c.dir, cursorFile), text)
}

func (c *cursors) load() error {
	if c.here == nil {
		c.here = map[string]cursor{}
	}
	if c.dir == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(c.dir, cursorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d, err := decode(text)
	if err != nil {
		return err
	}
	// What this process has told and could not write down, as on a disk that is full, is not told again.
	for key, at := range c.here {
		if d[key].before(at) {
			d[key] = at
		}
	}
	c.here = d
	return nil
}

// decode reads the file. One that is damaged or of a newer program is an error, since to begin anew would tell everything again.
func decode(text []byte) (map[string]cursor, error) {
	if len(text) > maxCursorBytes {
		return nil, fmt.Errorf("%s has %d bytes; the limit is %d", cursorFile, len(text), maxCursorBytes)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("%s cannot be read: remove it, and changes are told from now on: %w", cursorFile, err)
	}
	if d.Version != cursorVersion {
		return nil, fmt.Errorf("%s has version %d, and this program reads version %d", cursorFile, d.Version, cursorVersion)
	}
	if d.Targets == nil {
		d.Targets = map[string]cursor{}
	}
	for key, at := range d.Targets {
		if at.Tried < 0 {
			return nil, fmt.Errorf("%s: the target %.40q was tried %d times", cursorFile, key, at.Tried)
		}
	}
	return d.Targets, nil
}
