package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"sluice/features/native"
	"sluice/features/store"
)

var (
	loadBucket = []byte("load") // how far the load of the generation has come
	sourceKey  = []byte("source")
	countKey   = []byte("rows")
)

const (
	lockName = "lock"
	loadName = "load"
	// claimTimeout bounds the wait for a load that has just been killed.
	claimTimeout = time.Second
)

// Writer loads generations of one view, and upserts rows of it. One goroutine uses it at a time; others, and readers, may work
// on the view meanwhile. A context that ends makes an error of what has not begun.
type Writer struct {
	folder  folder
	now     func() time.Time
	unload  func()   // gives the lock of a load back
	loading *bolt.DB // the generation that is being loaded
	number  uint64
	source  string
	schema  *native.Schema
	tail    place // of the file of upserts that was written last
	limit   int64 // maxUpserts, less in tests
}

// NewWriter makes a writer of a view in the folder of a Store. The folder comes to be with the first write.
func NewWriter(dir, viewName string) (*Writer, error) {
	if err := native.CheckName(viewName); err != nil {
		return nil, err
	}
	return &Writer{folder: folder{dir, viewName}, now: time.Now, limit: maxUpserts}, nil
}

// Begin resumes the load of a source, or begins a generation for it. What an unfinished load of another source has left is
// removed, and so are generations that nobody reads any more.
func (w *Writer) Begin(ctx context.Context, source string, schema *native.Schema) (store.Standing, error) {
	if err := os.MkdirAll(w.folder.path("."), 0o755); err != nil {
		return store.Standing{}, err
	}
	if err := w.claim(ctx); err != nil {
		return store.Standing{}, err
	}
	p, err := w.folder.pointer()
	if err != nil {
		return store.Standing{}, err
	}
	if p.Visible != 0 {
		if standing, finished, err := w.finished(p, source); finished || err != nil {
			return standing, err
		}
	}
	if p, err = w.move(ctx, func(p native.Pointer) (native.Pointer, error) { return p.Begun(), nil }); err != nil {
		return store.Standing{}, err
	}
	if err := w.sweep(p); err != nil {
		return store.Standing{}, err
	}
	w.number, w.source = p.Loading, source
	rows, err := w.open(schema)
	return store.Standing{Generation: w.number, Rows: rows}, err
}

// claim makes this the one load of the view.
func (w *Writer) claim(ctx context.Context) error {
	if w.loading != nil {
		if err := w.loading.Close(); err != nil {
			return err
		}
		w.loading = nil
	}
	if w.unload != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	unload, err := w.folder.lock(ctx, loadName)
	if err != nil {
		return fmt.Errorf("view %s is being loaded by another process: %w", w.folder.view, err)
	}
	w.unload = unload
	return nil
}

// finished tells whether the visible generation is of a source.
func (w *Writer) finished(p native.Pointer, source string) (s store.Standing, finished bool, err error) {
	if unharmed(func() error {
		db, err := bolt.Open(w.folder.rows(p.Visible), 0, &bolt.Options{ReadOnly: true, Timeout: openTimeout})
		if err != nil {
			return err
		}
		err = db.View(func(tx *bolt.Tx) error {
			of, rows := progress(tx)
			finished, s = of == source, store.Standing{Generation: p.Visible, Rows: rows, Visible: true}
			return nil
		})
		return errors.Join(err, db.Close())
	}) != nil {
		return store.Standing{}, false, nil // a load puts right what somebody deleted or damaged
	}
	return s, finished, nil
}

func progress(tx *bolt.Tx) (source string, rows int64) {
	b := tx.Bucket(loadBucket)
	if b == nil {
		return "", 0
	}
	if n := b.Get(countKey); len(n) == 8 {
		rows = int64(binary.LittleEndian.Uint64(n))
	}
	return string(b.Get(sourceKey)), rows
}

// move changes the pointer. It reads it under the lock, since another process may have changed it.
func (w *Writer) move(ctx context.Context, change func(native.Pointer) (native.Pointer, error)) (native.Pointer, error) {
	unlock, err := w.folder.lock(ctx, lockName)
	if err != nil {
		return native.Pointer{}, err
	}
	defer unlock()
	p, err := w.folder.pointer()
	if err != nil {
		return p, err
	}
	next, err := change(p)
	if err != nil || next == p {
		return next, err
	}
	return next, w.folder.setPointer(next)
}

