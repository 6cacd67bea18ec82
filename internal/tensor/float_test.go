package tensor

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// TestHalves holds that every 16-bit float is read and written back as it was.
func TestHalves(t *testing.T) {
	for _, kind := range []DataType{FP16, BF16} {
		for bits := range 1 << 16 {
			data := binary.LittleEndian.AppendUint16(nil, uint16(bits))
			v := FloatAt(kind, data, 0)
			again := AppendFloat(nil, kind, v)
			if math.IsNaN(v) {
				if !math.IsNaN(FloatAt(kind, again, 0)) {
					t.Fatalf("%s %04x: NaN became %x", kind, bits, again)
				}
				continue
			}
			if !bytes.Equal(again, data) {
				t.Fatalf("%s %04x: got %x for %v", kind, bits, again, v)
			}
		}
	}
}

func TestFloats(t *testing.T) {
	f := func(kind DataType, value, want float64) {
		t.Helper()
		data := AppendFloat([]byte{1, 2, 3, 4, 5, 6, 7, 8}[:kind.Size()], kind, value)
		if got := FloatAt(kind, data, 1); got != want {
			t.Errorf("%s of %v: got %v, want %v", kind, value, got, want)
		}
	}
	f(FP16, 1.0/3, 0.333251953125)
	f(FP16, 65519, 65504)
	f(FP16, 65520, math.Inf(1))
	f(FP16, -0x1p-24, -0x1p-24)
	f(BF16, 1.0/3, 0.333984375)
	f(BF16, 0x1.01p0, 1) // a tie: to even
	f(FP32, 0.1, float64(float32(0.1)))
	f(FP64, 0.1, 0.1)
}
