package redis

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/store"
	"sluice/internal/tensor"
)

// The values are those of the reference implementation.
func TestXXHash32(t *testing.T) {
	f := func(text string, want uint32) {
		t.Helper()
		if got := xxHash32(text); got != want {
			t.Errorf("%q: %08x, want %08x", text, got, want)
		}
	}
	f("", 0x02cc5d05)
	f("a", 0x550d7456)
	f("abc", 0x32d153ff)
	f("abcdefghijklmnopqrstuvwxyz", 0x63a14d5f)
	f("Nobody inspects the spammish repetition", 0xe2293b2f)
}

func TestHashKeys(t *testing.T) {
	keys := []store.KeyColumn{{Name: "a", Type: store.Int64}, {Name: "b", Type: store.Text}, {Name: "c", Type: store.Int32}}
	key := store.AppendInt(store.AppendText(store.AppendInt(nil, store.Int64, -7), "x{y}"), store.Int32, 9)
	f := func(template, want string) {
		t.Helper()
		parts, err := parseKey(template, keys)
		if err != nil {
			t.Error(err)
			return
		}
		v := hashView{parts: parts, columns: keys}
		if got := string(v.key(nil, key)); got != want {
			t.Errorf("%s: %s, want %s", template, got, want)
		}
	}
	f("{a}{b}{c}", "-7x{y}9")
	f("user:{c}:{a}/{b}", "user:9:-7/x{y}")
	f("{{{a}}}:{b}:{c}.", "{-7}:x{y}:9.")
	wrong := func(template, want string) {
		t.Helper()
		if _, err := parseKey(template, keys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", template, err, want)
		}
	}
	wrong("", "has no {a}")
	wrong("{a}:{c}", "has no {b}")
	wrong("{a}{b}{c}{d}", "{d} is none")
	wrong("{a}{b}{c", "{c} is none")
}

func TestHashGroupsAreChecked(t *testing.T) {
	g := group(t, "v", byID, float("a"), store.Column{Name: "l", Type: tensor.FP32, Width: 3})
	f := func(h Hash, want string) {
		t.Helper()
		s := begin(t, Options{Addresses: []string{"127.0.0.1:1"}, Layout: Hashes, Hashes: map[string]Hash{"v": h}})
		_, err := s.Reader(g)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", h, err, want)
		}
	}
	f(Hash{Key: "{id}"}, `"l" is a list of 3 and its encoding is text`)
	f(Hash{Key: "{id}", Value: "json"}, `encoding "json"`)
	f(Hash{Key: "{id}", Value: F32LE, Names: "md5"}, `names "md5"`)
	f(Hash{Key: "x", Value: F32LE}, "has no {id}")
	f(Hash{Key: "{id}", Value: F32LE, Time: "a"}, `"a" and "the time" are one field`)
	s := begin(t, Options{Addresses: []string{"127.0.0.1:1"}, Layout: Hashes})
	if _, err := s.Reader(g); err == nil || !strings.Contains(err.Error(), `view "v" is not described`) {
		t.Error(err)
	}
}

func floats(values ...float32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func packed(elements []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), elements)
}

func varints(values ...int64) (b []byte) {
	for _, v := range values {
		b = protowire.AppendVarint(b, uint64(v))
	}
	return b
}

