package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"sluice/features/feast"
	"sluice/features/store"
)

// FeastOptions say where Feast's SQLite file is and how it is written.
type FeastOptions struct {
	// Path is the file. SQLite keeps one with a write-ahead log in three files, and a reader needs the right to make the other two.
	Path    string
	Project string
	// Keys is the layout of entity keys: V3 or V2.
	Keys feast.KeyLayout
}

// Feast reads the SQLite file of a Feast online store, beside the command of Feast that writes it. It only ever opens it for
// reading. A file that is replaced is opened anew.
type Feast struct {
	options FeastOptions
	mu      struct {
		sync.Mutex
		file   *feastFile
		closed bool
	}
}

var _ store.Store = (*Feast)(nil)

// feastFile is the file as it was opened, with its prepared statements.
type feastFile struct {
	db         *sql.DB
	info       os.FileInfo
	statements map[string]*sql.Stmt // by their text
	users      int                  // reads, and the store itself
}

// OpenFeast makes a store of a file, which may come to be later. Close ends it.
func OpenFeast(o FeastOptions) *Feast { return &Feast{options: o} }

// maxConnections bounds the reads that go on at a time; each connection has its own cache of pages.
const maxConnections = 4

// maxStatements bounds what is prepared: models that are loaded again with other columns leave statements behind, and the
// file is opened anew then.
const maxStatements = 500

// acquire opens the file, or finds it open, and prepares a statement.
func (f *Feast) acquire(ctx context.Context, query string) (*feastFile, *sql.Stmt, error) {
	file, err := f.current()
	if err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	statement := file.statements[query]
	f.mu.Unlock()
	if statement != nil {
		return file, statement, nil
	}
	// Preparing reads the file, so it is not done under the lock: two reads may both do it, and the first is kept.
	statement, err = file.db.PrepareContext(ctx, query)
	if err != nil {
		f.release(file)
		return nil, nil, err
	}
	f.mu.Lock()
	first := file.statements[query]
	if first == nil {
		file.statements[query] = statement
	}
	f.mu.Unlock()
	if first != nil {
		return file, first, statement.Close()
	}
	return file, statement, nil
}

// current is the file of the name, open, with one user more.
func (f *Feast) current() (*feastFile, error) {
	info, err := os.Stat(f.options.Path)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.closed {
		return nil, errClosed
	}
	if file := f.mu.file; file != nil {
		if os.SameFile(info, file.info) && len(file.statements) < maxStatements {
			file.users++
			return file, nil
		}
		f.drop()
	}
	// Locks of a writer are waited for as long as the context of a read allows.
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: f.options.Path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(600000)"}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	f.mu.file = &feastFile{db: db, info: info, statements: map[string]*sql.Stmt{}, users: 2}
	return f.mu.file, nil
}

// drop leaves the file to those who read it; its caller holds the lock.
func (f *Feast) drop() {
	file := f.mu.file
	f.mu.file = nil
	f.leave(file)
}

// release ends a use.
func (f *Feast) release(file *feastFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leave(file)
}

func (f *Feast) leave(file *feastFile) {
	if file.users--; file.users == 0 {
		_ = file.db.Close() // of a file that was only read
	}
}

// Reader prepares the reads of a group.
func (f *Feast) Reader(g *store.Group) (store.Reader, error) {
	if f.options.Keys == feast.RedisKeyV2 {
		return nil, fmt.Errorf("Feast writes no keys of %s into SQLite: give v3 or v2", f.options.Keys)
	}
	return newFeastReader(f, g), nil
}

// Ping tells whether the file can be read.
func (f *Feast) Ping(ctx context.Context) error {
	file, statement, err := f.acquire(ctx, "select count(*) from sqlite_master")
	if err != nil {
		return f.describe(err)
	}
	defer f.release(file)
	var tables int
	if err := statement.QueryRowContext(ctx).Scan(&tables); err != nil {
		return f.describe(err)
	}
	return nil
}

// Close waits for reads that are under way. Later ones fail.
func (f *Feast) Close() error {
	f.mu.Lock()
	file := f.mu.file
	f.mu.file, f.mu.closed = nil, true
	f.mu.Unlock()
	if file == nil {
		return nil
	}
	return file.db.Close()
}

func (f *Feast) describe(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
		return err
	}
	return fmt.Errorf("cannot read Feast's file %s: %w", f.options.Path, err)
}

func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
