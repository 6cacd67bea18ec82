package oip

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestPeekShape(t *testing.T) {
	f := func(body string, want ...int64) {
		t.Helper()
		var dims [3]int64
		if got := dims[:PeekShape([]byte(body), dims[:])]; !slices.Equal(got, want) {
			t.Errorf("%.60q: %v, want %v", body, got, want)
		}
	}
	f(`{"inputs":[{"name":"x","datatype":"FP32","shape":[8,48],"data":[1]}]}`, 8, 48)
	f(`{"inputs":[{"name":"x","shape" : [ 1 , 2 ,3 ] ,`, 1, 2, 3)
	f(`{"inputs":[{"shape":[7]}]}`+"\x00\xff", 7)
	f(`{"instances":[[1,2]]}`)
	f("")
	f(`"shape"`)
	f(`"shape":`)
	f(`"shape":[`)
	f(`"shape":[]`)
	f(`"shape":[1`)
	f(`"shape":[1,`)
	f(`"shape":[-1]`)
	f(`"shape":[1.5]`)
	f(`"shape":[1,2,3,4]`)
	f(`"shape":[99999999999]`)
	f(`"shape":7`)
	f(strings.Repeat(" ", peekWithin) + `"shape":[1]`)
}

// FuzzPeekShape finds nothing but what the JSON says.
func FuzzPeekShape(f *testing.F) {
	f.Add(`[8,48]`)
	f.Add(`[ 1 ]`)
	f.Fuzz(func(t *testing.T, list string) {
		var dims [4]int64
		n := PeekShape([]byte(`{"inputs":[{"shape":`+list+`}]}`), dims[:])
		if n == 0 {
			return
		}
		var want []int64
		if err := json.NewDecoder(strings.NewReader(list)).Decode(&want); err != nil {
			return // leading zeros, which a decoder refuses
		}
		if !slices.Equal(dims[:n], want) {
			t.Errorf("%q gave %v, want %v", list, dims[:n], want)
		}
	})
}
