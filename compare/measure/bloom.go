package measure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
)

// Limits of a filter, in bytes.
const (
	MinBloomBytes = 1 << 10
	MaxBloomBytes = 64 << 20
)

// bloomHashes is the bits that a unit sets: the best number for ten bits a unit.
const bloomHashes = 7

// Bloom remembers which units were seen, so that only the first sampled request of a unit counts. Its size is fixed. It
// never takes a unit that was seen for a new one. It takes a new one for one that was seen with the chance of
// FalsePositives: that unit is not counted at all. All units have the same chance, so what is counted stays a fair sample of
// them. After n units in m bits the chance is (1 - exp(-7n/m))^7: 0.8 % at ten bits a unit, 14 % at five.
type Bloom struct {
	words []uint64
	ones  int
}

// NewBloom makes a filter of so many bytes, a multiple of 8.
func NewBloom(size int) (*Bloom, error) {
	if size < MinBloomBytes || size > MaxBloomBytes || size%8 != 0 {
		return nil, fmt.Errorf("cannot make a filter of units of %d bytes: it has %d to %d bytes, a multiple of 8", size, MinBloomBytes, MaxBloomBytes)
	}
	return &Bloom{words: make([]uint64, size/8)}, nil
}

// Add adds the hash of a unit (unit.Hash, with a salt of its own), and tells whether it is new.
func (b *Bloom) Add(hash uint64) (isNew bool) {
	// The places are those of double hashing with an odd step (Kirsch and Mitzenmacher 2006), each spread over the bits by the
	// upper half of a product.
	step := bits.RotateLeft64(hash, 32)*0x9e3779b97f4a7c15 | 1
	for range bloomHashes {
		place, _ := bits.Mul64(hash, uint64(len(b.words))*64)
		word, bit := &b.words[place/64], uint64(1)<<(place%64)
		if *word&bit == 0 {
			*word |= bit
			b.ones++
			isNew = true
		}
		hash += step
	}
	return isNew
}

// Size is the filter's bytes.
func (b *Bloom) Size() int { return 8 * len(b.words) }

// FalsePositives is the chance, from 0 to 1, that a unit that was not seen is taken for one that was.
func (b *Bloom) FalsePositives() float64 {
	return math.Pow(float64(b.ones)/float64(64*len(b.words)), bloomHashes)
}

// bloomMark begins a written filter: a name and the version of the form, which the number of hashes and the way to the
// places are parts of.
const bloomMark = "sluice-bloom-1\n"

// MarshalBinary writes the filter: the mark, the number of its 64-bit words (4 bytes), the words, and the CRC-32C of all that is
// before it, little endian.
func (b *Bloom) MarshalBinary() ([]byte, error) {
	data := append(make([]byte, 0, len(bloomMark)+4+b.Size()+4), bloomMark...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(b.words)))
	for _, w := range b.words {
		data = binary.LittleEndian.AppendUint64(data, w)
	}
	return binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli)), nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// UnmarshalBinary reads a filter that MarshalBinary wrote. It takes no more memory than the data. The filter keeps the size
// that it was written with.
func (b *Bloom) UnmarshalBinary(data []byte) error {
	rest := len(data) - len(bloomMark) - 8
	if rest < 0 || string(data[:len(bloomMark)]) != bloomMark {
		return errors.New("cannot read the filter of units: it does not begin as one")
	}
	words := binary.LittleEndian.Uint32(data[len(bloomMark):])
	if rest < MinBloomBytes || rest > MaxBloomBytes || uint64(rest) != 8*uint64(words) {
		return fmt.Errorf("cannot read the filter of units: %d words in %d bytes; it has %d to %d bytes", words, rest, MinBloomBytes, MaxBloomBytes)
	}
	sum := len(data) - 4
	if crc32.Checksum(data[:sum], castagnoli) != binary.LittleEndian.Uint32(data[sum:]) {
		return errors.New("cannot read the filter of units: its checksum is wrong")
	}
	read := Bloom{words: make([]uint64, words)}
	for i := range read.words {
		read.words[i] = binary.LittleEndian.Uint64(data[len(bloomMark)+4+8*i:])
		read.ones += bits.OnesCount64(read.words[i])
	}
	*b = read
	return nil
}
