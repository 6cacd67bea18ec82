package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"sluice/features/native"
	"sluice/features/store"
)

// Options of loads and upserts. The zero value is the default.
type Options struct {
	// Folder is where rows are sorted that do not fit into memory. Default: the system's for temporary files.
	Folder string
	// MemoryBytes bounds what is sorted in memory. Default: 64 MiB.
	MemoryBytes int
	// PageBytes bounds what those pages of a Parquet file take, decoded, that are read at a time. A file that claims more is refused.
	// Default: 1 GiB.
	PageBytes int
	// ChunkRows is how many rows are written, and read back, at a time. Default: 500.
	ChunkRows int
	// RowsPerSecond bounds the rate at which rows are written. Default: no bound.
	RowsPerSecond int
	// Progress is told how far a load has come, after every chunk.
	Progress func(Progress)
}

// The bounds of options.
const (
	leastMemory = 1 << 20
	mostChunk   = 10_000
	// sortTold is after how many rows that are read progress is told.
	sortTold = 10_000
)

func (o Options) complete() (Options, error) {
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 64 << 20
	}
	if o.PageBytes == 0 {
		o.PageBytes = 1 << 30
	}
	if o.ChunkRows == 0 {
		o.ChunkRows = 500
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.MemoryBytes < leastMemory || o.PageBytes < leastMemory || o.ChunkRows < 1 || o.ChunkRows > mostChunk || o.RowsPerSecond < 0 {
		return o, fmt.Errorf("a load takes %d bytes of memory or more, for rows and for pages, chunks of 1 to %d rows, and no negative rate", leastMemory, mostChunk)
	}
	return o, nil
}

// Stage is what a load is doing.
type Stage string

// The stages, in their order.
const (
	Reading   Stage = "reading"
	Writing   Stage = "writing"
	Verifying Stage = "verifying"
)

// Progress is how far a load has come.
type Progress struct {
	Stage Stage
	// Rows of the stage are done, of so many; Of is 0 while nobody knows.
	Rows, Of int64
}

// Result is what a load or an upsert did.
type Result struct {
	Generation uint64
	// Read is the rows of the file, Rows those with different keys.
	Read, Rows int64
	// Resumed is how many of the rows an earlier try had written.
	Resumed int64
	// Newer is how many rows an upsert had replaced when they were read back.
	Newer int64
	// Already says that the file was visible before: nothing was done.
	Already bool
}

// Load makes the rows of a file the next generation of a view. It resumes a load of the same file that did not come to its end.
func Load(ctx context.Context, spec *Spec, path string, w Writer, o Options) (r Result, err error) {
	o, err = o.complete()
	if err != nil {
		return r, err
	}
	f, err := os.Open(path)
	if err != nil {
		return r, fmt.Errorf("cannot read the rows: %w", err)
	}
	defer f.Close()
	l := &loading{spec: spec, w: w, o: o, result: &r}
	if err = l.run(ctx, f); err != nil {
		return r, fmt.Errorf("cannot load %s into view %q: %w", path, spec.View, err)
	}
	return r, nil
}

// loading is one call of Load.
type loading struct {
	spec   *Spec
	w      Writer
	o      Options
	result *Result
	sorter sorter
}

func (l *loading) run(ctx context.Context, f *os.File) error {
	name, err := identify(ctx, f, l.spec)
	if err != nil {
		return err
	}
	// From here on upserts reach the new generation: it begins before the file is read.
	at, err := l.w.Begin(ctx, name, l.spec.schema)
	if err != nil {
		return err
	}
	l.result.Generation, l.result.Resumed, l.result.Already = at.Generation, at.Rows, at.Visible
	if at.Visible {
		l.result.Rows, l.result.Resumed = at.Rows, 0
		return nil
	}
	l.sorter = sorter{folder: l.o.Folder, limit: l.o.MemoryBytes}
	defer l.sorter.close() //nolint:errcheck // nothing that was written is of use any more
	if err = l.sort(ctx, f); err != nil {
		return err
	}
	if err = l.write(ctx, at.Rows); err != nil {
		return err
	}
	if l.result.Rows < at.Rows {
		return fmt.Errorf("the store has counted %d rows of %d: another load is under way", at.Rows, l.result.Rows)
	}
	if err = l.verify(ctx); err != nil {
		return err
	}
	return l.w.Flip(ctx)
}

