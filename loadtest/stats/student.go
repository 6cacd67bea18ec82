package stats

// StudentBeyond is the chance that Student's t with so many degrees of freedom lies beyond t in
// either direction.
func StudentBeyond(t float64, df int) float64 {
	n := float64(df)
	return betaI(n/2, 0.5, n/(n+t*t))
}

// StudentBound is the t that is exceeded in either direction with chance alpha.
func StudentBound(alpha float64, df int) float64 {
	lo, hi := 0.0, 1.0
	for StudentBeyond(hi, df) > alpha {
		hi *= 2
	}
	for hi-lo > 1e-9*hi {
		if mid := (lo + hi) / 2; StudentBeyond(mid, df) > alpha {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
