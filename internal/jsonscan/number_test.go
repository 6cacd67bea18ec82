package jsonscan

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// viaScan converts a number as the general path does.
func viaScan(text string) (f32 float32, ok32 bool, f64 float64, ok64 bool, valid bool) {
	b := []byte(text)
	n, end := ScanNumber(b, 0)
	if end != len(b) {
		return 0, false, 0, false, false
	}
	f32, ok32 = n.Float32(b)
	f64, ok64 = n.Float64(b)
	return f32, ok32, f64, ok64, true
}

// jsonNumber is the grammar, written independently of the scanner.
func jsonNumber(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	if s != "" && s[0] == '0' {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if s != "" && s[0] == '.' {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return digits() && s == ""
	}
	return s == ""
}

// checkFloat holds every path that reads a number against strconv, to the bit.
func checkFloat(t *testing.T, text string) {
	t.Helper()
	f32, ok32, f64, ok64, valid := viaScan(text)
	if valid != jsonNumber(text) {
		t.Fatalf("%q: valid is %v, want %v", text, valid, !valid)
	}
	if !valid {
		return
	}
	want32, err := strconv.ParseFloat(text, 32)
	if ok32 != !errors.Is(err, strconv.ErrRange) || ok32 && math.Float32bits(f32) != math.Float32bits(float32(want32)) {
		t.Fatalf("%q: float32 is %v (%v), want %v (%v)", text, f32, ok32, float32(want32), err)
	}
	want64, err64 := strconv.ParseFloat(text, 64)
	if ok64 != !errors.Is(err64, strconv.ErrRange) || ok64 && math.Float64bits(f64) != math.Float64bits(want64) {
		t.Fatalf("%q: float64 is %v (%v), want %v (%v)", text, f64, ok64, want64, err64)
	}
	var dst [4]byte
	padded := []byte(text + ",                                                  ")
	if end, n := FloatRun(padded, 0, dst[:]); n == 1 {
		got := uint32(dst[0]) | uint32(dst[1])<<8 | uint32(dst[2])<<16 | uint32(dst[3])<<24
		if end != len(text)+1 || !ok32 || got != math.Float32bits(float32(want32)) {
			t.Fatalf("%q: the run reads %x up to %d, want %x up to %d", text, got, end, math.Float32bits(float32(want32)), len(text)+1)
		}
	} else if end != 0 {
		t.Fatalf("%q: the run read nothing but moved to %d", text, end)
	}
}

// hardFloats are edges of the formats and of the fast paths.
var hardFloats = []string{
	"0", "-0", "0.0", "-0.0", "1", "1.0", "0.1", "3.4028235e38", "3.4028234663852886e38", "3.4028235677973366e38",
	"3.40282356779733e38", "3.5e38", "1e39", "1e400", "-1e400", "1e-50", "1e-45", "7e-46", "7.006492321624085e-46",
	"1.1754943508222875e-38", "1.17549429e-38", "5e-324", "2e-324", "1.7976931348623157e308", "1.7976931348623159e308",
	"16777217", "16777217.0000000001", "16777217.00000000", "16777216.99999999999", "9007199254740993", "9007199254740993.0",
	"1.00000005960464477539062", "1.000000059604644775390625", "1.0000000596046447753906250001", "1.000000059604644775",
	"1.0000000596046448", "1.00000005960464470", "8388608.5", "8388609.5", "18446744073709551615", "18446744073709551616",
	"99999999999999999999", "0.000000000000000000000000000000000000000000001", "0.00000000000000000001234567890123456789",
	"12345678.12345678", "12345678.123456789", "1234567890.1234567890", "0.12345678", "0.1234567812345678", "0.123456781234567812",
	"0.10000000149011612", "9.99999993922529e-09", "01", "00", "1.", ".5", "-", "+1", "1e", "1e+", "1e5", "1E-5", "0x10", "1_0", "", "-01", "1.5.2",
	"1e100000000000000000000", "1e-100000000000000000000", "123456789012345678901234567890", "0e400", "0.0e-999999",
}

func TestFloatsAgainstStrconv(t *testing.T) {
	for _, text := range hardFloats {
		checkFloat(t, text)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	formats := []byte{'g', 'f', 'e'}
	for range 200_000 {
		bits := rng.Uint32()
		if rng.IntN(2) == 0 { // around one, as most features are
			bits = bits&0x807fffff | uint32(100+rng.IntN(40))<<23
		}
		v := math.Float32frombits(bits)
		if v != v || math.IsInf(float64(v), 0) {
			continue
		}
		checkFloat(t, strconv.FormatFloat(float64(v), formats[rng.IntN(3)], rng.IntN(20)-1, 64))
		// Halfway to the next float32, and a little beside: where rounding twice goes wrong.
		half := (float64(v) + float64(math.Nextafter32(v, math.MaxFloat32))) / 2
		checkFloat(t, strconv.FormatFloat(half, 'g', 17, 64))
		checkFloat(t, strconv.FormatFloat(math.Nextafter(half, 0), 'g', -1, 64))
		checkFloat(t, strconv.FormatFloat(half, 'f', rng.IntN(20), 64))
	}
}

func FuzzFloat32(f *testing.F) {
	for _, text := range hardFloats {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkFloat(t, text) })
}

func TestIntegers(t *testing.T) {
	f := func(text string, bits uint, want int64, ok bool) {
		t.Helper()
		n, end := ScanNumber([]byte(text), 0)
		got, fits := n.Int64(bits)
		if end != len(text) || fits != ok || ok && got != want {
			t.Errorf("%s in %d bits: got %d (%v), want %d (%v)", text, bits, got, fits, want, ok)
		}
	}
	f("127", 8, 127, true)
	f("128", 8, 0, false)
	f("-128", 8, -128, true)
	f("-129", 8, 0, false)
	f("-0", 8, 0, true)
	f("1.0", 8, 0, false)
	f("1e2", 32, 0, false)
	f("9007199254740993", 64, 1<<53+1, true)
	f("9223372036854775807", 64, math.MaxInt64, true)
	f("-9223372036854775808", 64, math.MinInt64, true)
	f("9223372036854775808", 64, 0, false)
	f("18446744073709551617", 64, 0, false)
	f("100000000000000000000", 64, 0, false)

	g := func(text string, bits uint, want uint64, ok bool) {
		t.Helper()
		n, end := ScanNumber([]byte(text), 0)
		got, fits := n.Uint64(bits, []byte(text))
		if end != len(text) || fits != ok || ok && got != want {
			t.Errorf("%s in %d bits: got %d (%v), want %d (%v)", text, bits, got, fits, want, ok)
		}
	}
	g("255", 8, 255, true)
	g("256", 8, 0, false)
	g("-1", 8, 0, false)
	g("-0", 8, 0, true)
	g("18446744073709551615", 64, math.MaxUint64, true)
	g("18446744073709551616", 64, 0, false)
	g("-18446744073709551616", 64, 0, false)
	g("3.0", 16, 0, false)
}
