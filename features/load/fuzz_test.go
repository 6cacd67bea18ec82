package load

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go/format"

	"sluice/features/store"
)

func FuzzCSV(f *testing.F) {
	s := spec(f, wideSpec)
	f.Add([]byte("at,who,zone,f32,other,i8,yes,list,ints\n1000,ab,7,0.5,2,-1,true,\"[1, -2]\",\"[1,2,3]\"\n"))
	f.Add([]byte("at,who,zone,f32,other,i8,yes,list,ints\n2020-01-01,,1,,,,,[,]\n"))
	f.Fuzz(func(t *testing.T, file []byte) { fuzz(t, s, "a.csv", file) })
}

// A file that is damaged is refused, or its rows are of the schema; and its pages take no more memory than they may.
func FuzzParquet(f *testing.F) {
	s := spec(f, wideSpec)
	v, i8, yes, at := float32(.5), uint32(1), true, time.Unix(1, 0)
	for _, path := range []string{
		parquetFile(f, parquetRow{Who: "ab", F32: &v, I8: &i8, Yes: &yes, List: []float32{1, -2}, Ints: []int64{1, 2, 3}, At: &at}, parquetRow{}),
		forgery{kind: format.Float, pages: pageOf(f, dataPage(1, format.Plain), make([]byte, 4))}.write(f),
	} {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) { fuzz(t, s, "a.parquet", file) })
}

// Values come out of a file as they were written into it, or the row is refused.
func FuzzParquetValues(f *testing.F) {
	s := spec(f, wideSpec)
	f.Add("ab", int64(7), float32(.5), uint32(1), int64(1), int64(-1), uint8(3), int64(1e9))
	f.Add("", int64(-1<<31), float32(math.Inf(1)), uint32(127), int64(math.MinInt64), int64(0), uint8(0), int64(-1))
	f.Add("\x00", int64(1<<40), float32(0), uint32(128), int64(0), int64(0), uint8(200), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, who string, zone int64, number float32, i8 uint32, a, b int64, n uint8, at int64) {
		row := parquetRow{Who: who, Zone: zone, F32: &number, I8: &i8, Ints: []int64{a, b, a, b}[:n%5]}
		when := time.UnixMicro(at)
		row.At = &when
		got, err := all(t, s, parquetFile(t, row))
		fits := len(who) <= store.MaxText && int64(int32(zone)) == zone && i8 <= math.MaxInt8 && (n%5 == 3 || n%5 == 0) &&
			at <= math.MaxInt64/1000 && at >= math.MinInt64/1000
		if (err == nil) != fits {
			t.Fatalf("%+v: %v", row, err)
		}
		if !fits {
			return
		}
		var rows store.Rows
		rows.Reset(s.group, 1)
		rows.SetFloat(0, 0, float64(number))
		rows.SetInt(0, 2, int64(i8))
		l := rows.SetList(0, 5)
		for _, v := range row.Ints {
			l.Int(v)
		}
		l.End()
		rows.SetTime(0, at*1000)
		key := store.AppendInt(store.AppendText(nil, who), store.Int32, zone)
		if want := show(t, s, store.Record{Key: key, Value: s.schema.Append(nil, &rows, 0)}); len(got) != 1 || got[0] != want {
			t.Errorf("%+v is read as %q, want %q", row, got, want)
		}
	})
}

// fuzz wants each row that is read to be one of the schema.
func fuzz(t *testing.T, s *Spec, name string, file []byte) {
	f, err := os.Open(write(t, name, string(file)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := newReader(f, s, pageBytes)
	for err == nil {
		var record store.Record
		if record, err = r.next(t.Context()); err == nil && !s.schema.Fits(record.Value) {
			t.Errorf("%x is no row of the schema", record.Value)
		}
	}
}

func FuzzSpec(f *testing.F) {
	f.Add([]byte(wideSpec))
	f.Add([]byte(simpleSpec))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseSpec(text); err == nil && (len(s.Fields()) < 2 || s.schema == nil) {
			t.Errorf("%q is a spec of %d columns", text, len(s.Fields()))
		}
	})
}
