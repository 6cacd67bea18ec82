package tensor

import (
	"slices"
	"testing"
)

func TestWire(t *testing.T) {
	f := func(shape, own, given, want []int64) {
		t.Helper()
		w := &Wire{Shape: shape, Own: own}
		got := w.AppendOwn(nil, given)
		if !slices.Equal(got, want) {
			t.Errorf("%v as %v: %v becomes %v, want %v", shape, own, given, got, want)
		}
		if back, ok := w.AppendShape(nil, want); !ok || !slices.Equal(back, given) {
			t.Errorf("%v as %v: %v becomes %v, %v again, want %v", shape, own, want, back, ok, given)
		}
	}
	type s = []int64
	f(s{3, 224, 224}, s{1, 3, 224, 224}, s{3, 224, 224}, s{1, 3, 224, 224})
	f(s{-1, 1000}, s{-1, 1000, 1, 1}, s{5, 1000}, s{5, 1000, 1, 1})
	f(s{-1, 1}, s{-1}, s{7, 1}, s{7})
	f(s{1}, s{}, s{1}, s{})
	f(s{-1, 4, -1, 6}, s{-1, 2, 2, -1, 3, 2}, s{9, 4, 5, 6}, s{9, 2, 2, 5, 3, 2})
	f(s{-1}, s{1, -1, 1}, s{8}, s{1, 8, 1})
	f(s{2, -1, 3}, s{2, -1, 1, 3}, s{2, 6, 3}, s{2, 6, 1, 3})
	// An input that is given once comes as one row or as one for each row.
	w := &Wire{Shape: s{1, 4}, Own: s{1, 2, 2}}
	if got := w.AppendOwn(nil, s{3, 4}); !slices.Equal(got, s{3, 2, 2}) {
		t.Errorf("three rows become %v", got)
	}
	for _, odd := range []s{{1, 2}, {1, 2, 3}, {}} {
		if got, ok := w.AppendShape(nil, odd); ok {
			t.Errorf("%v is taken as %v", odd, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { w.AppendOwn(make(s, 0, 8), s{1, 4}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
