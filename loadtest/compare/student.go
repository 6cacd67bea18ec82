package compare

import "math"

// studentWithin is the chance that Student's t with whole degrees of freedom lies between -t
// and t: the finite series of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
func studentWithin(t float64, df int) float64 {
	theta := math.Atan(math.Abs(t) / math.Sqrt(float64(df)))
	sin, cos := math.Sincos(theta)
	if df%2 == 0 {
		sum, term := 0.0, 1.0
		for i := 0; i < df; i += 2 {
			sum += term
			term *= cos * cos * float64(i+1) / float64(i+2)
		}
		return sin * sum
	}
	sum, term := 0.0, cos
	for i := 1; i < df; i += 2 {
		sum += term
		term *= cos * cos * float64(i+1) / float64(i+2)
	}
	return 2 / math.Pi * (theta + sin*sum)
}

// studentBeyond is the t that is exceeded in either direction with chance alpha.
func studentBeyond(alpha float64, df int) float64 {
	lo, hi := 0.0, 1.0
	for 1-studentWithin(hi, df) > alpha {
		hi *= 2
	}
	for hi-lo > 1e-9*hi {
		if mid := (lo + hi) / 2; 1-studentWithin(mid, df) > alpha {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// normalBelow is the standard normal distribution function.
func normalBelow(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
