package tensor

import (
	"encoding/hex"
	"math"
	words "strings"
	"testing"
)

func TestAppendNumber(t *testing.T) {
	f := func(dt DataType, value float64, want string) {
		t.Helper()
		data, err := AppendNumber(nil, dt, value)
		got := hex.EncodeToString(data)
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !words.Contains(got, want)) {
			t.Errorf("%s %v: %s, want %s", dt, value, got, want)
		}
	}
	f(FP64, 1, "000000000000f03f")
	f(FP32, -2, "000000c0")
	f(FP16, 1, "003c")
	f(FP16, 65519.9, "ff7b") // rounds down to the largest
	f(FP16, 65520, "007c")
	f(FP16, 1+1.0/2048, "003c") // a tie goes to even
	f(FP16, 1+3.0/2048, "023c")
	f(FP16, 2-1.0/4096, "0040") // carries into the exponent
	f(FP16, math.Ldexp(1, -25), "0000")
	f(FP16, math.Ldexp(1.01, -25), "0100")
	f(FP16, math.Ldexp(1, -14)*(1-1e-9), "0004")
	f(BF16, 1, "803f")
	f(BF16, 1+1.0/256, "803f") // a tie goes to even
	f(BF16, 1+3.0/256, "823f")
	f(BF16, math.Inf(-1), "80ff")
	f(Bool, 1, "01")
	f(Bool, 2, "2 is no BOOL")
	f(Int8, -128, "80")
	f(Int8, 128, "128 is outside INT8, which holds -128 to 127")
	f(Uint8, -1, "outside UINT8")
	f(Uint8, 255, "ff")
	f(Int16, -2, "feff")
	f(Int64, -1, "ffffffffffffffff")
	f(Uint32, 1<<32-1, "ffffffff")
	f(Int64, 0.5, "0.5 is no whole number")
	f(Int64, math.NaN(), "NaN is no whole number")
	f(Int64, 1<<60, "is no whole number that INT64 holds exactly")
	f(Bytes, 0, "a number cannot stand in a BYTES tensor")
	f(Invalid, 0, "a number cannot stand in a INVALID tensor")
}

func TestIntegerRange(t *testing.T) {
	for kind, want := range map[DataType][2]float64{
		Int8: {-128, 127}, Uint8: {0, 255}, Int16: {-32768, 32767}, Uint16: {0, 65535}, Int32: {math.MinInt32, math.MaxInt32},
		Uint32: {0, math.MaxUint32}, Int64: {-math.Exp2(63), math.Exp2(63)}, Uint64: {0, math.Exp2(64)},
	} {
		if low, high := IntegerRange(kind); low != want[0] || high != want[1] {
			t.Errorf("%s holds %v to %v, want %v", kind, low, high, want)
		}
	}
}

func TestOverflows(t *testing.T) {
	f := func(kind DataType, value float64, want bool) {
		t.Helper()
		if got := Overflows(kind, value); got != want {
			t.Errorf("%s %v: %v", kind, value, got)
		}
	}
	f(FP32, 3.4e38, false)
	f(FP32, -3.5e38, true)
	f(FP32, math.Inf(1), false)
	f(FP16, 65519.9, false)
	f(FP16, 65520, true)
	f(FP64, math.MaxFloat64, false)
	f(FP32, math.NaN(), false)
	f(Int8, 300, false)
}
