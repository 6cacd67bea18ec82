package tensor

import (
	"bytes"
	"math"
	"testing"
)

func TestDataTypeNamesAndSizes(t *testing.T) {
	for _, d := range DataTypes {
		if got := ParseDataType([]byte(d.String())); got != d {
			t.Errorf("ParseDataType(%q) = %v", d.String(), got)
		}
	}
	f := func(name string, size int) {
		t.Helper()
		if got := ParseDataType([]byte(name)).Size(); got != size {
			t.Errorf("size of %s = %d, want %d", name, got, size)
		}
	}
	f("BOOL", 1)
	f("INT16", 2)
	f("BF16", 2)
	f("FP32", 4)
	f("UINT64", 8)
	f("BYTES", 0)
	f("fp32", 0)
	f("INVALID", 0)
	f("", 0)
}

func TestElements(t *testing.T) {
	f := func(shape []int64, want int64, ok bool) {
		t.Helper()
		if n, o := Elements(shape); n != want || o != ok {
			t.Errorf("Elements(%v) = %d, %v, want %d, %v", shape, n, o, want, ok)
		}
	}
	f(nil, 1, true)
	f([]int64{2, 3}, 6, true)
	f([]int64{0, math.MaxInt64, math.MaxInt64}, 0, true)
	f([]int64{math.MaxInt64, math.MaxInt64, 0}, 0, true)
	f([]int64{1 << 32, 1 << 32}, 0, false)
	f([]int64{math.MaxInt64, 1}, math.MaxInt64, true)
	f([]int64{2, -1}, 0, false)
}

func TestBytesSpan(t *testing.T) {
	var data []byte
	for _, s := range []string{"a", "", "ccc"} {
		data = AppendBytes(data, s)
	}
	f := func(first, count int, want string, ok bool) {
		t.Helper()
		got, err := BytesSpan(data, first, count)
		if (err == nil) != ok || ok && string(got) != want {
			t.Errorf("BytesSpan(%d, %d) = %q, %v, want %q, ok %v", first, count, got, err, want, ok)
		}
	}
	f(0, 1, "\x01\x00\x00\x00a", true)
	f(1, 1, "\x00\x00\x00\x00", true)
	f(1, 2, "\x00\x00\x00\x00\x03\x00\x00\x00ccc", true)
	f(3, 0, "", true)
	f(2, 2, "", false)
	if n, err := BytesCount(data); n != 3 || err != nil {
		t.Errorf("BytesCount = %d, %v, want 3", n, err)
	}
	if _, err := BytesCount(data[:len(data)-1]); err == nil {
		t.Error("BytesCount accepts a string that ends early")
	}
	if _, err := BytesCount([]byte{1, 0, 0}); err == nil {
		t.Error("BytesCount accepts half a length prefix")
	}
	if _, err := BytesCount([]byte{255, 255, 255, 255, 0}); err == nil {
		t.Error("BytesCount accepts a length beyond the data")
	}
}

func TestArenaKeepsSlicesApart(t *testing.T) {
	var a Arena
	for range 3 {
		var slices [][]byte
		for i := range 200 {
			s := a.Alloc(i * 7)
			for j := range s {
				s[j] = byte(i)
			}
			slices = append(slices, s)
		}
		for i, s := range slices {
			if !bytes.Equal(s, bytes.Repeat([]byte{byte(i)}, i*7)) {
				t.Fatalf("slice %d was overwritten", i)
			}
		}
		a.Reset()
	}
	if n := testing.AllocsPerRun(100, func() { a.Alloc(1000); a.Alloc(500); a.Reset() }); n != 0 {
		t.Errorf("a warm arena allocates %v times", n)
	}
	a.Alloc(4 * maxKept)
	a.Reset()
	if cap(a.chunk) > maxKept {
		t.Errorf("a reset arena keeps %d bytes, more than %d", cap(a.chunk), maxKept)
	}
}

func TestPaddingBucket(t *testing.T) {
	p := Padding{Buckets: []int{16, 32}}
	f := func(n, want int) {
		t.Helper()
		if got := p.Bucket(n); got != want {
			t.Errorf("Bucket(%d) = %d, want %d", n, got, want)
		}
	}
	f(0, 16)
	f(16, 16)
	f(17, 32)
	f(33, 33)
}
