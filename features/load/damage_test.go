package load

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageBytes is the bound of tests: small, so that what is beyond it is seen.
const pageBytes = 16 << 20

// forgery is a Parquet file of one row, of whose column f the file says what it likes.
type forgery struct {
	kind       format.Type
	repetition format.FieldRepetitionType
	length     int32
	codec      format.CompressionCodec
	pages      []byte
	dictionary int // how many of the bytes are a dictionary
	change     func(*format.FileMetaData)
	footer     func(text []byte) []byte
}

// pageOf is a page with its header.
func pageOf(t testing.TB, h format.PageHeader, body []byte) []byte {
	t.Helper()
	if h.CompressedPageSize == 0 {
		h.CompressedPageSize = int32(len(body))
	}
	if h.UncompressedPageSize == 0 {
		h.UncompressedPageSize = int32(len(body))
	}
	return append(compact(t, &h), body...)
}

func compact(t testing.TB, v any) []byte {
	t.Helper()
	text, err := thrift.Marshal(&thrift.CompactProtocol{}, v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// dataPage is the header of a page of values.
func dataPage(values int32, of format.Encoding) format.PageHeader {
	return format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(format.DataPageHeader{
		NumValues: values, Encoding: of, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})}
}

func dictionaryPage(values int32) format.PageHeader {
	return format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: values, Encoding: format.Plain})}
}

// write writes the file.
func (f forgery) write(t testing.TB) string {
	t.Helper()
	text := []byte("PAR1")
	chunk := func(name string, kind format.Type, codec format.CompressionCodec, pages []byte, dictionary int) format.ColumnChunk {
		at := int64(len(text))
		text = append(text, pages...)
		about := format.ColumnMetaData{
			Type: kind, Encoding: []format.Encoding{format.Plain}, PathInSchema: []string{name}, Codec: codec, NumValues: 1,
			TotalUncompressedSize: int64(len(pages)), TotalCompressedSize: int64(len(pages)), DataPageOffset: at + int64(dictionary),
		}
		if dictionary > 0 {
			about.DictionaryPageOffset = at
		}
		return format.ColumnChunk{FileOffset: at, MetaData: about}
	}
	element := func(name string, kind format.Type, repetition format.FieldRepetitionType) format.SchemaElement {
		return format.SchemaElement{Name: name, Type: thrift.New(kind), RepetitionType: thrift.New(repetition)}
	}
	number := pageOf(t, dataPage(1, format.Plain), make([]byte, 8))
	about := format.FileMetaData{
		Version: 1, NumRows: 1,
		Schema: []format.SchemaElement{
			{Name: "schema", NumChildren: thrift.New(int32(3))},
			element("id", format.Int64, format.Required), element("f", f.kind, f.repetition),
			element("at", format.Int64, format.Required),
		},
		RowGroups: []format.RowGroup{{NumRows: 1, Columns: []format.ColumnChunk{
			chunk("id", format.Int64, format.Uncompressed, number, 0), chunk("f", f.kind, f.codec, f.pages, f.dictionary), chunk("at", format.Int64, format.Uncompressed, number, 0),
		}}},
	}
	if f.length > 0 {
		about.Schema[2].TypeLength = thrift.New(f.length)
	}
	if f.change != nil {
		f.change(&about)
	}
	footer := compact(t, &about)
	if f.footer != nil {
		footer = f.footer(footer)
	}
	text = append(text, footer...)
	text = binary.LittleEndian.AppendUint32(text, uint32(len(footer)))
	return write(t, "a.parquet", string(append(text, "PAR1"...)))
}

// made is the bytes that were allocated for reading a file, and what came of it.
func made(t *testing.T, path string) (bytes uint64, rows int, err error) {
	t.Helper()
	s := spec(t, simpleSpec)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	lines, err := all(t, s, path)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, len(lines), err
}