// sweep deletes the files of generations that are dead. Upserts count in all generations that are older.
func (w *Writer) sweep(p native.Pointer) error {
	rows, err := w.folder.files(rowsEnding)
	if err != nil {
		return err
	}
	upserts, err := w.folder.files(upsertsEnding)
	seconds := w.now().Unix()
	for _, number := range rows {
		if err == nil && p.Dead(number, seconds) {
			err = os.Remove(w.folder.rows(number))
		}
	}
	for _, number := range upserts {
		if err == nil && p.Dead(number, seconds) && number < p.Oldest() {
			err = os.Remove(w.folder.upserts(number))
		}
	}
	return err
}

// open opens the file of the generation that is being loaded, and says how many rows of the source are committed.
func (w *Writer) open(schema *native.Schema) (rows int64, err error) {
	if w.loading, err = w.openFile(); err != nil {
		return 0, fmt.Errorf("cannot open %s: %w", w.folder.rows(w.number), err)
	}
	w.schema = schema
	err = w.loading.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{rowsBucket, schemasBucket, loadBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		_, rows = progress(tx)
		name := native.SchemaName(w.folder.view, schema.Hash())
		return errors.Join(tx.Bucket(schemasBucket).Put([]byte(name), schema.Record()), tx.Bucket(loadBucket).Put(sourceKey, []byte(w.source)))
	})
	return rows, err
}

// openFile begins a file of another source anew, and one that was killed before it was a file of the library's, or is damaged.
func (w *Writer) openFile() (*bolt.DB, error) {
	path, options := w.folder.rows(w.number), &bolt.Options{Timeout: openTimeout, FreelistType: bolt.FreelistMapType}
	var db *bolt.DB
	source := ""
	err := unharmed(func() (err error) {
		if db, err = bolt.Open(path, 0o644, options); err != nil {
			return err
		}
		return db.View(func(tx *bolt.Tx) error {
			source, _ = progress(tx)
			return nil
		})
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, err
	case err == nil && (source == w.source || source == ""):
		return db, nil
	case err == nil:
		if err = db.Close(); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return bolt.Open(path, 0o644, options)
}

var errNotBegun = errors.New("no load has been begun")

// Write adds rows, sorted by key, to the generation that is being loaded, and counts them, in one transaction. from is how many
// rows are committed. A row whose key is there already stays if its time is newer.
func (w *Writer) Write(ctx context.Context, from int64, rows []store.Record) error {
	if w.loading == nil {
		return errNotBegun
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.loading.Update(func(tx *bolt.Tx) error {
		of, committed := progress(tx)
		if of != w.source || committed != from {
			return fmt.Errorf("generation %d of view %s has %d rows, and the load has written %d: begin again", w.number, w.folder.view, committed, from)
		}
		b := tx.Bucket(rowsBucket)
		if last, _ := b.Cursor().Last(); len(rows) > 0 && bytes.Compare(last, rows[0].Key) < 0 {
			b.FillPercent = sortedFill
		}
		for i := range rows {
			if !w.schema.Fits(rows[i].Value) {
				return fmt.Errorf("row %d is of another schema than the load", from+int64(i))
			}
			if old := b.Get(rows[i].Key); old != nil && newer(old, rows[i].Value) {
				continue
			}
			if err := b.Put(rows[i].Key, rows[i].Value); err != nil {
				return fmt.Errorf("cannot write row %d: %w", from+int64(i), err)
			}
		}
		return tx.Bucket(loadBucket).Put(countKey, binary.LittleEndian.AppendUint64(nil, uint64(committed)+uint64(len(rows))))
	})
}

// sortedFill is how full pages are made by rows that come in order: no later one is put between them.
const sortedFill = 0.95

// Read reads rows of the generation that is being loaded back from its file. It calls each for those that are there, in the order
// of keys; value is good until each returns.
func (w *Writer) Read(ctx context.Context, keys [][]byte, each func(i int, value []byte)) error {
	if w.loading == nil {
		return errNotBegun
	}
	return w.loading.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(rowsBucket)
		for i, key := range keys {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if value := b.Get(key); value != nil {
				each(i, value)
			}
		}
		return nil
	})
}
