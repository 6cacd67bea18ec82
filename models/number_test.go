package models

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"sluice/internal/tensor"
)

func TestEncodeNumber(t *testing.T) {
	f := func(dt tensor.DataType, value float64, want string) {
		t.Helper()
		data, err := encodeNumber(dt, value)
		got := hex.EncodeToString(data)
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s %v: %s, want %s", dt, value, got, want)
		}
	}
	f(tensor.FP64, 1, "000000000000f03f")
	f(tensor.FP32, -2, "000000c0")
	f(tensor.FP16, 1, "003c")
	f(tensor.FP16, 65519.9, "ff7b") // rounds down to the largest
	f(tensor.FP16, 65520, "007c")
	f(tensor.FP16, 1+1.0/2048, "003c") // a tie goes to even
	f(tensor.FP16, 1+3.0/2048, "023c")
	f(tensor.FP16, 2-1.0/4096, "0040") // carries into the exponent
	f(tensor.FP16, math.Ldexp(1, -25), "0000")
	f(tensor.FP16, math.Ldexp(1.01, -25), "0100")
	f(tensor.FP16, math.Ldexp(1, -14)*(1-1e-9), "0004")
	f(tensor.BF16, 1, "803f")
	f(tensor.BF16, 1+1.0/256, "803f") // a tie goes to even
	f(tensor.BF16, 1+3.0/256, "823f")
	f(tensor.BF16, math.Inf(-1), "80ff")
	f(tensor.Bool, 1, "01")
	f(tensor.Bool, 2, "2 is no BOOL")
	f(tensor.Int8, -128, "80")
	f(tensor.Int8, 128, "128 is outside INT8, which holds -128 to 127")
	f(tensor.Uint8, -1, "outside UINT8")
	f(tensor.Uint8, 255, "ff")
	f(tensor.Int16, -2, "feff")
	f(tensor.Int64, -1, "ffffffffffffffff")
	f(tensor.Uint32, 1<<32-1, "ffffffff")
	f(tensor.Int64, 0.5, "0.5 is no whole number")
	f(tensor.Int64, math.NaN(), "NaN is no whole number")
	f(tensor.Int64, 1<<60, "is no whole number that INT64 holds exactly")
	f(tensor.Bytes, 0, "a number cannot stand in a BYTES tensor")
	f(tensor.Invalid, 0, "a number cannot stand in a INVALID tensor")
}
