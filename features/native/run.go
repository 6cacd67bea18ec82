package native

import (
	"encoding/binary"

	"sluice/features/store"
)

// plainSize is the bytes of a column in a run.
const plainSize = 4

// The bits of a number of 32 bits: what is more than infinity, its sign aside, is NaN.
const sign, infinity = 1 << 31, 0x7f800000

// allPresent is the states of columns that are present, to be copied.
var allPresent = func() (states [64]store.State) {
	for i := range states {
		states[i] = store.Present
	}
	return states
}()

// bits are those of a run in the bitmap, from its first byte on: the byte is at from, and mask has the bits set.
type bits struct {
	from int
	mask []byte
}

func bitsOf(first, n int) bits {
	b := bits{from: first / 8, mask: make([]byte, (first%8+n+7)/8)}
	for i := range n {
		at := first%8 + i
		b.mask[at/8] |= 1 << (at % 8)
	}
	return b
}

// allSet tells whether all of them are set in a bitmap, eight bytes at a time.
func (b *bits) allSet(bitmap []byte) bool {
	mask := b.mask
	bitmap = bitmap[b.from : b.from+len(mask)]
	for len(mask) >= 8 && len(bitmap) >= 8 {
		if m := binary.LittleEndian.Uint64(mask); binary.LittleEndian.Uint64(bitmap)&m != m {
			return false
		}
		mask, bitmap = mask[8:], bitmap[8:]
	}
	for i, m := range mask {
		if bitmap[i]&m != m {
			return false
		}
	}
	return true
}

// anyNaN tells whether one of some floats is NaN, two at a time and without a branch for each: what is more than infinity, its
// sign aside, gets the sign's bit when what infinity lacks of it is added.
func anyNaN(floats []byte) bool {
	const (
		signs = sign<<32 | sign
		rest  = (sign-1-infinity)<<32 | sign - 1 - infinity
	)
	var a, b, c, d uint64
	for len(floats) >= 32 { // four sums, none of which waits for another
		a |= binary.LittleEndian.Uint64(floats)&^signs + rest
		b |= binary.LittleEndian.Uint64(floats[8:])&^signs + rest
		c |= binary.LittleEndian.Uint64(floats[16:])&^signs + rest
		d |= binary.LittleEndian.Uint64(floats[24:])&^signs + rest
		floats = floats[32:]
	}
	for ; len(floats) >= plainSize; floats = floats[plainSize:] {
		a |= uint64(binary.LittleEndian.Uint32(floats)&^sign + (sign - 1 - infinity))
	}
	return (a|b|c|d)&signs != 0
}
