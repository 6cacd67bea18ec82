package native

import (
	"encoding/binary"

	"sluice/features/store"
)

const (
	format      = 1
	timeAt      = 5
	headerBytes = 13
	signBit     = 1 << 63
)

// TimeAt and TimeEnd are where the bytes of the event time stand in a row, for stores that compare them in place.
const (
	TimeAt  = timeAt
	TimeEnd = headerBytes
)

func bitmapBytes(columns int) int { return (columns + 7) / 8 }

// Append appends row number key of rows, which are of a group that Stored gave for the schema's. What is not Present is
// stored as absent.
func (s *Schema) Append(dst []byte, rows *store.Rows, key int) []byte {
	data, states := rows.Row(key), rows.States(key)
	if len(data) != s.rowBytes || len(states) != len(s.columns) {
		panic("BUG: rows of another group than the schema's")
	}
	dst = append(dst, format)
	dst = binary.LittleEndian.AppendUint32(dst, s.hash)
	dst = binary.BigEndian.AppendUint64(dst, uint64(rows.Time(key))^signBit)
	var bits byte
	for i, state := range states {
		if state == store.Present {
			bits |= 1 << (i % 8)
		}
		if i%8 == 7 || i == len(states)-1 {
			dst = append(dst, bits)
			bits = 0
		}
	}
	return append(dst, data...)
}

// Header reads what every row begins with; ok is false if it is no row.
func Header(row []byte) (schema uint32, ns int64, ok bool) {
	if len(row) <= headerBytes || row[0] != format {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint32(row[1:]), int64(binary.BigEndian.Uint64(row[timeAt:]) ^ signBit), true
}

// Fits tells whether a row is one of the schema: what a writer that reads back asks.
func (s *Schema) Fits(row []byte) bool {
	hash, _, ok := Header(row)
	return ok && hash == s.hash && len(row) == s.RowBytes()
}
