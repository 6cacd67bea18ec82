package result

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Milliseconds is a latency for people, in the unit that reads best.
func Milliseconds(ms float64) string { return milliseconds(ms, 3) }

func milliseconds(ms float64, digits int) string {
	switch a := math.Abs(ms); {
	case a == 0:
		return "0 ms"
	case a < 0.9995:
		return significant(ms*1000, digits) + " us"
	case a < 999.5:
		return significant(ms, digits) + " ms"
	default:
		return significant(ms/1000, digits) + " s"
	}
}

// Percent is a part for people. It says neither 0 nor 100 of what is only close to it.
func Percent(part float64) string { return percent(part, 3) }

func percent(part float64, digits int) string {
	v := part * 100
	for ; digits < 9; digits++ {
		if text := significant(v, digits); text != "100" || v == 100 {
			return text + " %"
		}
	}
	return significant(v, 9) + " %"
}

// significant is a number with so many significant digits, never with an exponent and with
// no zeros at its end behind the point.
func significant(v float64, digits int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil { // the largest numbers round to one too large
		rounded = v
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// Thousands is a number with its digits in groups of three.
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// Clean keeps a text that comes from a server on one line and out of the terminal's controls.
func Clean(text string) string { return strings.Map(Printable, text) }

// Printable replaces control characters, and what is no character, by a space.
func Printable(c rune) rune {
	if c < ' ' || c >= 0x7f && c < 0xa0 || c == utf8.RuneError || c == 0xfffe || c == 0xffff {
		return ' '
	}
	return c
}
