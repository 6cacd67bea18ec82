package verify

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/agree"
	"sluice/internal/http1"
	"sluice/internal/tensor"
)

func floats(kind tensor.DataType, shape []int64, values ...float64) tensor.Tensor {
	t := tensor.Tensor{Name: "y", Type: kind, Shape: shape}
	for _, v := range values {
		t.Data = tensor.AppendFloat(t.Data, kind, v)
	}
	return t
}

func flat(kind tensor.DataType, values ...float64) tensor.Tensor {
	return floats(kind, []int64{int64(len(values))}, values...)
}

// TestTolerance looks at the edges of each type's tolerance.
func TestTolerance(t *testing.T) {
	f := func(name string, j judge, want, got tensor.Tensor, differs string) {
		t.Helper()
		d := j.compare([]tensor.Tensor{want}, []tensor.Tensor{got})
		if text := d.String(); differs == "" && d.Kind != agree.None || !strings.Contains(text, differs) {
			t.Errorf("%s: got %q, want %q", name, text, differs)
		}
	}
	nan, inf := math.NaN(), math.Inf(1)
	f("FP32 inside, at 0", judge{}, flat(tensor.FP32, 0), flat(tensor.FP32, 0.99e-5), "")
	f("FP32 outside, at 0", judge{}, flat(tensor.FP32, 0), flat(tensor.FP32, 1.01e-5), `output "y"[0] is 1.01e-05, expected 0 (limit 1e-05)`)
	f("FP32 inside, at 1", judge{}, flat(tensor.FP32, 1), flat(tensor.FP32, 1-1.09e-4), "")
	f("FP32 outside, at 1", judge{}, flat(tensor.FP32, 7, 1), flat(tensor.FP32, 7, 1-1.11e-4), `output "y"[1] is 0.999889, expected 1 (limit 0.00011)`)
	f("FP64 inside", judge{}, flat(tensor.FP64, 1), flat(tensor.FP64, 1+1.009e-7), "")
	f("FP64 outside", judge{}, flat(tensor.FP64, 1), flat(tensor.FP64, 1+1.011e-7), "limit 1e-07")
	f("FP16 inside", judge{}, flat(tensor.FP16, 1), flat(tensor.FP16, 1+0x3p-10), "")
	f("FP16 outside", judge{}, flat(tensor.FP16, 1), flat(tensor.FP16, 1+0x5p-10), "limit 0.004")
	f("BF16 inside", judge{}, flat(tensor.BF16, 1), flat(tensor.BF16, 1+0x2p-7), "")
	f("BF16 outside", judge{}, flat(tensor.BF16, 1), flat(tensor.BF16, 1+0x3p-7), "limit 0.02")
	f("own", judge{tolerance: &agree.Tolerance{Abs: 0.5, Rel: 0}}, flat(tensor.FP32, 1), flat(tensor.FP32, 1.5), "")
	f("own, outside", judge{tolerance: &agree.Tolerance{Abs: 0.5, Rel: 0}}, flat(tensor.FP32, 1), flat(tensor.FP32, 1.6), "limit 0.5")
	f("NaN", judge{}, flat(tensor.FP32, nan), flat(tensor.FP32, nan), "")
	f("NaN for a number", judge{}, flat(tensor.FP32, 1), flat(tensor.FP32, nan), "is NaN, expected 1")
	f("a number for NaN", judge{}, flat(tensor.FP32, nan), flat(tensor.FP32, 1), "is 1, expected NaN")
	f("infinity", judge{}, flat(tensor.FP32, inf), flat(tensor.FP32, inf), "")
	f("a number for infinity", judge{}, flat(tensor.FP32, inf), flat(tensor.FP32, 1e38), "expected +Inf")
	f("other infinity", judge{}, flat(tensor.FP32, inf), flat(tensor.FP32, -inf), "is -Inf, expected +Inf")
	f("zero's sign", judge{}, flat(tensor.FP32, 0), flat(tensor.FP32, math.Copysign(0, -1)), "")
	f("place", judge{}, floats(tensor.FP32, []int64{2, 2}, 1, 2, 3, 4), floats(tensor.FP32, []int64{2, 2}, 1, 2, 3, 5), `output "y"[1,1] is 5, expected 4`)
	f("scalar", judge{}, floats(tensor.FP32, []int64{}, 1), floats(tensor.FP32, []int64{}, 2), `output "y" is 2, expected 1`)
	f("shape", judge{}, flat(tensor.FP32, 1), floats(tensor.FP32, []int64{1, 1}, 1), `output "y" has the shape [1,1], expected [1]`)
	f("type", judge{}, flat(tensor.FP32, 1), flat(tensor.FP64, 1), `output "y" is FP64, expected FP32`)
	f("name", judge{}, flat(tensor.FP32, 1), tensor.Tensor{Name: "z"}, `output "y" is missing`)

	class := judge{tolerance: &agree.Tolerance{Abs: 1, Rel: 0}, classifier: true}
	f("same class", class, floats(tensor.FP32, []int64{2, 2}, 1, 2, 2, 1), floats(tensor.FP32, []int64{2, 2}, 1.5, 2, 2, 1.5), "")
	f("other class", class, floats(tensor.FP32, []int64{2, 2}, 1, 2, 2, 1), floats(tensor.FP32, []int64{2, 2}, 1, 2, 1, 1.5), `output "y" row 1 has its maximum at class 1, expected 0`)
	f("no class asked for", judge{tolerance: &agree.Tolerance{Abs: 1, Rel: 0}}, flat(tensor.FP32, 1, 2), flat(tensor.FP32, 2, 1), "")

	words := func(values ...string) tensor.Tensor {
		t := tensor.Tensor{Name: "y", Type: tensor.Bytes, Shape: []int64{int64(len(values))}}
		for _, v := range values {
			t.Data = tensor.AppendBytes(t.Data, v)
		}
		return t
	}
	f("strings", judge{}, words("a", "bc"), words("a", "bd"), `output "y"[1] is "bd", expected "bc"`)
	f("string's length", judge{}, words("a", "bc"), words("a", "bcd"), `output "y"[1] is "bcd", expected "bc"`)
	f("integers", judge{}, tensor.Tensor{Name: "y", Type: tensor.Int8, Shape: []int64{2}, Data: []byte{1, 255}}, tensor.Tensor{Name: "y", Type: tensor.Int8, Shape: []int64{2}, Data: []byte{1, 1}}, `output "y"[1] is 1, expected -1`)
	f("truth", judge{}, tensor.Tensor{Name: "y", Type: tensor.Bool, Shape: []int64{1}, Data: []byte{1}}, tensor.Tensor{Name: "y", Type: tensor.Bool, Shape: []int64{1}, Data: []byte{0}}, `output "y"[0] is false, expected true`)
}

