package native

import (
	"encoding/binary"

	"sluice/features/store"
)

// plainSize is the bytes of a plain column.
const plainSize = 4

// joined puts plain columns that follow each other in the stored row and in the group's into one step. Most groups become one.
func joined(steps []step) []step {
	runs := steps[:0]
	for _, s := range steps {
		if n := len(runs); n > 0 && runs[n-1].follows(&s) {
			runs[n-1].run++
			continue
		}
		s.run = 1
		runs = append(runs, s)
	}
	return runs
}

// follows tells whether the columns of another step come next.
func (s *step) follows(next *step) bool {
	return s.plain && next.plain && next.from == s.from+s.run*plainSize && next.to == s.to+s.run*plainSize &&
		next.bit == s.bit+s.run && next.column == s.column+s.run
}

// The bits of a number of 32 bits: what is more than infinity, its sign aside, is NaN.
const sign, infinity = 1 << 31, 0x7f800000

// move moves the plain columns of a step. Where all are present, as they mostly are, that is one copy.
func (s *step) move(row, data []byte, states []store.State) {
	from := row[s.from : s.from+s.run*plainSize]
	states = states[s.column : s.column+s.run]
	if allSet(row[headerBytes:], s.bit, s.run) && !anyNaN(from) {
		copy(data[s.to:], from)
		for i := range states {
			states[i] = store.Present
		}
		return
	}
	for i := range states {
		v := binary.LittleEndian.Uint32(from[i*plainSize:])
		if bit := s.bit + i; row[headerBytes+bit/8]&(1<<(bit%8)) != 0 && v&^sign <= infinity {
			binary.LittleEndian.PutUint32(data[s.to+i*plainSize:], v)
			states[i] = store.Present
		}
	}
}

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

// anyNaN tells whether one of some floats is NaN. It has no branch for each.
func anyNaN(floats []byte) bool {
	var nan uint32
	for ; len(floats) >= plainSize; floats = floats[plainSize:] {
		nan |= infinity - binary.LittleEndian.Uint32(floats)&^sign // less than 0 for NaN
	}
	return nan&sign != 0
}
