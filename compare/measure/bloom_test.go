package measure

import (
	"bytes"
	"math"
	"strconv"
	"testing"

	"sluice/internal/unit"
)

func hashOf(i int) uint64 { return unit.Hash("compare", strconv.AppendInt(nil, int64(i), 10)) }

// TestBloom holds that no unit that was seen is new, and that a new one is taken for a known one as often as is documented.
func TestBloom(t *testing.T) {
	f := func(bitsAUnit int, low, high float64) {
		t.Helper()
		const size = 1 << 17
		b, err := NewBloom(size)
		if err != nil {
			t.Fatal(err)
		}
		units := 8 * size / bitsAUnit
		for i := range units {
			b.Add(hashOf(i))
		}
		for i := range units {
			if b.Add(hashOf(i)) {
				t.Fatalf("unit %d is new twice", i)
			}
		}
		chance := math.Pow(1-math.Exp(-bloomHashes/float64(bitsAUnit)), bloomHashes)
		if got := b.FalsePositives(); math.Abs(got-chance) > 0.05*chance || got < low || got > high {
			t.Errorf("at %d bits a unit the chance is said to be %v, want %v", bitsAUnit, got, chance)
		}
		// Each thousand new ones are asked of the same filter, so that they do not fill it.
		data, err := b.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		const asked = 40_000
		known := 0
		var again Bloom
		for i := range asked {
			if i%1000 == 0 {
				if err := again.UnmarshalBinary(data); err != nil {
					t.Fatal(err)
				}
			}
			if !again.Add(hashOf(units + i)) {
				known++
			}
		}
		if got, spread := float64(known)/asked, 4*math.Sqrt(chance/asked); math.Abs(got-chance) > spread+0.08*chance {
			t.Errorf("at %d bits a unit %v of new units are taken for known ones, want %v", bitsAUnit, got, chance)
		}
	}
	f(10, 0.007, 0.009)
	f(5, 0.13, 0.145)
}

func TestBloomState(t *testing.T) {
	for _, size := range []int{0, MinBloomBytes - 8, MinBloomBytes + 4, MaxBloomBytes + 8} {
		if _, err := NewBloom(size); err == nil {
			t.Errorf("made a filter of %d bytes", size)
		}
	}
	b, err := NewBloom(MinBloomBytes)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		b.Add(hashOf(i))
	}
	data, err := b.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var read Bloom
	if err := read.UnmarshalBinary(data); err != nil || read.Size() != MinBloomBytes || read.FalsePositives() != b.FalsePositives() {
		t.Errorf("read a filter of %d bytes: %v", read.Size(), err)
	}
	for i := range 100 {
		if read.Add(hashOf(i)) {
			t.Errorf("unit %d was forgotten", i)
		}
	}
	before, err := read.MarshalBinary()
	if err != nil || !bytes.Equal(before, data) {
		t.Errorf("the filter was written as %d bytes that are not those read: %v", len(before), err)
	}
	for name, broken := range map[string][]byte{
		"nothing": nil, "no mark": data[1:], "an end missing": data[:len(data)-8], "more": append(bytes.Clone(data), 0),
		"a bit turned": append(append(bytes.Clone(data[:100]), data[100]^1), data[101:]...), "no words": []byte(bloomMark + "\x00\x00\x00\x00\x00\x00\x00\x00"),
	} {
		if err := read.UnmarshalBinary(broken); err == nil {
			t.Errorf("read a filter with %s", name)
		}
	}
	if after, _ := read.MarshalBinary(); !bytes.Equal(before, after) {
		t.Error("a filter that cannot be read changed the one that was there")
	}
}

func BenchmarkBloom(b *testing.B) {
	filter, err := NewBloom(1 << 20)
	if err != nil {
		b.Fatal(err)
	}
	var hash uint64
	for b.Loop() {
		hash += 0x9e3779b97f4a7c15
		filter.Add(hash)
	}
}
