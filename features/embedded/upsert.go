package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sluice/features/native"
	"sluice/features/store"
)

// maxUpserts bounds the files of upserts whose rows a reader may have to hold in memory, together and each, in bytes. Where
// they have grown to it, they are made smaller: of each key only the newest row stays. They must come below seven eighths of
// it by that, so that it is not done again soon.
const maxUpserts = 64 << 20

// Upsert appends rows, none of them twice, as one batch. Readers see them within a second, where they are not older than what
// is there; so does the generation that is being loaded once it is visible.
func (w *Writer) Upsert(ctx context.Context, schema *native.Schema, rows []store.Record) error {
	if err := os.MkdirAll(w.folder.path("."), 0o755); err != nil {
		return err
	}
	for i := range rows {
		if !schema.Fits(rows[i].Value) {
			return fmt.Errorf("row %d of an upsert is of another schema", i)
		}
	}
	frame := appendFrame(nil, schema, rows)
	unlock, err := w.folder.lock(ctx, lockName)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := w.folder.pointer()
	if err != nil {
		return err
	}
	if p.Newest() == 0 {
		return fmt.Errorf("view %s in %s has no generation: load one before its rows are upserted", w.folder.view, w.folder.dir)
	}
	taken, err := w.upserted(p)
	if err == nil && taken+int64(len(frame)) > w.limit {
		full := w.limit / 8 * 7
		taken, err = w.shrink(p)
		if err == nil && taken+int64(len(frame)) > full {
			err = fmt.Errorf("the upserts of view %s in %s take %d bytes, and with %d more they would be beyond %d: load the view anew, twice, which deletes them",
				w.folder.view, w.folder.dir, taken, len(frame), full)
		}
	}
	if err != nil {
		return err
	}
	return w.append(p.Newest(), frame)
}

// upserted is how many bytes of upserts readers have to hold.
func (w *Writer) upserted(p native.Pointer) (total int64, err error) {
	for number := p.Oldest(); number <= p.Newest(); number++ {
		info, err := os.Stat(w.folder.upserts(number))
		switch {
		case err == nil:
			total += info.Size()
		case !errors.Is(err, fs.ErrNotExist):
			return 0, err
		}
	}
	return total, nil
}

// append writes a frame behind the last whole one.
func (w *Writer) append(number uint64, frame []byte) (err error) {
	file, err := os.OpenFile(w.folder.upserts(number), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := w.findTail(file); err != nil {
		return err
	}
	if w.tail.end == 0 {
		frame = append(appendName(nil), frame...)
	}
	if _, err := file.WriteAt(frame, w.tail.end); err != nil {
		return err
	}
	if err := file.Sync(); err != nil || w.tail.end != 0 {
		return err
	}
	return syncFolder(w.folder.path("."))
}

// findTail moves the tail to the end of the last whole frame, and cuts what is behind it: of a batch whose writer was killed.
func (w *Writer) findTail(file *os.File) error {
	text, err := w.tail.behind(file)
	if err != nil {
		return err
	}
	for whole := true; whole; {
		before := len(text)
		if _, text, whole = nextFrame(text); whole {
			w.tail.end += int64(before - len(text))
		}
	}
	return file.Truncate(w.tail.end)
}
