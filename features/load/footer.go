package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// A Parquet file says how much there is of everything in it, and the library makes room for that before it looks. A damaged file may
// say anything. So its footer is checked here before the library opens the file, and its pages in pages.go before it reads them.

const (
	mostFooter = 64 << 20
	// mostDepth bounds how deep the footer's structures, and its columns, are nested.
	mostDepth = 64
	// What the library keeps for each thing that a footer names, rounded up.
	columnBytes = 1 << 10
	chunkBytes  = 512
	textBytes   = 16
)

var (
	errFooter = errors.New("it is no whole Parquet file: it does not end as one")
	errDeep   = fmt.Errorf("its footer is nested deeper than %d levels", mostDepth)
	// structureBytes is what a structure in a list takes in memory: none is larger than that of a column.
	structureBytes = int64(reflect.TypeFor[format.ColumnChunk]().Size())
)

// checkFooter refuses a file whose footer claims more than it can hold, or more memory than the limit.
func checkFooter(f io.ReaderAt, size, limit int64) error {
	var end [8]byte
	if size < int64(len(end)) {
		return errFooter
	}
	if _, err := f.ReadAt(end[:], size-int64(len(end))); err != nil {
		return err
	}
	if string(end[4:]) != "PAR1" {
		return errFooter
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > size-int64(len(end)) || n > mostFooter {
		return fmt.Errorf("its footer claims %d bytes: the file has %d, and %d are the most that a footer may have", n, size, mostFooter)
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, size-int64(len(end))-n); err != nil {
		return err
	}
	var protocol thrift.CompactProtocol
	w := weighing{r: protocol.NewReaderFromBytes(text), limit: limit}
	if err := w.structure(0); err != nil {
		return fmt.Errorf("its footer is damaged: %w", err)
	}
	var about format.FileMetaData
	if err := thrift.NewDecoder(protocol.NewReaderFromBytes(text)).Decode(&about); err != nil {
		return fmt.Errorf("its footer is damaged: %w", err)
	}
	return checkShape(&about, limit)
}

// checkShape bounds what is kept for each column, and for each column of each row group.
func checkShape(about *format.FileMetaData, limit int64) error {
	var open []int32 // the columns that are missing at each level above
	for i := range about.Schema {
		if len(open) > mostDepth {
			return errDeep
		}
		if n := about.Schema[i].NumChildren; n.Valid && n.V > 0 {
			open = append(open, n.V)
			continue
		}
		for len(open) > 0 {
			last := &open[len(open)-1]
			if *last--; *last > 0 {
				break
			}
			open = open[:len(open)-1]
		}
	}
	columns, groups := int64(len(about.Schema)), int64(len(about.RowGroups))
	if groups > parquet.MaxRowGroups {
		return fmt.Errorf("its footer claims %d row groups, more than the %d that a file may have", groups, parquet.MaxRowGroups)
	}
	if need := columns * (columnBytes + groups*chunkBytes); need > limit {
		return tooMuch(fmt.Sprintf("its footer claims %d columns in %d row groups, which take", columns, groups), need, limit)
	}
	return nil
}

// tooMuch refuses a claim.
func tooMuch(claim string, bytes, limit int64) error {
	return fmt.Errorf("%s %d bytes of memory, more than %d: it is damaged, or --page-memory must be more", claim, bytes, limit)
}

// weighing walks over a footer, without decoding it, and adds up what its lists would take in memory. Whatever the library makes of a
// list, it takes no more.
type weighing struct {
	r            thrift.BytesReader
	bytes, limit int64
}

func (w *weighing) structure(depth int) error {
	if depth > mostDepth {
		return errDeep
	}
	for {
		f, err := w.r.ReadField()
		if err != nil || f.Type == thrift.STOP {
			return err
		}
		if f.Type == thrift.TRUE || f.Type == thrift.FALSE {
			continue // the type is the value
		}
		if err := w.value(f.Type, depth); err != nil {
			return err
		}
	}
}

func (w *weighing) value(t thrift.Type, depth int) (err error) {
	switch t {
	case thrift.TRUE, thrift.FALSE, thrift.I8:
		_, err = w.r.ReadInt8()
	case thrift.I16:
		_, err = w.r.ReadInt16()
	case thrift.I32:
		_, err = w.r.ReadInt32()
	case thrift.I64:
		_, err = w.r.ReadInt64()
	case thrift.DOUBLE:
		_, err = w.r.ReadFloat64()
	case thrift.BINARY:
		_, err = w.r.ReadBytes()
	case thrift.STRUCT:
		return w.structure(depth + 1)
	case thrift.LIST, thrift.SET:
		l, err := w.r.ReadList()
		if err != nil {
			return err
		}
		return w.list(l, depth+1)
	default: // a Parquet file has no maps
		return fmt.Errorf("it has a value of type %d", t)
	}
	return err
}

func (w *weighing) list(l thrift.List, depth int) error {
	if depth > mostDepth {
		return errDeep
	}
	each := int64(textBytes)
	if l.Type == thrift.STRUCT {
		each = structureBytes
	}
	if w.bytes += int64(l.Size) * each; w.bytes > w.limit {
		return tooMuch(fmt.Sprintf("a list claims %d elements, which with those before it take", l.Size), w.bytes, w.limit)
	}
	for range l.Size {
		if err := w.value(l.Type, depth); err != nil {
			return err
		}
	}
	return nil
}