// TestCompareOrder holds that outputs are found by name, wherever they are.
func TestCompareOrder(t *testing.T) {
	a, b := flat(tensor.FP32, 1), flat(tensor.FP32, 2)
	a.Name, b.Name = "a", "b"
	var j judge
	if d := j.compare([]tensor.Tensor{a, b}, []tensor.Tensor{b, a}); d.Kind != agree.None {
		t.Errorf("got %s", d.String())
	}
	if d := j.compare([]tensor.Tensor{a}, []tensor.Tensor{b, a}); d.Kind != agree.None {
		t.Errorf("got %s for an output more than is known", d.String())
	}
}

// TestCompareFindsAnyChange changes one element of any tensor and wants it named.
func TestCompareFindsAnyChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(tensor.DataTypes).Draw(t, "type")
		if kind == tensor.Bytes {
			kind = tensor.Int16
		}
		n := rapid.IntRange(1, 20).Draw(t, "n")
		want := tensor.Tensor{Name: "y", Type: kind, Shape: []int64{int64(n)}}
		for range n {
			if kind.Float() {
				want.Data = tensor.AppendFloat(want.Data, kind, rapid.Float64Range(-100, 100).Draw(t, "x"))
			} else {
				want.Data = append(want.Data, rapid.SliceOfN(rapid.Byte(), kind.Size(), kind.Size()).Draw(t, "bits")...)
			}
		}
		got := want
		got.Data = bytes.Clone(want.Data)
		var j judge
		if d := j.compare([]tensor.Tensor{want}, []tensor.Tensor{got}); d.Kind != agree.None {
			t.Fatalf("got %s for the same", d.String())
		}
		at := rapid.IntRange(0, n-1).Draw(t, "at")
		if kind.Float() {
			copy(got.Data[at*kind.Size():], tensor.AppendFloat(nil, kind, 3+2*tensor.FloatAt(kind, want.Data, at)+200))
		} else {
			got.Data[at*kind.Size()] ^= 1
		}
		if d := j.compare([]tensor.Tensor{want}, []tensor.Tensor{got}); d.Kind != agree.Value || d.At != at || d.String() == "" {
			t.Fatalf("got %v at %d, want a change at %d", d.Kind, d.At, at)
		}
	})
}

