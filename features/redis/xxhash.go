package redis

import (
	"encoding/binary"
	"math/bits"
)

// The primes of xxHash32 (Yann Collet).
const (
	prime1 uint32 = 2654435761
	prime2 uint32 = 2246822519
	prime3 uint32 = 3266489917
	prime4 uint32 = 668265263
	prime5 uint32 = 374761393
)

// xxHash32 is Yann Collet's hash of 32 bits with seed 0, by its specification.
func xxHash32(b string) uint32 {
	size := uint32(len(b))
	var h uint32
	if len(b) >= 16 {
		one, two := prime1, prime2
		v := [4]uint32{one + two, two, 0, -one}
		for ; len(b) >= 16; b = b[16:] {
			for i := range v {
				v[i] = bits.RotateLeft32(v[i]+word(b[4*i:])*prime2, 13) * prime1
			}
		}
		h = bits.RotateLeft32(v[0], 1) + bits.RotateLeft32(v[1], 7) + bits.RotateLeft32(v[2], 12) + bits.RotateLeft32(v[3], 18)
	} else {
		h = prime5
	}
	h += size
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+word(b)*prime3, 17) * prime4
	}
	for i := range len(b) {
		h = bits.RotateLeft32(h+uint32(b[i])*prime5, 11) * prime1
	}
	h = (h ^ h>>15) * prime2
	h = (h ^ h>>13) * prime3
	return h ^ h>>16
}

func word(b string) uint32 { return binary.LittleEndian.Uint32([]byte(b[:4])) }
