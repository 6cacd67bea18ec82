package load

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
)

// cutLevels takes the levels off a page of the first version.
func cutLevels(b []byte) (levels, rest []byte) {
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, nil // the library refuses it
	}
	end := 4 + binary.LittleEndian.Uint32(b)
	return b[4:end], b[end:]
}

// claimed is how many values levels claim, at least n.
func claimed(levels []byte, of format.Encoding, most int, n int64) int64 {
	if of != format.RLE {
		return n // its levels are as long as the bytes of them
	}
	return max(n, runs(levels, bits.Len(uint(most))))
}

// elementBytes is what a value takes in a page that is decoded, besides the bytes of texts.
func (c *columnPages) elementBytes() int64 {
	switch c.column.Type().Kind() {
	case parquet.Int64, parquet.Double:
		return 8
	case parquet.Int96:
		return 12
	case parquet.FixedLenByteArray:
		return max(int64(c.column.Type().Length()), 4)
	}
	return 4
}

// valuesBytes is what so many values take, or as many as the encoded ones claim to be if that is more. Above the limit it is no more
// than that.
func (c *columnPages) valuesBytes(data []byte, of format.Encoding, n, limit int64) int64 {
	const levels = 2
	need := int64(len(data))
	switch of {
	case format.PlainDictionary, format.RLEDictionary: //nolint:staticcheck // older writers name it so
		if len(data) > 0 {
			n = max(n, runs(data[1:], int(data[0])))
		}
		return need + n*(levels+4)
	case format.RLE:
		booleans, _ := cutLevels(data)
		n = max(n, runs(booleans, 1))
	case format.DeltaBinaryPacked:
		packed, _ := packedInts(data)
		n = max(n, packed)
	case format.DeltaLengthByteArray:
		packed, _ := packedInts(data)
		n = max(n, packed)
		need += 4 * n * 4 // lengths and offsets, with room to grow
	case format.DeltaByteArray:
		prefixes, rest := packedInts(data)
		suffixes, _ := packedInts(rest)
		n = max(n, prefixes, suffixes)
		if need += 5 * n * 4; need < limit { // each text is made whole of a part of the one before and a part of its own
			need += sumOf(data, prefixes) + sumOf(rest, suffixes)
		}
	}
	return need + n*(levels+c.elementBytes())
}

// runs is how many values are claimed by runs of equal ones and packed groups of eight.
func runs(b []byte, width int) (n int64) {
	for len(b) > 0 && n < math.MaxInt32 {
		head, size := binary.Uvarint(b)
		if size <= 0 || head>>1 > math.MaxInt32 {
			break // the library refuses it
		}
		b = b[size:]
		count, bytes := int64(head>>1), (width+7)/8
		if head&1 == 1 {
			count, bytes = 8*count, int(count)*width
		}
		if count > 0 {
			b = b[min(bytes, len(b)):]
		}
		n += count
	}
	return n
}

// packedInts is how many numbers are claimed by those that are packed as differences, and what comes behind them.
func packedInts(b []byte) (n int64, rest []byte) {
	var head [3]uint64 // the numbers of a block, its parts, all numbers
	for i := range head {
		v, size := binary.Uvarint(b)
		if size <= 0 || v > math.MaxInt32 {
			return 0, nil // the library refuses it
		}
		head[i], b = v, b[size:]
	}
	_, size := binary.Varint(b)
	if size <= 0 || head[1] == 0 || head[1] > head[0] {
		return 0, nil
	}
	b = b[size:]
	each, parts := int64(head[0]/head[1]), int(head[1])
	for left := int64(head[2]) - 1; left > 0 && len(b) > 0; {
		_, size := binary.Varint(b)
		if size <= 0 {
			break
		}
		b = b[size:]
		widths := b[:min(parts, len(b))]
		b = b[len(widths):]
		for _, width := range widths {
			b = b[min(int(each*int64(width)/8), len(b)):]
			if left -= each; left <= 0 {
				break
			}
		}
	}
	return int64(head[2]), b
}

// sumOf adds up so many packed numbers, which are lengths.
func sumOf(b []byte, n int64) (sum int64) {
	lengths, err := (&delta.BinaryPackedEncoding{}).DecodeInt32(make([]int32, 0, n), b)
	if err != nil {
		return 0 // the library refuses it
	}
	for _, length := range lengths {
		sum += int64(max(length, 0))
	}
	return sum
}
