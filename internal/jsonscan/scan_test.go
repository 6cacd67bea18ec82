package jsonscan

import (
	"math/rand/v2"
	"testing"
)

// TestPlainPrefix holds the search eight bytes at a time against the table.
func TestPlainPrefix(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	specials := []byte{0, 1, 0x1f, 0x20, 0x21, '"', '#', '[', '\\', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff, 'a'}
	for range 200_000 {
		var text [8]byte
		for i := range text {
			text[i] = 'x'
			if rng.IntN(4) == 0 {
				text[i] = specials[rng.IntN(len(specials))]
			}
		}
		want := 0
		for want < 8 && class[text[want]] == plain {
			want++
		}
		word := uint64(0)
		for i, c := range text {
			word |= uint64(c) << (8 * i)
		}
		if got := plainPrefix(word); got != want {
			t.Fatalf("%q: got %d, want %d", text, got, want)
		}
	}
}
