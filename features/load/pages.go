package load

import (
	"fmt"
	"io"
	"math/bits"
	"reflect"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/bitpacked"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pages checks what the pages of a file claim: a few bytes can claim billions of values. Each page of a row group's columns is
// looked at before the library reads the row group, and decompressed, within what it claims; that reading twice costs less than the
// digest of the file does.
type pages struct {
	file        io.ReaderAt
	size, limit int64
	about       *format.FileMetaData

	head, body, plain, levels []byte
}

// mostHead bounds the header of a page, which may hold a smallest and a largest value.
const mostHead = 1 << 20

var valueBytes = int64(reflect.TypeFor[parquet.Value]().Size() + reflect.TypeFor[cell]().Size())

// group checks the pages of some columns of a row group: what is read of them at a time must fit into the limit.
func (p *pages) group(group int, columns []*parquet.Column) error {
	sum := int64(0)
	for _, c := range columns {
		need, err := p.column(group, c)
		if err == nil {
			if sum += need; sum > p.limit {
				err = tooMuch("its pages and those of the columns before it take", sum, p.limit)
			}
		}
		if err != nil {
			return fmt.Errorf("row group %d, column %q: %w", group, c.Path()[0], err)
		}
	}
	return nil
}

// columnPages is a column of a row group while its pages are checked.
type columnPages struct {
	column *parquet.Column
	codec  format.CompressionCodec
	end    int64
	// largest is what its largest page takes, dictionary what its dictionary does.
	largest, dictionary int64
	// row is the values of the row so far, longest those of the longest one.
	row, longest int64
}

// column checks the pages of a column, and returns the memory that they take while they are read.
func (p *pages) column(group int, column *parquet.Column) (int64, error) {
	about := &p.about.RowGroups[group].Columns[column.Index()].MetaData
	from, at := about.DataPageOffset, about.DataPageOffset
	if about.DictionaryPageOffset != 0 {
		from = about.DictionaryPageOffset
	}
	if length := about.TotalCompressedSize; from < 0 || from > at || length < 0 || from > p.size || length > p.size-from {
		return 0, fmt.Errorf("it claims %d bytes from byte %d on, and its values from %d on: the file has %d", length, from, at, p.size)
	}
	// The library takes the codec of the first row group for that of all.
	c := &columnPages{column: column, codec: p.about.RowGroups[0].Columns[column.Index()].MetaData.Codec, end: from + about.TotalCompressedSize}
	if from < at { // the library reads the dictionary there, and goes on behind what may lie between
		if _, err := p.page(c, from); err != nil {
			return 0, err
		}
	}
	for at < c.end {
		next, err := p.page(c, at)
		if err != nil {
			return 0, err
		}
		at = next
	}
	// Two pages are there while the second one is decoded.
	need := c.dictionary + 2*c.largest + c.longest*rowsAhead*valueBytes
	return need, nil
}

// page checks the page at a place of the file, and returns where the next one is.
func (p *pages) page(c *columnPages, at int64) (next int64, err error) {
	h, size, err := p.header(at, c.end)
	if err != nil {
		return 0, fmt.Errorf("the header of its page at byte %d cannot be read: %w", at, err)
	}
	next = at + size + int64(h.CompressedPageSize)
	need := int64(0)
	switch {
	case h.CompressedPageSize < 0 || next > c.end:
		err = fmt.Errorf("it claims %d bytes, of %d that its column has left", h.CompressedPageSize, c.end-at-size)
	case int64(h.CompressedPageSize)+int64(h.UncompressedPageSize) > p.limit || h.UncompressedPageSize < 0:
		err = tooMuch("decompressed, it claims", int64(h.UncompressedPageSize), p.limit)
	default:
		p.body = slices.Grow(p.body[:0], int(h.CompressedPageSize))[:h.CompressedPageSize]
		if _, err = p.file.ReadAt(p.body, at+size); err == nil {
			need, err = p.weigh(c, h)
		}
	}
	if err == nil && need > p.limit {
		err = tooMuch("its values take", need, p.limit)
	}
	if err != nil {
		return 0, fmt.Errorf("its page at byte %d: %w", at, err)
	}
	if h.Type == format.DictionaryPage {
		c.dictionary = max(c.dictionary, need)
	} else {
		c.largest = max(c.largest, need)
	}
	return next, nil
}

// header reads the header of a page, as the library does.
func (p *pages) header(at, end int64) (h *format.PageHeader, size int64, err error) {
	var protocol thrift.CompactProtocol
	for n := int64(4 << 10); ; n *= 16 {
		n = min(n, mostHead, end-at)
		p.head = slices.Grow(p.head[:0], int(n))[:n]
		if _, err := p.file.ReadAt(p.head, at); err != nil {
			return nil, 0, err
		}
		h = &format.PageHeader{}
		r := protocol.NewReaderFromBytes(p.head)
		if err = thrift.NewDecoder(r).Decode(h); err == nil {
			return h, int64(r.BytesRead()), nil
		}
		if n == mostHead || n == end-at {
			return nil, 0, err
		}
	}
}

// weigh is what the page in the buffer takes when it is decoded: itself, itself decompressed, twice because some decompressors make
// room for more, and its values with their levels.
func (p *pages) weigh(c *columnPages, h *format.PageHeader) (need int64, err error) {
	need = int64(h.CompressedPageSize)
	inflated := func(b []byte, compressed bool) ([]byte, error) {
		if !compressed || c.codec == format.Uncompressed {
			return b, nil
		}
		need += 2 * int64(h.UncompressedPageSize)
		p.plain = slices.Grow(p.plain[:0], int(h.UncompressedPageSize))
		return inflate(c.codec, p.plain[:0:h.UncompressedPageSize], b)
	}
	data := p.body
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		d := &h.DictionaryPageHeader.V
		if d.Encoding != format.Plain && d.Encoding != format.PlainDictionary { //nolint:staticcheck // older writers name it so
			return 0, fmt.Errorf("a dictionary is encoded as %s", d.Encoding)
		}
		_, err = inflated(data, true)
		return need + int64(len(data)) + int64(d.NumValues)*(4+c.elementBytes()), err
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		d := &h.DataPageHeader.V
		if data, err = inflated(data, true); err != nil {
			return 0, err
		}
		n := int64(d.NumValues)
		if c.column.MaxRepetitionLevel() > 0 {
			var levels []byte
			levels, data = cutLevels(data)
			if n, err = p.repetitions(c, levels, d.RepetitionLevelEncoding, n); err != nil {
				return 0, err
			}
		}
		if most := c.column.MaxDefinitionLevel(); most > 0 {
			var levels []byte
			levels, data = cutLevels(data)
			n = claimed(levels, d.DefinitionLevelEncoding, most, n)
		}
		return need + c.valuesBytes(data, d.Encoding, n, p.limit), nil
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		d := &h.DataPageHeaderV2.V
		rep, def := int(d.RepetitionLevelsByteLength), int(d.DefinitionLevelsByteLength)
		if rep < 0 || def < 0 || rep > len(data) || def > len(data)-rep {
			return 0, fmt.Errorf("its levels claim %d and %d bytes of %d", rep, def, len(data))
		}
		n := int64(d.NumValues)
		if c.column.MaxRepetitionLevel() > 0 {
			if n, err = p.repetitions(c, data[:rep], format.RLE, n); err != nil {
				return 0, err
			}
		}
		if most := c.column.MaxDefinitionLevel(); most > 0 {
			n = claimed(data[rep:rep+def], format.RLE, most, n)
		}
		if data, err = inflated(data[rep+def:], !d.IsCompressed.Valid || d.IsCompressed.V); err != nil {
			return 0, err
		}
		return need + c.valuesBytes(data, d.Encoding, n, p.limit), nil
	}
	return need, nil // the library refuses it
}

// repetitions goes on with the rows of a column of lists, and returns how many values their levels claim, at least n.
func (p *pages) repetitions(c *columnPages, levels []byte, of format.Encoding, n int64) (int64, error) {
	most := c.column.MaxRepetitionLevel()
	n = claimed(levels, of, most, n)
	if n > p.limit {
		return n, nil // it is refused
	}
	var e encoding.Encoding = &rle.Encoding{BitWidth: bits.Len(uint(most))}
	if of == format.BitPacked {
		e = &bitpacked.Encoding{BitWidth: bits.Len(uint(most))}
	}
	var err error
	if p.levels, err = e.DecodeLevels(p.levels[:0], levels); err != nil {
		return 0, err
	}
	for _, level := range p.levels {
		if level == 0 {
			c.row = 0
		}
		c.row++
		c.longest = max(c.longest, c.row)
	}
	return n, nil
}
