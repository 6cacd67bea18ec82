package oip

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"sluice/internal/jsonscan"
)

// TestFloatText: what is printed reads back to the same bits, directly and through
// float64, and is a JSON number that no reader takes for an integer.
func TestFloatText(t *testing.T) {
	f := func(v float32, want string) {
		t.Helper()
		if got := string(appendFloat32(nil, v)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(0, "0.0")
	f(float32(math.Copysign(0, -1)), "-0.0")
	f(1, "1.0")
	f(-16777216, "-16777216.0")
	f(0.1, "0.1")
	f(6.8, "6.8")
	f(1e-7, "1e-07")
	f(1e-6, "1e-06")
	f(2e-6, "0.000002")
	f(1e20, "100000000000000000000.0")
	f(1e21, "1e+21")
	f(7.038531e-26, "7.038530691851209e-26")
	f(-7.038531e-26, "-7.038530691851209e-26")
	f(float32(math.NaN()), "NaN")
	f(float32(math.Inf(1)), "Infinity")
	f(float32(math.Inf(-1)), "-Infinity")

	rng := rand.New(rand.NewPCG(5, 6))
	for range 300_000 {
		v := math.Float32frombits(rng.Uint32())
		if v != v || math.IsInf(float64(v), 0) {
			continue
		}
		text := string(appendFloat32(nil, v))
		wide, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Float32bits(float32(wide)) != math.Float32bits(v) {
			t.Fatalf("%x is printed as %s, which reads back as %x through float64 (%v)", math.Float32bits(v), text, math.Float32bits(float32(wide)), err)
		}
		if n, end := jsonscan.ScanNumber([]byte(text), 0); end != len(text) || n.Flags&jsonscan.Fractional == 0 {
			t.Fatalf("%s is no float", text)
		} else if back, ok := n.Float32([]byte(text)); !ok || math.Float32bits(back) != math.Float32bits(v) {
			t.Fatalf("%x is printed as %s, which reads back as %x", math.Float32bits(v), text, math.Float32bits(back))
		}
		wide = math.Float64frombits(rng.Uint64())
		if wide != wide || math.IsInf(wide, 0) {
			continue
		}
		text = string(appendFloat64(nil, wide))
		if back, err := strconv.ParseFloat(text, 64); err != nil || math.Float64bits(back) != math.Float64bits(wide) {
			t.Fatalf("%x is printed as %s, which reads back as %x (%v)", math.Float64bits(wide), text, math.Float64bits(back), err)
		}
	}
}