func TestHashValues(t *testing.T) {
	f := func(c store.Column, e Encoding, b []byte, want ...float64) {
		t.Helper()
		c.Name = "c"
		g := group(t, "v", byID, c)
		decoded, err := newValue(&g.Columns[0], e)
		if err != nil {
			t.Fatal(err)
		}
		v := hashView{values: []value{decoded}, time: 1}
		var rows store.Rows
		rows.Reset(g, 2)
		v.put(&rows, 1, 0, b, new([]byte))
		if got := numbers(&rows, 1); !slices.Equal(got, want) {
			t.Errorf("%s of %s: %x is %v, want %v", e, c.Type, b, got, want)
		}
	}
	const missing, wrong = -1, -2
	one := store.Column{Type: tensor.FP32, Width: 1}
	f(one, Text, []byte("0"), 0)
	f(one, Text, []byte("7"), 7)
	f(one, Text, []byte("-0.5"), -0.5)
	f(one, Text, []byte("1e3"), 1000)
	f(one, Text, []byte("NaN"), missing)
	f(one, Text, []byte("x"), wrong)
	f(one, Text, []byte("1 "), wrong)
	whole := store.Column{Type: tensor.Int64, Width: 1}
	f(whole, Text, []byte("9"), 9)
	f(whole, Text, []byte("12.0"), 12)
	f(whole, Text, []byte("1.5"), wrong)
	f(store.Column{Type: tensor.Int8, Width: 1}, Text, []byte("300"), wrong)
	f(one, F32LE, floats(1.5), 1.5)
	f(one, F32LE, floats(1.5, 2), wrong)
	f(one, F32LE, floats(float32(math.NaN())), missing)
	f(one, F32LE, []byte{1, 2}, wrong)

	three := store.Column{Type: tensor.FP32, Width: 3}
	f(three, F32LE, floats(1, 2, 3), 1, 2, 3)
	f(three, Protobuf, packed(floats(1, 2, 3)), 1, 2, 3)
	f(three, Protobuf, packed(floats(1, 2)), wrong)
	f(three, Protobuf, packed(nil), missing)
	single := append(protowire.AppendTag(nil, 1, protowire.Fixed32Type), floats(4)...)
	f(three, Protobuf, append(packed(floats(1, 2)), single...), 1, 2, 4)
	f(one, Protobuf, single, 4)
	other := protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.VarintType), 300)
	f(three, Protobuf, append(other, packed(floats(1, 2, 3))...), 1, 2, 3)
	f(three, Protobuf, packed(floats(1, 2, 3))[:9], wrong)
	f(three, Protobuf, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3), wrong)
	double := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1))
	f(store.Column{Type: tensor.FP64, Width: 1}, Protobuf, packed(double), 0.1)

	lists := store.Column{Type: tensor.Int32, Width: 3}
	f(lists, Protobuf, packed(varints(1, -2, 300)), 1, -2, 300)
	f(lists, Snappy, snappy.Encode(nil, packed(varints(1, -2, 300))), 1, -2, 300)
	f(store.Column{Type: tensor.FP32, Stored: tensor.Int64, Width: 2}, Snappy, snappy.Encode(nil, packed(varints(5, 6))), 5, 6)
	f(three, Snappy, snappy.Encode(nil, packed(floats(1, 2, 3))), 1, 2, 3)
	f(lists, Snappy, []byte("nonsense"), wrong)
	f(lists, Snappy, snappy.Encode(nil, make([]byte, 1000)), wrong)
	f(lists, Snappy, snappy.Encode(nil, packed(varints(1, 2, 3)))[:4], wrong)
}

func TestHashTimes(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		if got := timeOf([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	f("1700000000", 1700000000e9)
	f("1700000000.123456", 1700000000e9+123456e3)
	f("-1.5", -1.5e9)
	f("99999999999999", 0)
	f("soon", 0)
	f("NaN", 0)
}

func FuzzHashValue(f *testing.F) {
	kinds := []store.Column{
		{Name: "a", Type: tensor.FP32, Width: 1},
		{Name: "b", Type: tensor.Int64, Width: 3},
		{Name: "c", Type: tensor.FP64, Width: 2},
		{Name: "d", Type: tensor.Bool, Width: 1},
		{Name: "e", Type: tensor.FP32, Stored: tensor.Int32, Width: 2},
	}
	encodings := []Encoding{Text, F32LE, Protobuf, Snappy}
	for i := range encodings {
		for _, b := range [][]byte{[]byte("0"), []byte("-1.5"), floats(1, 2), packed(varints(1, 2, 3)), snappy.Encode(nil, packed(floats(1, 2)))} {
			f.Add(byte(i), byte(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, kind, encoding byte, b []byte) {
		if len(b) == 0 {
			return
		}
		g, err := store.NewGroup(store.Group{Keys: byID, Columns: []store.Column{kinds[int(kind)%len(kinds)]}})
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := newValue(&g.Columns[0], encodings[int(encoding)%len(encodings)])
		if err != nil {
			return
		}
		v := hashView{values: []value{decoded}, time: 1}
		var rows store.Rows
		rows.Reset(g, 3)
		scratch := make([]byte, 0, 16)
		v.put(&rows, 1, 0, b, &scratch)
		v.put(&rows, 1, 1, b, &scratch)
		if cap(scratch) > messageBytes(8)+16 {
			t.Errorf("%d bytes of memory for a list of %d", cap(scratch), g.Columns[0].Width)
		}
		written := func(key int) bool { return slices.ContainsFunc(rows.Row(key), func(b byte) bool { return b != 0 }) }
		if written(0) || written(2) {
			t.Error("the row of another key was written")
		}
		if state := rows.States(1)[0]; state != store.Present && written(1) {
			t.Errorf("a value in state %d has bytes %x", state, rows.Row(1))
		}
	})
}
