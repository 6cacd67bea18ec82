package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// none stands where there is no value.
const none = "-"

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// grouped writes a number with so many decimals and its thousands apart: 12,345.6.
func grouped(v float64, decimals int) string {
	if !finite(v) {
		return none
	}
	text := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, part, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if part != "" {
		whole += "." + part
	}
	if v < 0 && strings.Trim(text, "0.") != "" {
		whole = "-" + whole
	}
	return whole
}

func count(n int64) string { return grouped(float64(n), 0) }

// digits writes a value with three digits that count, as far as decimals go: 0.231, 2.31, 23.1, 231.
func digits(v float64) string {
	switch abs := math.Abs(v); {
	case !finite(v):
		return none
	case abs >= 99.95:
		return grouped(v, 0)
	case abs >= 9.995:
		return grouped(v, 1)
	case abs >= 0.9995 || abs == 0:
		return grouped(v, 2)
	default:
		return grouped(v, 3)
	}
}

// with adds what a value is to be read as, if there is one.
func with(text, unit string) string {
	if text == none {
		return none
	}
	return text + unit
}

// ms is a latency; 0 is one that was not measured.
func ms(v float64) string { return with(digitsOrNone(v, false), " ms") }

// lag may be 0.
func lag(v float64) string { return with(digits(v), " ms") }

// interval writes both ends of one that is known.
func interval(lo, hi float64, write func(float64) string) string {
	if lo == 0 && hi == 0 || !finite(lo) || !finite(hi) {
		return none
	}
	return write(lo) + " to " + write(hi)
}

func rate(v float64) string {
	if math.Abs(v) >= 999.5 {
		return with(grouped(v, 0), "/s")
	}
	return with(grouped(v, 1), "/s")
}

// percent keeps apart what is nearly all from all: 99.98 %, never a rounded 100 %.
func percent(part float64) string {
	if !finite(part) {
		return none
	}
	v := 100 * part
	decimals := 1
	if math.Abs(v-math.Round(v)) < 1e-9 {
		decimals = 0
	}
	for ; decimals < 4 && decimals > 0; decimals++ {
		scale := math.Pow(10, float64(decimals))
		if r := math.Round(v*scale) / scale; r != 0 && (r != 100 || v > 100) {
			break
		}
	}
	return grouped(v, decimals) + " %"
}

func memory(n int64) string {
	switch v := float64(n); {
	case n <= 0:
		return none
	case v >= 1e9:
		return digits(v/1e9) + " GB"
	default:
		return digits(v/1e6) + " MB"
	}
}

func cores(v float64) string { return grouped(v, 2) }

func seconds(v float64) string {
	return with(strings.TrimSuffix(strings.TrimRight(grouped(v, 2), "0"), "."), " s")
}

// some is a count with its noun.
func some(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// change is how far b is from a, in per cent.
func change(a, b float64) string {
	if a == 0 || !finite(a) || !finite(b) {
		return ""
	}
	return fmt.Sprintf("%+.1f %%", 100*(b/a-1))
}
