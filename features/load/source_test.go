package load

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/features/native"
	"sluice/features/store"
)

const wideSpec = `
store: hot
view: wide
keys:
  - {name: user, type: BYTES, from: who}
  - {name: zone, type: INT32}
columns:
  - {name: f32, type: FP32}
  - {name: f64, type: FP64, from: other}
  - {name: i8, type: INT8}
  - {name: yes, type: BOOL}
  - {name: list, type: FP16, width: 2}
  - {name: ints, type: INT64, width: 3}
time: {from: at, unit: ms}
`

// show is a record of a spec as text: keys, time, columns, where a column that is not present is "-".
func show(t testing.TB, s *Spec, r store.Record) string {
	t.Helper()
	d, err := native.NewDecoder(s.group)
	if err != nil {
		t.Fatal(err)
	}
	var rows store.Rows
	rows.Reset(s.group, 1)
	if err := d.Decode(&rows, 0, r.Value); err != nil {
		t.Fatal(err)
	}
	words := []string{hex.EncodeToString(r.Key), fmt.Sprint(rows.Time(0))}
	data := rows.Row(0)
	for i, state := range rows.States(0) {
		c := &s.group.Columns[i]
		word := hex.EncodeToString(data[:c.Size()])
		data = data[c.Size():]
		if state != store.Present {
			word = "-"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// all reads a file to its end.
func all(t testing.TB, s *Spec, path string) (lines []string, err error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := newReader(f, s, pageBytes)
	for err == nil {
		var record store.Record
		if record, err = r.next(t.Context()); err == nil {
			lines = append(lines, show(t, s, record))
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return lines, err
}

const (
	key1 = "020000006162" + "07000000" // "ab", 7
	key2 = "00000000" + "ffffffff"     // "", -1
)

func TestReadsCSV(t *testing.T) {
	s := spec(t, wideSpec)
	f := func(text string, want ...string) {
		t.Helper()
		got, err := all(t, s, write(t, "a.csv", "\ufeffat,who,zone,f32,other,i8,yes,list,ints,unused\n"+text))
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\n got %v, %v\nwant %v", text, got, err, want)
		}
	}
	f("1000,ab,7,0.5,2,-1,true,\"[1, -2]\",\"[1,2,3]\",x\n",
		key1+" 1000000000 0000003f 0000000000000040 ff 01 003c00c0 010000000000000002000000000000000300000000000000")
	f("1000,ab,7,,,,,,,\n", key1+" 1000000000 - - - - - -")
	f(",ab,7, 0.5 ,nan,3.0,0,[],\"[]\",\n1e3,ab,7,0,0,0,1,\"[nan,inf]\",,\n", key1+" 0 0000003f - 03 00 - -",
		key1+" 1000000000 00000000 0000000000000000 00 01 007e007c -")
	f("1970-01-01T00:00:01.5Z,ab,7,,,,,,,\n1970-01-01 00:00:02+00:00,ab,7,,,,,,,\n1970-01-02,ab,7,,,,,,,\n",
		key1+" 1500000000 - - - - - -", key1+" 2000000000 - - - - - -", key1+" 86400000000000 - - - - - -")
	refused := func(line, want string) {
		t.Helper()
		_, err := all(t, s, write(t, "a.csv", "at,who,zone,f32,other,i8,yes,list,ints\n"+line+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	refused("1,ab,7,,,300,,,", `column "i8": 300 does not fit INT8 of width 1`)
	refused("1,ab,7,,,1.5,,,", `column "i8": 1.5 does not fit INT8`)
	refused("1,ab,7,,,,2,,", `column "yes": 2 does not fit BOOL`)
	refused("1,ab,7,,,,,[1],", `column "list": a list of 1 does not fit FP16 of width 2`)
	refused(`1,ab,7,,,,,"[1,2,3]",`, `is no list of 2`)
	refused(`1,ab,7,,,,,"[1,2",`, `is no list of 2`)
	refused(`1,ab,7,,,,,"[1,x]",`, `column "list": a list of 2 does not fit`)
	refused(`1,ab,7,,,,,1,`, `column "list": 1 does not fit FP16 of width 2`)
	refused("1,ab,3000000000,,,,,,", `column "zone": "3000000000" is no INT32`)
	refused("1,"+strings.Repeat("k", 2000)+",7,,,,,,", "longer than 1024")
	refused("1e300,ab,7,,,,,,", "it is no time")
	refused("9223372036854775807,ab,7,,,,,,", "it is no time")
	refused("1500-01-01,ab,7,,,,,,", "before 1678")
}

// parquetRow is the wide spec's file, as pandas and others write it.
type parquetRow struct {
	Who    string     `parquet:"who"`
	Zone   int64      `parquet:"zone"`
	F32    *float32   `parquet:"f32,optional"`
	Other  *float64   `parquet:"other,optional"`
	I8     *uint32    `parquet:"i8,optional"`
	Yes    *bool      `parquet:"yes,optional"`
	List   []float32  `parquet:"list,list,optional"`
	Ints   []int64    `parquet:"ints"`
	At     *time.Time `parquet:"at,timestamp(microsecond),optional"`
	Unused struct{ A, B int32 }
}

func parquetFile(t testing.TB, rows ...parquetRow) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.MaxRowsPerRowGroup(2))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "a.parquet", b.String())
}

func TestReadsParquet(t *testing.T) {
	s := spec(t, wideSpec)
	f32, f64, i8, yes, at := float32(.5), 2.0, uint32(127), true, time.Unix(1, 5e8).UTC()
	nan := math.NaN()
	full := parquetRow{Who: "ab", Zone: 7, F32: &f32, Other: &f64, I8: &i8, Yes: &yes, List: []float32{1, -2}, Ints: []int64{1, 2, 3}, At: &at}
	got, err := all(t, s, parquetFile(t, full, parquetRow{Zone: -1}, parquetRow{Zone: -1, Other: &nan}, full))
	want := []string{
		key1 + " 1500000000 0000003f 0000000000000040 7f 01 003c00c0 010000000000000002000000000000000300000000000000",
		key2 + " 0 - - - - - -", key2 + " 0 - - - - - -",
	}
	want = append(want, want[0])
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %v, %v\nwant %v", got, err, want)
	}
	refused := func(r parquetRow, want string) {
		t.Helper()
		if _, err := all(t, s, parquetFile(t, full, r)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	big := uint32(math.MaxUint32)
	refused(parquetRow{I8: &big}, `row 2, column "i8": 4294967295 does not fit INT8`)
	refused(parquetRow{Zone: 1 << 40}, `column "zone": 1099511627776 is no INT32`)
	refused(parquetRow{List: []float32{1}}, `column "list": 1 does not fit FP16 of width 2`)
	refused(parquetRow{Ints: []int64{1, 2}}, `column "ints": a list of 2 does not fit`)
	nested := spec(t, "view: v\nkeys: [{name: zone, type: INT64}]\ncolumns: [{name: Unused, type: FP32}]")
	if _, err := all(t, nested, parquetFile(t, full)); err == nil || !strings.Contains(err.Error(), "neither a value nor a list") {
		t.Errorf("got %v", err)
	}
}

func TestSpecs(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := ParseSpec([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("", `view ""`)
	f("view: [", "[1:7]")
	f("view: v\nkeys: []", "at least one key")
	f("view: v\nviews: 1", "unknown field")
	f("view: v\nkeys: [{name: a, type: FP32}]", `key "a" of type "FP32"`)
	f("view: v\nkeys: [{name: a, type: INT64}]\ncolumns: [{name: f, type: FP33}]", `column "f"`)
	f("view: v\nkeys: [{name: a, type: INT64}]\ncolumns: [{name: f, type: FP32, width: -1}]", `column "f"`)
	f("view: v\nkeys: [{name: a, type: INT64}]\ncolumns: [{name: f, type: FP32}]\ntime: {from: t, unit: h}", `"h"`)
	f("view: v/w\nkeys: [{name: a, type: INT64}]\ncolumns: [{name: f, type: FP32}]", "view")
	path := write(t, "spec.yaml", wideSpec)
	s, err := ReadSpec(path)
	if err != nil || s.Store != "hot" || strings.Join(s.Fields(), " ") != "who zone f32 other i8 yes list ints at" {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := ReadSpec(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A source is the same as long as the file's bytes and what the spec makes of them are.
func TestIdentifies(t *testing.T) {
	id := func(text, rows string) string {
		t.Helper()
		f, err := os.Open(write(t, "a.csv", rows))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		name, err := identify(t.Context(), f, spec(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	same := id(simpleSpec, "id,at,f\n1,2,3\n")
	if again := id("store: other\n"+simpleSpec, "id,at,f\n1,2,3\n"); again != same {
		t.Errorf("%s and %s are of one source", same, again)
	}
	for _, other := range []string{
		id(simpleSpec, "id,at,f\n1,2,4\n"), id(strings.Replace(simpleSpec, "FP32", "FP64", 1), "id,at,f\n1,2,3\n"),
		id(strings.Replace(simpleSpec, "unit: ns", "unit: s", 1), "id,at,f\n1,2,3\n"),
		id(strings.Replace(simpleSpec, "name: f,", "name: f, from: g,", 1), "id,at,f\n1,2,3\n"),
		id(strings.Replace(simpleSpec, "name: id, type: INT64", "name: id, from: id, type: INT32", 1), "id,at,f\n1,2,3\n"),
	} {
		if other == same {
			t.Errorf("%s is that of another source", other)
		}
	}
}
