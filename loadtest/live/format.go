package live

import (
	"fmt"
	"math"
	"strings"
	"time"

	"sluice/loadtest/result"
)

// ms is a latency in milliseconds with three digits that count.
func ms(v float64) string {
	switch {
	case !(v > 0):
		return "-"
	case v >= 99.95:
		return result.Thousands(int64(math.Round(v)))
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func withUnit(v float64) string {
	if !(v > 0) {
		return "-"
	}
	return ms(v) + " ms"
}

func rate(v float64) string { return number(v) + "/s" }

// number has a decimal where it is below ten thousand.
func number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case v >= 9999.5:
		return result.Thousands(int64(math.Round(v)))
	default:
		return fmt.Sprintf("%.1f", v)
	}
}

// duration is in whole seconds below two minutes, and in hours and minutes above.
func duration(d time.Duration) string {
	d = d.Truncate(time.Second)
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d/time.Second))
	}
	return strings.TrimSuffix(d.String(), "0s")
}