// A file that claims more than it has, or more than the bound, is refused before room is made for it.
func TestDamagedParquet(t *testing.T) {
	const most = 3 * pageBytes
	f := func(what string, file forgery, want string) {
		t.Helper()
		bytes, _, err := made(t, file.write(t))
		if err == nil || !strings.Contains(err.Error(), want) || bytes > most {
			t.Errorf("%s: %d bytes were allocated, and %v; want %q", what, bytes, err, want)
		}
	}
	uvarints := func(values ...uint64) (b []byte) {
		for _, v := range values {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	levels := func(b []byte, rest ...byte) []byte {
		return append(append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...), rest...)
	}
	const huge = math.MaxInt32
	four := make([]byte, 4)
	zeros := make([]byte, 2*pageBytes)

	good := forgery{kind: format.Float, pages: pageOf(t, dataPage(1, format.Plain), four)}
	if bytes, n, err := made(t, good.write(t)); n != 1 || err != nil || bytes > most {
		t.Fatalf("%d rows, %d bytes, %v", n, bytes, err)
	}

	// The sizes of a page.
	h := dataPage(1, format.Plain)
	h.UncompressedPageSize = huge
	f("decompressed", forgery{kind: format.Float, codec: format.Snappy, pages: pageOf(t, h, four)}, "claims 2147483647 bytes of memory, more than 16777216: it is damaged, or --page-memory must be more")
	h = dataPage(1, format.Plain)
	h.CompressedPageSize = huge
	f("compressed", forgery{kind: format.Float, pages: pageOf(t, h, four)}, "claims 2147483647 bytes, of 4 that its column has left")
	f("a header without an end", forgery{kind: format.Float, pages: []byte{0x15, 0, 0x15, 8, 0x15, 8, 0x5c, 0x18, 0xff, 0xff, 0xff, 0xff, 7}}, `column "f": the header of its page at byte`)

	// What is longer than it claims.
	h = dataPage(1, format.Plain)
	h.UncompressedPageSize = 4
	bomb := func(codec format.CompressionCodec, body []byte, want string) {
		t.Helper()
		f(codec.String(), forgery{kind: format.Float, codec: codec, pages: pageOf(t, h, body)}, want)
	}
	bomb(format.Snappy, uvarints(1<<32-1), "longer than it claims")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(zeros)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bomb(format.Gzip, packed.Bytes(), "longer than it claims")
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb(format.Zstd, z.EncodeAll(zeros, nil), "exceeds configured limit")
	_ = z.Close()
	bomb(format.Lz4Raw, four, "it is compressed by LZ4_RAW: ")
	bomb(format.LZO, four, "it is compressed by LZO: ")

	// The numbers of values.
	f("values", forgery{kind: format.Float, repetition: format.Optional, pages: pageOf(t, dataPage(huge, format.Plain), levels(uvarints(huge<<1, 0)))}, "its values take")
	f("values of a dictionary", forgery{kind: format.Float, pages: pageOf(t, dictionaryPage(huge), four)}, "its values take")
	f("levels", forgery{kind: format.Float, repetition: format.Optional, pages: pageOf(t, dataPage(1, format.Plain), levels(uvarints(huge<<1, 0)))}, "its values take")
	index := pageOf(t, dictionaryPage(1), four)
	f("indexes", forgery{kind: format.Float, pages: append(index, pageOf(t, dataPage(1, format.RLEDictionary), append([]byte{1}, uvarints(huge<<1, 0)...))...)}, "its values take")
	f("packed indexes", forgery{kind: format.Float, pages: append(index, pageOf(t, dataPage(1, format.RLEDictionary), append([]byte{0}, uvarints(huge/4<<1|1)...))...)}, "its values take")
	dictionary := pageOf(t, dictionaryPage(huge), nil)
	f("a dictionary before the pages", forgery{kind: format.Float, dictionary: len(dictionary), pages: append(dictionary, pageOf(t, dataPage(1, format.RLEDictionary), []byte{1, 2, 0})...)}, "its values take")
	f("differences", forgery{kind: format.Int64, pages: pageOf(t, dataPage(1, format.DeltaBinaryPacked), uvarints(128, 4, huge, 0))}, "its values take")
	f("lengths", forgery{kind: format.ByteArray, pages: pageOf(t, dataPage(1, format.DeltaLengthByteArray), uvarints(128, 4, huge, 0))}, "its values take")
	f("a fixed length", forgery{kind: format.FixedLenByteArray, length: huge, pages: pageOf(t, dataPage(1, format.Plain), four)}, "its values take")

	// Half a million texts, of which each is half a million bytes of the one before and none of its own.
	const long, texts = 500_000, 500_000
	lengths := func(each uint64) []byte {
		return append(uvarints(128, 4, texts, 2*each), bytes.Repeat([]byte{0, 0, 0, 0, 0}, texts/128+1)...)
	}
	f("texts", forgery{kind: format.ByteArray, pages: pageOf(t, dataPage(texts, format.DeltaByteArray), append(lengths(long), lengths(0)...))}, "its values take")

	// One row with all values of a page.
	const list = 1 << 18
	f("a list", forgery{kind: format.Float, repetition: format.Repeated, pages: pageOf(t, dataPage(list, format.Plain),
		append(levels(slices.Concat(uvarints(1<<1, 0), uvarints((list-1)<<1, 1))), levels(uvarints(list<<1, 1), zeros[:4*list]...)...))}, "its pages and those of the columns before it take")

	// The footer.
	f("a column beyond the file", forgery{kind: format.Float, pages: good.pages, change: func(m *format.FileMetaData) {
		m.RowGroups[0].Columns[1].MetaData.TotalCompressedSize = 1 << 40
	}}, "it claims 1099511627776 bytes from byte")
	f("many row groups", forgery{kind: format.Float, pages: good.pages, change: func(m *format.FileMetaData) {
		m.RowGroups = slices.Repeat(m.RowGroups, 10_000)
	}}, "elements, which with those before it take")
	f("many columns", forgery{kind: format.Float, pages: good.pages, change: func(m *format.FileMetaData) {
		m.Schema = append(m.Schema[:1], slices.Repeat(m.Schema[1:2], 20_000)...)
	}}, "claims 20001")
	f("deep columns", forgery{kind: format.Float, pages: good.pages, change: func(m *format.FileMetaData) {
		m.Schema = slices.Repeat([]format.SchemaElement{{Name: "x", NumChildren: thrift.New(int32(1))}}, 1000)
	}}, "nested deeper than 64 levels")
	f("a list without elements", forgery{kind: format.Float, pages: good.pages, footer: func([]byte) []byte {
		return append([]byte{0x29, 0xfc}, uvarints(huge)...)
	}}, "a list claims 2147483647 elements")
	f("lists in lists", forgery{kind: format.Float, pages: good.pages, footer: func([]byte) []byte {
		return append([]byte{0xa9}, bytes.Repeat([]byte{0x19}, 1<<20)...)
	}}, "nested deeper than 64 levels")
	path := good.write(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(text[len(text)-8:], math.MaxUint32)
	if bytes, _, err := made(t, write(t, "a.parquet", string(text))); err == nil || !strings.Contains(err.Error(), "its footer claims 4294967295 bytes") || bytes > most {
		t.Errorf("%d bytes were allocated, and %v", bytes, err)
	}
}

// A line of a CSV file that has no end is refused, and so is a text in quotation marks that has none.
func TestEndlessCSV(t *testing.T) {
	f := func(begin string) {
		t.Helper()
		path := write(t, "a.csv", begin)
		if err := os.Truncate(path, 4<<30); err != nil { // of zeros that are nowhere
			t.Fatal(err)
		}
		bytes, n, err := made(t, path)
		if err == nil || !strings.Contains(err.Error(), "a line is longer than 16777216 bytes: is a quotation mark missing?") || bytes > 16*maxRecord || n > 1 {
			t.Errorf("%q: %d rows, %d bytes were allocated, and %v", begin, n, bytes, err)
		}
	}
	f("id,at,")
	f("id,at,f\n1,2,3\n1,2,")
	f("id,at,f\n1,2,3\n1,2,\"3\n")
}

// Columns that nobody wants are not read: they may hold anything.
func TestOtherColumnsAreNotRead(t *testing.T) {
	s := spec(t, "view: v\nkeys: [{name: id, type: INT64}]\ncolumns: [{name: at, type: FP32}]")
	lines, err := all(t, s, forgery{kind: format.Float, pages: []byte("nothing")}.write(t))
	if err != nil || len(lines) != 1 {
		t.Errorf("%v, %v", lines, err)
	}
}

// encodedRow has a column of each encoding.
type encodedRow struct {
	ID    int64     `parquet:"id,delta"`
	Name  string    `parquet:"name,delta"`
	Place []byte    `parquet:"place,dict"`
	F     *float32  `parquet:"f,optional,split"`
	Flag  bool      `parquet:"flag"`
	List  []float32 `parquet:"list,list"`
	At    int64     `parquet:"at"`
}

// However its pages are compressed and encoded, a file is read within the bound.
func TestEveryEncoding(t *testing.T) {
	s := spec(t, `
view: v
keys: [{name: id, type: INT64}, {name: name, type: BYTES}, {name: place, type: BYTES}]
columns: [{name: f, type: FP32}, {name: flag, type: BOOL}, {name: list, type: FP32, width: 3}]
time: {from: at, unit: ns}
`)
	const n = 3000
	rows := make([]encodedRow, n)
	text := []byte("id,name,place,f,flag,list,at\n")
	for i := range rows {
		v := float32(i) / 4
		rows[i] = encodedRow{int64(i * i), fmt.Sprint("name ", i), []byte{byte('a' + i%3)}, &v, i%5 == 0, []float32{v, -v, 1}, int64(i)}
		text = fmt.Appendf(text, "%d,name %d,%c,%g,%v,\"[%g,%g,1]\",%d\n", i*i, i, 'a'+i%3, v, i%5 == 0, v, -v, i)
	}
	rows[7].F = nil
	text = bytes.Replace(text, []byte("name 7,b,1.75,"), []byte("name 7,b,,"), 1)
	want, err := all(t, s, write(t, "a.csv", string(text)))
	if err != nil || len(want) != n {
		t.Fatal(len(want), err)
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli} {
		for version := 1; version <= 2; version++ {
			var b bytes.Buffer
			w := parquet.NewGenericWriter[encodedRow](&b, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(4<<10), parquet.MaxRowsPerRowGroup(n/2))
			_, err := w.Write(rows)
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			if got, err := all(t, s, write(t, "a.parquet", b.String())); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, version %d: %d rows, or others, and %v", codec, version, len(got), err)
			}
		}
	}
}