// sort reads the file.
func (l *loading) sort(ctx context.Context, f *os.File) error {
	r, err := newReader(f, l.spec, l.o.PageBytes)
	if err != nil {
		return err
	}
	for {
		record, err := r.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err = l.sorter.add(record); err != nil {
			return err
		}
		if r.n%sortTold == 0 {
			l.o.Progress(Progress{Stage: Reading, Rows: r.n})
		}
	}
	l.result.Read = r.n
	if r.n == 0 {
		return errors.New("the file has no rows: an empty generation would hide the one that is visible")
	}
	l.o.Progress(Progress{Stage: Reading, Rows: r.n, Of: r.n})
	return l.sorter.finish()
}

// write writes the rows that are not committed yet.
func (l *loading) write(ctx context.Context, committed int64) error {
	p := newPace(l.o.RowsPerSecond)
	return l.chunks(func(from int64, rows []store.Record) error {
		l.result.Rows = from + int64(len(rows))
		if skip := committed - from; skip > 0 {
			rows = rows[min(skip, int64(len(rows))):]
			from = l.result.Rows - int64(len(rows))
		}
		if len(rows) > 0 {
			if err := p.wait(ctx, len(rows)); err != nil {
				return err
			}
			if err := l.w.Write(ctx, from, rows); err != nil {
				return err
			}
		}
		l.o.Progress(Progress{Writing, l.result.Rows, l.result.Read})
		return nil
	})
}

// verify reads every row back.
func (l *loading) verify(ctx context.Context) error {
	var keys [][]byte
	return l.chunks(func(from int64, rows []store.Record) error {
		keys = keys[:0]
		for _, r := range rows {
			keys = append(keys, r.Key)
		}
		found, wrong := 0, -1
		err := l.w.Read(ctx, keys, func(i int, value []byte) {
			found++
			switch ok, newer := l.right(rows[i].Value, value); {
			case !ok:
				wrong = i
			case newer:
				l.result.Newer++
			}
		})
		switch {
		case err != nil:
			return err
		case wrong >= 0:
			return fmt.Errorf("the row of key %x is not read back as it was written", keys[wrong])
		case found != len(rows):
			return fmt.Errorf("of %d rows from key %x on %d are read back", len(rows), keys[0], found)
		}
		l.o.Progress(Progress{Verifying, from + int64(len(rows)), l.result.Rows})
		return nil
	})
}

// right tells whether a row that was read back is the one written, or a newer one.
func (l *loading) right(written, read []byte) (ok, newer bool) {
	if bytes.Equal(written, read) {
		return true, false
	}
	_, was, _ := native.Header(written)
	_, is, there := native.Header(read)
	return there && is > was, true
}

// chunks calls do for the rows in order, some at a time, with the number of those before.
func (l *loading) chunks(do func(from int64, rows []store.Record) error) error {
	var c chunk
	from := int64(0)
	err := l.sorter.each(func(r store.Record) error {
		c.add(r)
		if len(c.rows) < l.o.ChunkRows {
			return nil
		}
		err := do(from, c.rows)
		from += int64(len(c.rows))
		c.reset()
		return err
	})
	if err == nil && len(c.rows) > 0 {
		err = do(from, c.rows)
	}
	return err
}

// chunk is copies of some records.
type chunk struct {
	arena []byte
	rows  []store.Record
}

func (c *chunk) add(r store.Record) {
	// An arena that grows leaves the older records where they are.
	c.arena = append(append(c.arena, r.Key...), r.Value...)
	both := c.arena[len(c.arena)-len(r.Key)-len(r.Value):]
	n := len(r.Key)
	c.rows = append(c.rows, store.Record{Key: both[:n:n], Value: both[n:len(both):len(both)]})
}

func (c *chunk) reset() { c.arena, c.rows = c.arena[:0], c.rows[:0] }
