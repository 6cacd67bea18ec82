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

// allSet tells whether n bits from one on are set.
func allSet(bitmap []byte, from, n int) bool {
	for end := from + n; from < end; {
		if from%8 == 0 && end-from >= 8 {
			if bitmap[from/8] != 0xff {
				return false
			}
			from += 8
			continue
		}
		if bitmap[from/8]&(1<<(from%8)) == 0 {
			return false
		}
		from++
	}
	return true
}

// anyNaN tells whether one of some floats is NaN, two at a time and without a branch for each: what is more than infinity, its
// sign aside, gets the sign's bit when what infinity lacks of it is added.
func anyNaN(floats []byte) bool {
	const rest = sign - 1 - infinity
	var nan uint64
	for ; len(floats) >= 2*plainSize; floats = floats[2*plainSize:] {
		nan |= binary.LittleEndian.Uint64(floats)&^(sign<<32|sign) + (rest<<32 | rest)
	}
	if len(floats) == plainSize {
		nan |= uint64(binary.LittleEndian.Uint32(floats)&^sign + rest)
	}
	return nan&(sign<<32|sign) != 0
}
