package traffic

import (
	"math"
	"math/rand/v2"
)

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

// uniform draws from 0, which is left out, to 1.
func uniform(rng *rand.Rand) float64 { return (float64(rng.Uint64()>>11) + 1) / (1 << 53) }

// normal draws from a normal distribution by the polar method (G. Marsaglia and T. A. Bray,
// 1964).
func normal(rng *rand.Rand) float64 {
	for {
		x, y := 2*uniform(rng)-1, 2*uniform(rng)-1
		if s := times(x, x) + times(y, y); s < 1 && s > 0 {
			return times(x, math.Sqrt(-2*ln(s)/s))
		}
	}
}

// gamma draws from a Gamma distribution of scale 1 (G. Marsaglia and W. W. Tsang, "A simple
// method for generating gamma variables", 2000).
func gamma(shape float64, rng *rand.Rand) float64 {
	boost := 1.0
	if shape < 1 {
		boost = exp(ln(uniform(rng)) / shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := normal(rng)
		v := 1 + times(c, x)
		if v <= 0 {
			continue
		}
		v = times(times(v, v), v)
		if ln(uniform(rng)) < times(x, x)/2+d-times(d, v)+times(d, ln(v)) {
			return times(times(boost, d), v)
		}
	}
}

// times is a product that is rounded before anything is added to it: a compiler may fuse a
// product with a sum on some processors, and would move an arrival by a nanosecond there.
func times(a, b float64) float64 { return float64(a * b) }

// ln is the natural logarithm of a positive number, the same to the last bit on every machine,
// which math.Log is not. It is that of a fraction near 1 by the series of the inverse hyperbolic
// tangent, good to 1e-15, and that of a power of two.
func ln(x float64) float64 {
	fraction, power := math.Frexp(x)
	if fraction < math.Sqrt2/2 {
		fraction, power = 2*fraction, power-1
	}
	z := (fraction - 1) / (fraction + 1)
	square, sum := times(z, z), 0.0
	for k := 23.0; k > 0; k -= 2 {
		sum = 1/k + times(square, sum)
	}
	return times(float64(power), math.Ln2) + times(2*z, sum)
}

// exp is the inverse of ln, by a Taylor series in half of a power of two; 0 far below 0.
func exp(x float64) float64 {
	if x < -745 {
		return 0
	}
	power := math.Floor(x/math.Ln2 + 0.5)
	rest, sum := x-times(power, math.Ln2), 1.0
	for k := 15.0; k > 0; k-- {
		sum = 1 + times(rest/k, sum)
	}
	return math.Ldexp(sum, int(power))
}

// cosine is that of a number of turns, not negative, the same to the last bit on every
// machine, which math.Cos is not. Its Taylor series in a quarter turn is good to 1e-16.
func cosine(turn float64) float64 {
	turn -= math.Floor(turn)
	if turn > 0.5 {
		turn = 1 - turn
	}
	if turn > 0.25 {
		return -cosine(0.5 - turn)
	}
	x := times(2*math.Pi, turn)
	square, sum := times(x, x), 1.0
	for k := 22.0; k > 0; k -= 2 {
		sum = 1 - times(sum, square/times(k, k-1))
	}
	return sum
}
