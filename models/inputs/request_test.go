package inputs

import (
	"encoding/hex"
	"fmt"
	"testing"

	"sluice/internal/tensor"
)

func TestStretched(t *testing.T) {
	p := &tensor.Padding{InputAxis: []int{2, -1}}
	s := Request{Rows: 1, Inputs: []tensor.Tensor{
		{Type: tensor.Uint8, Shape: []int64{1, 2, 2, 2}, Data: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
		{Type: tensor.Int16, Shape: []int64{1}, Data: []byte{9, 9}},
	}}
	f := func(length int, shape, data string) {
		t.Helper()
		other := StretchAll([]Request{s}, p, length)[0]
		if got := fmt.Sprint(other.Inputs[0].Shape); got != shape || hex.EncodeToString(other.Inputs[0].Data) != data {
			t.Errorf("length %d: %s %x, want %s %s", length, got, other.Inputs[0].Data, shape, data)
		}
		if got := hex.EncodeToString(other.Inputs[1].Data); got != "0909" {
			t.Errorf("an input without the axis became %s", got)
		}
	}
	f(1, "[1 2 1 2]", "01020506")
	f(2, "[1 2 2 2]", "0102030405060708")
	f(3, "[1 2 3 2]", "010203040102050607080506")
}

func TestLargestGroup(t *testing.T) {
	p := &tensor.Padding{InputAxis: []int{1}, Buckets: []int{4, 8}}
	var rows []Request
	for _, length := range []int64{3, 4, 5, 8, 7, 9} {
		rows = append(rows, Request{Rows: 1, Inputs: []tensor.Tensor{{Shape: []int64{1, length}}}})
	}
	f := func(p *tensor.Padding, bucketed bool, want string) {
		t.Helper()
		var got []int64
		for _, s := range LargestGroup(rows, &tensor.Schema{Padding: p}, bucketed) {
			got = append(got, s.Inputs[0].Shape[1])
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	f(p, true, "[5 8 7]")
	f(p, false, "[3 4 5 8 7 9]")
	f(nil, true, "[3]")
}
