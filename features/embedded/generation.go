package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"sluice/features/native"
	"sluice/features/store"
)

var (
	rowsBucket    = []byte("rows")
	schemasBucket = []byte("schemas") // of records, by their hash in text
)

// openTimeout bounds the wait for a file that a writer has not closed yet.
const openTimeout = 100 * time.Millisecond

// generation is one that is open for reading, with the upserts that have come for it.
type generation struct {
	number   uint64
	path     string
	rows     *bolt.DB
	file     os.FileInfo // of rows, to see that it was replaced
	replaced time.Time   // when another became visible; zero until then
	damaged  atomic.Bool
	read     map[uint64]place // how far the files of upserts are read
	upserts  struct {
		sync.RWMutex
		newest map[string][]byte
	}
	schemas struct {
		sync.RWMutex
		known map[uint32]*native.Schema
	}
}

// openGeneration opens a generation's file and reads its schemas. With an error it gives a generation only if its file is damaged, and
// would be so again.
func openGeneration(f folder, number uint64) (g *generation, err error) {
	g = &generation{number: number, path: f.rows(number), read: map[uint64]place{}}
	defer g.recoverFault(debug.SetPanicOnFault(true), &err)
	g.upserts.newest = map[string][]byte{}
	g.schemas.known = map[uint32]*native.Schema{}
	if g.file, err = os.Stat(g.path); err != nil {
		return nil, err
	}
	g.rows, err = bolt.Open(g.path, 0, &bolt.Options{ReadOnly: true, Timeout: openTimeout, NoStatistics: true})
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", g.path, err)
	}
	err = g.rows.View(func(tx *bolt.Tx) error {
		// The library would follow pages beyond the end into memory that is not the file's.
		if tx.Size() > g.file.Size() {
			return fmt.Errorf("%s is cut: it has %d of its %d bytes", g.path, g.file.Size(), tx.Size())
		}
		schemas, err := checked(tx, g.path)
		if err != nil {
			return fmt.Errorf("%s is damaged, or no file of rows: %w", g.path, err)
		}
		return schemas.ForEach(func(_, record []byte) error {
			s, err := native.ParseSchema(bytes.Clone(record))
			if err == nil {
				g.schemas.known[s.Hash()] = s
			}
			return err
		})
	})
	if err != nil {
		return g, errors.Join(err, g.rows.Close())
	}
	return g, nil
}

// recoverFault makes an error of a fault in the memory of the generation's file, which is damaged or was cut while it was open.
// What reads the file defers it, with debug.SetPanicOnFault(true) as its argument: else such a fault ends the process.
func (g *generation) recoverFault(panicked bool, err *error) {
	debug.SetPanicOnFault(panicked)
	if cause := recover(); cause != nil {
		g.damaged.Store(true)
		*err = fmt.Errorf("%s is damaged: %v", g.path, cause)
	}
}

func (g *generation) damage() error {
	return fmt.Errorf("%s is damaged: replace it by renaming another over it", g.path)
}

// close closes the file. A damaged one stays open, since a fault may have left the library's locks taken.
func (g *generation) close() {
	if !g.damaged.Load() {
		_ = g.rows.Close() // of a file that was only read
	}
}

// isUntouched tells whether the file that was opened is as it was.
func (g *generation) isUntouched() bool {
	info, err := os.Stat(g.path)
	return err == nil && os.SameFile(info, g.file) && info.Size() == g.file.Size() && info.ModTime().Equal(g.file.ModTime())
}

// isSame tells whether the file that is open is still the one of its name. One that was deleted is: its last readers may
// not be done.
func (g *generation) isSame() bool {
	info, err := os.Stat(g.path)
	return err != nil || os.SameFile(info, g.file)
}

// schema is one that rows of the generation name; nil if it has none such.
func (g *generation) schema(hash uint32) *native.Schema {
	g.schemas.RLock()
	defer g.schemas.RUnlock()
	return g.schemas.known[hash]
}

// follow takes what has been appended to the files of upserts, the generation's own and all later ones.
func (g *generation) follow(f folder) error {
	files, err := f.files(upsertsEnding)
	for _, of := range files {
		if err == nil && of >= g.number {
			err = g.followFile(f.upserts(of), of)
		}
	}
	return err
}

func (g *generation) followFile(path string, of uint64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	at := g.read[of]
	text, err := at.behind(file)
	if err != nil {
		return err
	}
	defer func() { g.read[of] = at }()
	for {
		body, rest, whole := nextFrame(text)
		if !whole {
			return nil // its writer is at it, or was killed: the next one writes over it
		}
		if err := g.take(body); err != nil {
			return fmt.Errorf("cannot read %s at byte %d: %w", path, at.end, err)
		}
		at.end += int64(len(text) - len(rest))
		text = rest
	}
}

// take takes a batch of upserts.
func (g *generation) take(body []byte) error {
	s, rows, err := parseBody(body)
	if err != nil {
		return err
	}
	g.schemas.Lock()
	g.schemas.known[s.Hash()] = s
	g.schemas.Unlock()
	g.upserts.Lock()
	defer g.upserts.Unlock()
	for _, r := range rows {
		if newer(r.Value, g.upserts.newest[string(r.Key)]) {
			g.upserts.newest[string(r.Key)] = bytes.Clone(r.Value) // a part of body would keep all of it
		}
	}
	return nil
}

// newer tells whether the time of a row is after that of another one, which may be none.
func newer(row, than []byte) bool {
	return len(than) < native.TimeEnd || bytes.Compare(row[native.TimeAt:native.TimeEnd], than[native.TimeAt:native.TimeEnd]) > 0
}

// appendUpserts appends, for each key, the row that was upserted, or nil.
func (g *generation) appendUpserts(dst [][]byte, keys []store.Key) [][]byte {
	g.upserts.RLock()
	defer g.upserts.RUnlock()
	for _, key := range keys {
		dst = append(dst, g.upserts.newest[string(key)])
	}
	return dst
}
