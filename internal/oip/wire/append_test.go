package wire

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
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

// The least that JSON takes is no more than what it takes.
func TestLeastJSON(t *testing.T) {
	for _, kind := range tensor.DataTypes {
		if kind == tensor.FP16 || kind == tensor.BF16 {
			continue
		}
		for _, n := range []int{0, 1, 2, 50} {
			data := make([]byte, n*kind.Size())
			for i := range n {
				switch kind {
				case tensor.Bytes:
					data = tensor.AppendBytes(data, "")
				case tensor.Bool:
					data[i] = 1
				}
			}
			v := tensor.Tensor{Name: "y", Type: kind, Shape: []int64{int64(n)}, Data: data}
			text, err := Unbounded.AppendValues(nil, &v)
			if err != nil || LeastJSON(&v) != int64(len(text)) && kind != tensor.Bytes || LeastJSON(&v) > int64(len(text)) {
				t.Errorf("%d of %s: at least %d bytes, and it takes %d: %s, %v", n, kind, LeastJSON(&v), len(text), text, err)
			}
		}
	}
}

// null stands for what is not finite, and for nothing else.
func TestNullNonFinite(t *testing.T) {
	for _, kind := range []tensor.DataType{tensor.FP32, tensor.FP64} {
		values := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -math.NaN(), math.MaxFloat32, -math.MaxFloat32, 0, math.Copysign(0, -1), math.SmallestNonzeroFloat32}
		var data []byte
		for _, v := range values {
			data = tensor.AppendFloat(data, kind, v)
		}
		v := tensor.Tensor{Name: "y", Type: kind, Shape: []int64{int64(len(values))}, Data: data}
		literal, err := Unbounded.AppendValues(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		w := Unbounded
		w.nulls = true
		got, err := w.AppendValues(nil, &v)
		want := strings.NewReplacer("NaN", "null", "-Infinity", "null", "Infinity", "null").Replace(string(literal))
		if err != nil || string(got) != want || strings.Count(want, "null") != 4 {
			t.Errorf("%s: got %s, %v, want %s", kind, got, err, want)
		}
	}
}