func TestParseTolerance(t *testing.T) {
	if got, err := ParseTolerance("1e-3,0.5"); err != nil || got != (agree.Tolerance{Abs: 1e-3, Rel: 0.5}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "1", "a,b", "-1,0", "NaN,0", "Inf,0", "1,2,3"} {
		if got, err := ParseTolerance(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestSameText(t *testing.T) {
	f := func(want, got string, at int) {
		t.Helper()
		if have := sameText([]byte(want), []byte(got), agree.Default(tensor.FP32)); have != at {
			t.Errorf("%s against %s: got %d, want %d", got, want, have, at)
		}
	}
	f(`{"predictions":[1.0,2.5]}`, "{ \"predictions\" : [\n1.0, 2.50001 ] }", -1)
	f(`[1.0]`, `[1]`, -1)
	f(`[1.0]`, `[1.1]`, 1)
	f(`[20000]`, `[20001]`, 1)
	f(`[20000.0]`, `[20001.0]`, -1)
	f(`[NaN,-Infinity]`, `[NaN,-Infinity]`, -1)
	f(`[Infinity]`, `[1e30]`, 1)
	f(`["a b"]`, `["ab"]`, 1)
	f(`["1.0"]`, `["1.00001"]`, 1)
	f(`["a\"1.0"]`, `["a\"1.00001"]`, 1)
	f(`[true]`, `[false]`, 1)
	f(`[1.0]`, `[1.0`, 4)
	f(`[1.0]`, `[1.0]]`, 5)
	f(`[1.0]`, `[1.0,2]`, 4)
	f(``, ` `, -1)
}

// FuzzSameText holds that no text is a trap, and that each is the same as itself.
func FuzzSameText(f *testing.F) {
	f.Add([]byte(`{"predictions":[1.0,"a\"",null]}`), []byte(`["`))
	f.Add([]byte(`"\`), []byte(`1e`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if at := sameText(a, a, agree.Default(tensor.FP32)); at != -1 {
			t.Fatalf("%q differs from itself at %d", a, at)
		}
		if at := sameText(a, b, agree.Default(tensor.FP32)); at > len(b) {
			t.Fatalf("got %d in a text of %d", at, len(b))
		}
		if v := http1.Field(a, "content-type"); len(v) > len(a) {
			t.Fatalf("got %q from %q", v, a)
		}
		_, _, _ = parseTag(string(a))
	})
}

func TestMime(t *testing.T) {
	if got := string(mime([]byte("a/b; c=d"))); got != "a/b" {
		t.Errorf("got %q", got)
	}
}
