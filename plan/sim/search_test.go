package sim

// Highest bisects for the largest load between low and high at which pass holds, to a
// precision. It takes pass to hold up to some load and to fail beyond it; near that
// load chance decides, so the precision should not be finer than the sample allows.
func Highest(low, high, precision float64, pass func(load float64) bool) float64 {
	for high-low > precision {
		if mid := (low + high) / 2; pass(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}
