package predlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sluice/predlog/table"
)

// names are the files of a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestFolderHasOneWriter(t *testing.T) {
	w, _ := start(t, Options{Sample: 1})
	if _, err := Start(Options{Dir: w.opt.Dir, Sample: 1}); !errors.Is(err, errTaken) {
		t.Errorf("a second writer starts with %v", err)
	}
	finish(t, w)
	again, _ := start(t, Options{Dir: w.opt.Dir, Sample: 1})
	finish(t, again)
}

func TestStartRefuses(t *testing.T) {
	f := func(o Options) {
		t.Helper()
		if w, err := Start(o); err == nil {
			t.Errorf("%+v is taken: %v", o, w.Close(context.Background()))
		}
	}
	dir := t.TempDir()
	f(Options{})
	f(Options{Dir: dir, Sample: 1.5})
	f(Options{Dir: dir, Keep: [NumKinds]int{Late: -1}})
	f(Options{Dir: dir, Redact: map[string]Redaction{"x": Hash}, HashKey: []byte("short")})
	f(Options{Dir: dir, MaxRecord: 1 << 20, QueueBytes: 1 << 19})
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f(Options{Dir: file})
	f(Options{Dir: filepath.Join(file, "below")})
}

// What a process leaves behind becomes a Parquet file at the next start, whatever it was doing; what is not of the
// log stays.
func TestLeftoversAreConverted(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spool := spoolOf(3)
	put("current-20260101T000003.000000000Z.spool", spool[:len(spool)-1])
	put("20260101T000002.000000000Z.spool", spool)
	put("predictions-20260101T000002.000000000Z.parquet", []byte("of a conversion that was done and whose spool was left"))
	put("predictions-20260101T000001.000000000Z.parquet.tmp", []byte("half a file"))
	put("20260101T000000.000000000Z.spool", []byte(magic))
	put("README", nil)
	put("somebody.tmp", nil)
	put("predictions-20260101T000002.000000000Z.flat.parquet", nil)
	w, logs := start(t, Options{Dir: dir, Sample: 1})
	finish(t, w)
	want := []string{"README", "predictions-20260101T000002.000000000Z.flat.parquet", "predictions-20260101T000002.000000000Z.parquet", "predictions-20260101T000003.000000000Z.parquet", "somebody.tmp"}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
	rows, numbers := tables(t, dir)
	if len(rows) != 6 || numbers["seen"] != 7 { // the other's numbers are torn
		t.Errorf("%d rows, %v", len(rows), numbers)
	}
	if logs.FilterMessageSnippet("ends in the middle of a record").Len() != 1 {
		t.Errorf("it logs %v", logs.All())
	}
}

// The oldest files go while there is too much, and those that are too old.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	put := func(name string, size int, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, make([]byte, size), 0o600), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	put("predictions-20260101T000001.000000000Z.parquet", 100, 3*time.Hour)
	put("predictions-20260101T000002.000000000Z.parquet", 100, time.Minute)
	put("predictions-20260101T000003.000000000Z.parquet", 100, time.Minute)
	put("20260101T000004.000000000Z.spool", 100, time.Minute)
	put("current-20260101T000005.000000000Z.spool", 100, 5*time.Hour)
	w := &Writer{opt: Options{Dir: dir, MaxBytes: 350, MaxAge: time.Hour}}
	w.opt.setDefaults()
	if err := w.prune(now); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 3 || got[2] != "predictions-20260101T000003.000000000Z.parquet" {
		t.Errorf("the folder has %q", got)
	}
	if n := w.spoolBytes.Load(); n != 100 {
		t.Errorf("%d bytes of spools wait", n)
	}
}

// Spools that are full or aged are converted while the writer goes on, and the folder keeps its size.
func TestRotation(t *testing.T) {
	w, _ := start(t, Options{Sample: 1, SpoolBytes: 20 << 10})
	for i := range 2000 {
		w.Take(testRecord(i))
		if i%100 == 0 {
			written(t, w)
			time.Sleep(emptyEvery)
		}
	}
	s := finish(t, w)
	rows, numbers := tables(t, w.opt.Dir)
	for i, r := range rows {
		if r.ID != string(testRecord(i).ID) {
			t.Fatalf("row %d is %s", i, r.ID)
		}
	}
	if s.Files < 3 || len(rows) != 2000 || numbers["seen"] != 2000 || numbers["requests"] != 2000 || s.SpoolBytes != 0 {
		t.Errorf("%+v, %d rows, %v", s, len(rows), numbers)
	}
}

func TestAgedSpoolIsConverted(t *testing.T) {
	w, _ := start(t, Options{Sample: 1, SpoolAge: 50 * time.Millisecond})
	w.Take(testRecord(1))
	for end := time.Now().Add(10 * time.Second); w.Stats().Files == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if rows, _ := tables(t, w.opt.Dir); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
	finish(t, w)
}

// An id is found in a Parquet file by its row alone, and one that is not there is not.
func TestFindInTable(t *testing.T) {
	w, _ := start(t, Options{Sample: 1})
	for i := range 3000 {
		w.Take(testRecord(i % 2900)) // some ids are there twice
	}
	finish(t, w)
	all, err := List(w.opt.Dir)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	p, err := table.Open(all[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	f := func(id string, want int) {
		t.Helper()
		n := 0
		if err := p.Find(id, func(r *table.Row) error {
			if r.ID != id || len(r.Inputs) != 2 {
				t.Errorf("%s: %+v", id, r)
			}
			n++
			return nil
		}); err != nil || n != want {
			t.Errorf("%s: %d rows, want %d; %v", id, n, want, err)
		}
	}
	f("id-000099", 2)
	f("id-000100", 1)
	f("id-002899", 1)
	f("id-003000", 0)
	f("", 0)
}
