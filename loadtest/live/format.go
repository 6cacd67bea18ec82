package live

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ms is a latency in milliseconds with three digits that count.
func ms(d time.Duration) string {
	v := d.Seconds() * 1000
	switch {
	case d <= 0:
		return "-"
	case v >= 99.95:
		return count(int64(math.Round(v)))
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func withUnit(d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return ms(d) + " ms"
}

func rate(v float64) string { return number(v) + "/s" }

// number has a decimal where it is below ten thousand.
func number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case v >= 9999.5:
		return count(int64(math.Round(v)))
	default:
		return fmt.Sprintf("%.1f", v)
	}
}

// count is a number with its thousands apart.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(text, "-")
	sign := text[:len(text)-len(digits)]
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// duration is in whole seconds below two minutes, and in hours and minutes above.
func duration(d time.Duration) string {
	d = d.Truncate(time.Second)
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d/time.Second))
	}
	return strings.TrimSuffix(d.String(), "0s")
}
