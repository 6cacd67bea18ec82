package jsonscan

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// FloatRun reads plain decimals that are followed by a comma, as most of the numbers
// of a request are, from i on into dst as float32. It stops in front of the first
// number that is anything else (the last of a list, one with an exponent or with white
// space around it, one that needs the long way to be rounded, one that is wrong), which
// the caller then reads with all the checks. It returns where it stopped and how many it read.
//
// Up to 8 digits are read in one step without a branch on their count: numbers of
// varying length would cost a mispredicted branch each. With it 256 numbers of 6
// to 9 digits take two thirds of the time of a loop over their digits.
func FloatRun(data []byte, i int, dst []byte) (end, n int) {
	for ; len(dst) >= 4; dst = dst[4:] {
		j := i
		// Enough for a sign, 19 digits and the bytes that a step reads ahead.
		if len(data)-j < 40 {
			break
		}
		if data[j] == ' ' {
			j++
		}
		sign := uint32(0)
		if data[j] == '-' {
			sign = 1 << 31
			j++
		}
		first := j
		mantissa := uint64(data[j] - '0')
		if mantissa > 9 {
			break
		}
		if j++; mantissa != 0 {
			for d := data[j] - '0'; d <= 9 && j-first < 10; d = data[j] - '0' {
				mantissa = mantissa*10 + uint64(d)
				j++
			}
		}
		fraction := 0
		if data[j] == '.' {
			j++
			v, k := digits8(binary.LittleEndian.Uint64(data[j:]))
			if k == 0 {
				break
			}
			mantissa = mantissa*scale[k] + v
			j, fraction = j+k, k
			if k == 8 && data[j]-'0' <= 9 {
				v, k = digits8(binary.LittleEndian.Uint64(data[j:]))
				mantissa = mantissa*scale[k] + v
				j, fraction = j+k, 8+k
				// A float32 that was widened to float64 has 15 to 17 digits.
				for d := data[j] - '0'; d <= 9 && fraction < 19; d = data[j] - '0' {
					mantissa = mantissa*10 + uint64(d)
					j, fraction = j+1, fraction+1
				}
			}
		}
		if data[j] != ',' || j-first > 20 {
			break
		}
		bits, ok := round32(float64(mantissa) / pow10[fraction])
		if !ok && mantissa != 0 {
			break
		}
		binary.LittleEndian.PutUint32(dst, bits|sign)
		i = j + 1
		n++
	}
	return i, n
}

// IntegerRun is FloatRun for integers of a size in bytes: it reads what has at most 8
// digits and lies between low and high.
func IntegerRun(data []byte, i int, dst []byte, size int, low, high int64) (end, n int) {
	for ; len(dst) >= size; dst = dst[size:] {
		j := i
		if len(data)-j < 20 {
			break
		}
		if data[j] == ' ' {
			j++
		}
		minus := data[j] == '-'
		if minus {
			j++
		}
		digits, k := digits8(binary.LittleEndian.Uint64(data[j:]))
		if k == 0 || k > 1 && data[j] == '0' || data[j+k] != ',' {
			break
		}
		v := int64(digits)
		if minus {
			v = -v
		}
		if v < low || v > high {
			break
		}
		PutUint(dst, uint64(v), size)
		i = j + k + 1
		n++
	}
	return i, n
}

// PutUint stores an integer as IntegerRun does.
func PutUint(dst []byte, v uint64, size int) {
	switch size {
	case 1:
		dst[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(dst, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(dst, uint32(v))
	default:
		binary.LittleEndian.PutUint64(dst, v)
	}
}

// round32 rounds a float64 that is at most 4 units off the true value; ok is false
// where that is too far off to tell which float32 is nearest.
func round32(d float64) (b uint32, ok bool) {
	const (
		tail     = 1<<29 - 1 // bits of a float64 that a float32 lacks
		midpoint = 1 << 28
		margin   = 4
		tiny     = 0x1p-125
	)
	off := math.Float64bits(d)&tail - (midpoint - margin)
	return math.Float32bits(float32(d)), off > 2*margin && d >= tiny && d <= math.MaxFloat32
}

// digits8 reads the digits that 8 bytes of text begin with, in memory order.
func digits8(text uint64) (v uint64, n int) {
	const ones = 0x0101010101010101
	digits := text ^ '0'*ones
	other := ((digits & (0x7f * ones)) + 0x76*ones | digits) & (0x80 * ones)
	n = bits.TrailingZeros64(other) >> 3
	digits <<= uint(64 - 8*n) // zeros in front; all of them if there are no digits
	digits = digits*10 + digits>>8
	const pairs = 0x000000ff000000ff
	v = (digits&pairs)*(100+1000000<<32) + (digits>>16&pairs)*(1+10000<<32)
	return v >> 32, n
}

var scale = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}
