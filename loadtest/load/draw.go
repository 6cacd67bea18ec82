package load

import (
	"math/bits"
	"math/rand/v2"
)

// Streams of a seed.
const (
	gapStream = iota + 1
	variantStream
	targetStream
	spreadStream
)

func stream(seed, which uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, which)) }

// exponential draws from an exponential distribution of mean 1 by comparisons of uniform
// numbers alone (J. von Neumann, "Various techniques used in connection with random digits",
// 1951; Knuth, The Art of Computer Programming, volume 2, section 3.4.1). A run of falling
// numbers of odd length gives its first one; after one of even length the next is drawn, and
// the result is 1 more. It takes 4.3 numbers on average where a logarithm takes one,
// but a logarithm may differ in its last bit between machines.
func exponential(rng *rand.Rand) float64 {
	for whole := 0.0; ; whole++ {
		first := rng.Uint64()
		last, odd := first, true
		for {
			next := rng.Uint64()
			if next >= last {
				break
			}
			last, odd = next, !odd
		}
		if odd {
			return whole + float64(first>>11)/(1<<53)
		}
	}
}

// below draws a whole number below n, which is at most 65536, so that the difference between
// the likelihoods of two numbers is below 2^-48 and no draw needs to be refused.
func below(rng *rand.Rand, n int) uint64 {
	high, _ := bits.Mul64(rng.Uint64(), uint64(n))
	return high
}
