package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/tensor"
)

// TestDamagedFiles reads files that are cut, overwritten or missing, before and while they are open.
func TestDamagedFiles(t *testing.T) {
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	f := func(want string, open bool, damage func(path string) error) {
		t.Helper()
		dir := t.TempDir()
		load(t, newWriter(t, dir), "one", s, records(g, s, 2000, 1, 5))
		var told []error
		st := Open(dir, Options{Poll: time.Hour, Fault: func(_ string, fault error) { told = append(told, fault) }})
		defer st.closed()
		r := newReader(t, st, g)
		if open && value(t, r, 0, 7) != 1 {
			t.Error("the file was damaged before")
		}
		must(t, damage(filepath.Join(dir, "v", "1.rows")))
		for range 2 {
			if v, err := tryValue(t.Context(), r, r.Generation(), 7); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %v, want %s", v, err, want)
			}
		}
		st.views()[0].refresh(time.Now())
		must(t, st.Close())
		if len(told) != 1 || !strings.Contains(told[0].Error(), want) {
			t.Errorf("%v is told, want %s", told, want)
		}
	}
	f("1.rows", false, os.Remove)
	f("1.rows: invalid database", false, func(path string) error { return os.Truncate(path, 100) })
	f("1.rows is cut: it has 9000 of its ", false, func(path string) error { return os.Truncate(path, 9000) })
	f("1.rows is damaged", false, func(path string) error {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		_, err = file.WriteAt(bytes.Repeat([]byte{0xff}, 100<<10), 8<<10) // behind the two pages by which the library knows it
		return errors.Join(err, file.Close())
	})
	f("1.rows is damaged", true, func(path string) error { return os.Truncate(path, 9000) })
	f("1.rows: invalid database", false, func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 64<<10), 0o644) })
}

// TestBranchesInACircle has a branch of the file lead back to itself, which the library would follow until the process has no stack.
func TestBranchesInACircle(t *testing.T) {
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	dir := t.TempDir()
	load(t, newWriter(t, dir), "one", s, records(g, s, 20_000, 1, 5))
	path := filepath.Join(dir, "v", "1.rows")
	circle(t, path)
	st := opened(t, dir)
	r := newReader(t, st, g)
	for range 2 {
		if v, err := tryValue(t.Context(), r, 0, 7); err == nil || !strings.Contains(err.Error(), "is below itself, or twice in the tree") {
			t.Fatalf("%v, %v", v, err)
		}
	}
	load(t, newWriter(t, dir), "two", s, records(g, s, 10, 2, 5)) // puts it right
	st.views()[0].refresh(time.Now())
	if v := value(t, r, 2, 7); v != 2 {
		t.Errorf("%v", v)
	}
}

// circle makes all elements of the first branch that it finds lead to itself.
func circle(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	pageBytes := os.Getpagesize()
	for at := 2 * pageBytes; at < len(text); at += pageBytes {
		page := text[at:]
		if number := uint64(at / pageBytes); binary.NativeEndian.Uint64(page) == number && binary.NativeEndian.Uint16(page[8:]) == branchPage {
			for i := range int(binary.NativeEndian.Uint16(page[10:])) {
				binary.NativeEndian.PutUint64(page[pageHead+i*branchElement+8:], number)
			}
		}
	}
	must(t, os.WriteFile(path, text, 0o644))
}

// TestLoadOverDamage loads where the visible generation's file is damaged, and resumes a load whose own is.
func TestLoadOverDamage(t *testing.T) {
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	dir := t.TempDir()
	spoil := func(name string) {
		t.Helper()
		file, err := os.OpenFile(filepath.Join(dir, "v", name), os.O_RDWR, 0)
		must(t, err)
		info, err := file.Stat()
		must(t, err)
		_, err = file.WriteAt(bytes.Repeat([]byte{0xff}, int(info.Size())-8<<10), 8<<10) // behind the two pages by which the library knows it
		must(t, errors.Join(err, file.Close()))
	}
	load(t, newWriter(t, dir), "one", s, records(g, s, 2000, 1, 5))
	spoil("1.rows")
	w := newWriter(t, dir)
	_, err := w.Begin(t.Context(), "one", s)
	must(t, err)
	must(t, w.Write(t.Context(), 0, records(g, s, 2000, 2, 5)))
	must(t, w.Close())
	spoil("2.rows")
	load(t, newWriter(t, dir), "one", s, records(g, s, 2000, 3, 5))
	if v := value(t, newReader(t, opened(t, dir), g), 0, 7); v != 3 {
		t.Errorf("%v", v)
	}
}

// TestDamagedRow has one row of a schema that the file does not have: it costs that row alone.
func TestDamagedRow(t *testing.T) {
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	dir := t.TempDir()
	rows := records(g, s, 3, 1, 5)
	binary.LittleEndian.PutUint32(rows[1].Value[1:], s.Hash()+1)
	w := newWriter(t, dir)
	_, err := w.Begin(t.Context(), "one", s)
	must(t, err)
	must(t, w.loading.Update(func(tx *bolt.Tx) error {
		var all error
		for _, row := range rows {
			all = errors.Join(all, tx.Bucket(rowsBucket).Put(row.Key, row.Value))
		}
		return all
	}))
	must(t, w.Flip(t.Context()))
	r := newReader(t, opened(t, dir), g)
	var got store.Rows
	got.Reset(g, 3)
	must(t, r.Read(t.Context(), 0, []store.Key{rows[0].Key, rows[1].Key, rows[2].Key}, &got))
	for i, want := range []store.State{store.Present, store.Wrong, store.Present} {
		if !got.IsDone(i) || got.States(i)[0] != want {
			t.Errorf("row %d is %v, want %v", i, got.States(i), want)
		}
	}
}

