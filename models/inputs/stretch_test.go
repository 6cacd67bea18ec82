package inputs

import (
	"bytes"
	"testing"

	"sluice/internal/tensor"
)

func TestStretch(t *testing.T) {
	f := func(from []int64, data string, to []int64, want string) {
		t.Helper()
		for _, kind := range []tensor.DataType{tensor.Uint8, tensor.Bytes} {
			in := tensor.Tensor{Name: "x", Type: kind, Shape: from, Data: []byte(data)}
			wanted := []byte(want)
			if kind == tensor.Bytes {
				in.Data, wanted = nil, nil
				for _, c := range data {
					in.Data = tensor.AppendBytes(in.Data, string([]rune{c, c}))
				}
				for _, c := range want {
					wanted = tensor.AppendBytes(wanted, string([]rune{c, c}))
				}
			}
			out, err := Stretch(&in, to)
			if err != nil || !bytes.Equal(out.Data, wanted) || out.Name != "x" || out.Type != kind || len(out.Shape) != len(to) {
				t.Errorf("%v %v %q to %v: %+v, %v, want %q", kind, from, data, to, out, err, wanted)
			}
		}
	}
	f([]int64{1, 3}, "abc", []int64{1, 7}, "abcabca")
	f([]int64{1, 3}, "abc", []int64{1, 2}, "ab")
	f([]int64{1, 2, 2}, "abcd", []int64{1, 3, 2}, "abcdab")
	f([]int64{1, 2, 2}, "abcd", []int64{1, 2, 3}, "abacdc")
	f([]int64{2, 1}, "ab", []int64{4, 1}, "abab")
	f([]int64{}, "a", []int64{}, "a")
	for _, in := range []tensor.Tensor{
		{Type: tensor.Uint8, Shape: []int64{0, 1}},
		{Type: tensor.Uint8, Shape: []int64{1}, Data: []byte("a")},
		{Type: tensor.Bytes, Shape: []int64{1, 1}, Data: []byte("abcdefgh")},
	} {
		if out, err := Stretch(&in, []int64{2, 2}); err == nil {
			t.Errorf("%+v became %+v", in, out)
		}
	}
}
