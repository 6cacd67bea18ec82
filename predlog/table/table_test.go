package table

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

func write(t *testing.T, rows []Row, numbers Numbers) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f)
	for i := range rows {
		if err := w.Write(rows[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(numbers), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// What is written is read, over several row groups, and each id is found.
func TestRoundTrip(t *testing.T) {
	hash, role := uint64(1)<<63, "canary"
	var rows []Row
	for i := range 40 {
		rows = append(rows, Row{
			ID: fmt.Sprint("id ", i), Time: time.Unix(int64(i), 123_000).UTC(), Model: "m", Version: "1", Status: "OK", Weight: 20, Tensors: TensorsKept,
			Inputs: []Tensor{{Name: "x", Datatype: "UINT8", Shape: []int64{1, 1 << 20}, Raw: bytes.Repeat([]byte{byte(i)}, 1<<20)}, {Name: "e", Datatype: "BYTES"}},
		})
	}
	rows[7].Features = []Feature{
		{Input: "x", Name: "u:a", Statuses: []string{"cached", "missing", "cached"}, AgesMS: []int64{7, 0, 1 << 40}},
		{Input: "x", Name: "km", Statuses: []string{"request", "request", "request"}, AgesMS: []int64{0, 0, 0}},
	}
	rows[3].UnitHash, rows[3].Role, rows[4].Inputs = &hash, &role, nil
	numbers := Numbers{"requests": 1<<64 - 1, "seen": 40}
	f := open(t, write(t, rows, numbers))
	if f.parquet.NumRows() != 40 || len(f.parquet.RowGroups()) < 4 || !reflect.DeepEqual(f.Numbers(), numbers) {
		t.Errorf("%d rows in %d groups, numbers %v", f.parquet.NumRows(), len(f.parquet.RowGroups()), f.Numbers())
	}
	same := func(got *Row, want Row) {
		t.Helper()
		for i := range want.Inputs { // nothing and no bytes are the same in a file
			want.Inputs[i].Raw = append([]byte{}, want.Inputs[i].Raw...)
			got.Inputs[i].Raw = append([]byte{}, got.Inputs[i].Raw...)
			want.Inputs[i].Shape = append([]int64{}, want.Inputs[i].Shape...)
			got.Inputs[i].Shape = append([]int64{}, got.Inputs[i].Shape...)
		}
		if len(got.Inputs) == 0 {
			got.Inputs = nil
		}
		if len(got.Outputs) == 0 {
			got.Outputs = nil
		}
		if len(got.Features) == 0 {
			got.Features = nil
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s is not as it was written", want.ID)
		}
	}
	n := 0
	if err := f.Rows(func(r *Row) error {
		same(r, rows[n])
		n++
		return nil
	}); err != nil || n != 40 {
		t.Errorf("%d rows, %v", n, err)
	}
	for i := range rows {
		found := 0
		if err := f.Find(rows[i].ID, func(r *Row) error {
			found++
			same(r, rows[i])
			return nil
		}); err != nil || found != 1 {
			t.Errorf("%s is found %d times, %v", rows[i].ID, found, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	f := func(content []byte, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "a.parquet")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	with := func(options ...parquet.WriterOption) []byte {
		var out bytes.Buffer
		if err := parquet.NewGenericWriter[Row](&out, options...).Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	f(nil, "cannot read")
	f([]byte("PAR1 and more that is none PAR1"), "cannot read")
	f(with(), "it is no file of a prediction log")
	f(with(parquet.KeyValueMetadata(schemaKey, "2")), "its schema has version 2 and this program reads up to 1")
	f(with(parquet.KeyValueMetadata(schemaKey, "x")), "which is no version")
	f(with(parquet.KeyValueMetadata(schemaKey, "1"))[4:], "cannot read")
}

// A file of an older program lacks columns, and is read.
func TestOlderFiles(t *testing.T) {
	type older struct {
		ID     string   `parquet:"id"`
		Inputs []Tensor `parquet:"inputs,list"`
	}
	var text bytes.Buffer
	w := parquet.NewGenericWriter[older](&text, parquet.KeyValueMetadata(schemaKey, "1"))
	_, err := w.Write([]older{{ID: "a", Inputs: []Tensor{{Name: "x", Datatype: "INT8", Shape: []int64{1}, Raw: []byte{7}}}}, {ID: "b"}})
	path := filepath.Join(t.TempDir(), "a.parquet")
	if err := errors.Join(err, w.Close(), os.WriteFile(path, text.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	got, f := "", open(t, path)
	visit := func(r *Row) error {
		got += fmt.Sprint(r.ID, len(r.Inputs), len(r.Features), " ")
		return nil
	}
	if err := errors.Join(f.Rows(visit), f.Find("a", visit)); err != nil || got != "a1 0 b0 0 a1 0 " {
		t.Errorf("%q, %v", got, err)
	}
}

// readAll reads a file in every way there is.
func readAll(path string) (faults []error) {
	nothing := func(*Row) error { return nil }
	f, err := Open(path)
	if err == nil {
		faults = append(faults, f.Rows(nothing), f.Find("a", nothing), f.Close())
	}
	_, labels := ReadLabels(path, false)
	return append(faults, err, labels)
}

// small is a file of a few rows, as its bytes.
func small(t testing.TB) []byte {
	t.Helper()
	role, tensors := "live", []Tensor{{Name: "x", Datatype: "INT32", Shape: []int64{1}, Raw: []byte{1, 0, 0, 0}}}
	var text bytes.Buffer
	w := NewWriter(&text)
	err := w.Write([]Row{{ID: "a", Model: "m", Status: "OK", Role: &role, Inputs: tensors, Outputs: tensors, Features: []Feature{{Input: "x", Name: "u:a", Statuses: []string{"stale"}, AgesMS: []int64{5}}}}, {ID: "b", Status: "OK"}})
	if err := errors.Join(err, w.Close(nil)); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// A damaged file is an error or is read, whatever the library does with it.
func TestDamaged(t *testing.T) {
	text, path := small(t), filepath.Join(t.TempDir(), "a.parquet")
	panicked := 0
	for i := len(text) - 200; i < len(text); i++ { // the library's panics are over the places of pages, which stand near the end
		damaged := bytes.Clone(text)
		damaged[i] ^= 1
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(readAll(path)...); err != nil && strings.Contains(err.Error(), "it is damaged: reading it panicked: ") {
			panicked++
		}
	}
	if panicked == 0 {
		t.Error("the library has panicked over none of them: guarded can go")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(small(f))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "a.parquet")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		readAll(path)
	})
}