func TestPointerThatIsNone(t *testing.T) {
	g := newGroup(t, "f")
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "v"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "v", "generation"), []byte("seven"), 0o644))
	st := opened(t, dir)
	if _, err := tryValue(t.Context(), newReader(t, st, g), 0, 7); err == nil || !strings.Contains(err.Error(), `the pointer to a generation is "seven"`) {
		t.Error(err)
	}
	w := newWriter(t, dir)
	if _, err := w.Begin(t.Context(), "one", schemaOf(t, g)); err == nil {
		t.Error("a load begins over a pointer that it cannot read")
	}
}

// TestFileIsReplaced puts another file under the number of the visible generation.
func TestFileIsReplaced(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	load(t, newWriter(t, dir), "one", s, records(g, s, 10, 1, 5))
	load(t, newWriter(t, other), "one", s, records(g, s, 10, 2, 5))
	st := opened(t, dir)
	r := newReader(t, st, g)
	if v := value(t, r, 0, 7); v != 1 {
		t.Errorf("%v", v)
	}
	must(t, os.Rename(filepath.Join(other, "v", "1.rows"), filepath.Join(dir, "v", "1.rows")))
	v := st.views()[0]
	v.refresh(time.Now())
	if got := value(t, r, 1, 7); got != 2 || len(*v.open.Load()) != 2 {
		t.Errorf("%v, with %d files open", got, len(*v.open.Load()))
	}
	v.refresh(time.Now().Add(native.KeepSeconds * time.Second))
	if got := value(t, r, 1, 7); got != 2 || len(*v.open.Load()) != 1 {
		t.Errorf("%v, with %d files open", got, len(*v.open.Load()))
	}
}

// TestOtherSchemas upserts rows of other columns than those that were loaded, and reads by other keys than those of the view.
func TestOtherSchemas(t *testing.T) {
	dir := t.TempDir()
	g, more := newGroup(t, "f"), newGroup(t, "new", "f")
	s := schemaOf(t, g)
	w := newWriter(t, dir)
	load(t, w, "one", s, records(g, s, 10, 1, 5))
	must(t, w.Upsert(t.Context(), schemaOf(t, more), []store.Record{record(more, schemaOf(t, more), 1, 2, 6)}))
	if err := w.Upsert(t.Context(), s, []store.Record{record(more, schemaOf(t, more), 1, 2, 6)}); err == nil || err.Error() != "row 0 of an upsert is of another schema" {
		t.Error(err)
	}
	st := opened(t, dir)
	r := newReader(t, st, g)
	if a, b := value(t, r, 0, 1), value(t, r, 0, 2); a != 2 || b != 1 {
		t.Errorf("%v and %v", a, b)
	}
	byText := *g
	byText.Keys = []store.KeyColumn{{Name: "id", Type: store.Int32}}
	int32s, err := store.NewGroup(store.Group{Name: "g", View: "v", Keys: byText.Keys, Columns: []store.Column{{Name: "f", Type: tensor.FP32, Width: 1}}})
	must(t, err)
	if v, err := tryValue(t.Context(), newReader(t, st, int32s), 0, 1); err == nil || !strings.Contains(err.Error(), "view v is stored by the keys id (INT64), and group g asks by id (INT32)") {
		t.Errorf("%v, %v", v, err)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	g := newGroup(t, "f")
	s := schemaOf(t, g)
	load(t, newWriter(t, dir), "one", s, records(g, s, 10, 1, 5))
	st := opened(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newReader(t, st, g)
	if _, err := tryValue(ctx, r, 0, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, st.Close())
	if _, err := tryValue(t.Context(), r, 0, 1); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if _, err := st.Reader(g); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if err := Open(filepath.Join(dir, "none"), Options{}).closed().Ping(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := NewWriter(dir, "../v"); err == nil {
		t.Error("a view is a way out of the folder")
	}
}

func (s *Store) closed() *Store {
	_ = s.Close()
	return s
}

// FuzzFrames reads any bytes as a file of upserts: what is whole can be written again.
func FuzzFrames(f *testing.F) {
	g := newGroup(f, "f")
	s := schemaOf(f, g)
	one := appendFrame(nil, s, records(g, s, 2, 1, 5))
	f.Add(one)
	f.Add(append(bytes.Clone(one), one[:20]...))
	f.Add(append(bytes.Clone(one), one...))
	f.Fuzz(func(t *testing.T, text []byte) {
		body, rest, whole := nextFrame(text)
		if !whole {
			body = text // the sum keeps nearly all that is drawn from the rest of the decoder
		}
		schema, rows, err := parseBody(body)
		if err != nil {
			return
		}
		again, left, ok := nextFrame(appendFrame(nil, schema, rows))
		schema2, rows2, err := parseBody(again)
		if err != nil || !ok || len(left) != 0 || schema2.Hash() != schema.Hash() || len(rows2) != len(rows) || len(rest) > len(text) {
			t.Fatalf("%d rows are written and %d read, %v", len(rows), len(rows2), err)
		}
		for i := range rows {
			if !bytes.Equal(rows[i].Key, rows2[i].Key) || !bytes.Equal(rows[i].Value, rows2[i].Value) {
				t.Fatalf("row %d is %x: %x, want %x: %x", i, rows2[i].Key, rows2[i].Value, rows[i].Key, rows[i].Value)
			}
		}
	})
}
