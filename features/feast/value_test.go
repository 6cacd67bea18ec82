package feast

import (
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"sluice/features/store"
	"sluice/internal/tensor"
)

var id = []store.KeyColumn{{Name: "id", Type: store.Int64}}

// TestPut goes through what the golden files have not: each kind of list, lists that are not packed, null, unknown fields,
// several fields, and damage.
func TestPut(t *testing.T) {
	f := func(c store.Column, value string, want any) {
		t.Helper()
		c.Name = "f"
		var r store.Rows
		r.Reset(group(t, "v", id, c), 1)
		Put(&r, 0, 0, unhex(t, value))
		check(t, value, &r, map[string]any{"f": want}, 0)
	}
	number, list := col("", tensor.FP32, 1), col("", tensor.FP64, 2)
	f(number, "", nil)
	f(number, "980100", nil)                         // null
	f(number, "980101", nil)                         // null, not of the enumeration
	f(number, "350000003f", float32(.5))             // float
	f(number, "350000c07f", nil)                     // NaN
	f(number, "1801", float32(1))                    // int32
	f(number, "18ffffffff0f", float32(-1))           // int32 whose sign was not extended
	f(number, "3880808000", float32(0))              // bool, in more bytes than it needs
	f(number, "4080808080808080808001", nil)         // not a time
	f(number, "120131", wrong{})                     // a string of a digit
	f(number, "0a00", wrong{})                       // no bytes
	f(number, "82010a0a080000003f000000bf", wrong{}) // a list
	f(number, "a2010101", wrong{})                   // a kind that is not known
	f(number, "a20101013500000040", float32(2))      // an unknown field before
	f(number, "3500000040a2010101", float32(2))      // and behind
	f(number, "98060135000000401802", float32(2))    // two of the oneof: the last
	f(number, "35000000", wrong{})                   // cut
	f(number, "1a0101", wrong{})                     // an int32 with the wire type of bytes
	f(number, "ffffffffffffffffffffff", wrong{})     // no tag
	f(col("", tensor.Int8, 1), "188001", wrong{})    // 128
	f(list, "6a040a020102", []float64{1, 2})         // int32, packed
	f(list, "6a0408010802", []float64{1, 2})         // int32, one by one
	f(list, "6a0508010a0102", []float64{1, 2})       // both
	f(list, "7214120108080108800110011001", wrong{})
	f(list, "720712010808010802", []float64{1, 2}) // an unknown field in it
	f(list, "7a120a10000000000000f03f0000000000000040", []float64{1, 2})
	f(list, "7a1209000000000000f03f090000000000000040", []float64{1, 2})
	f(list, "82010a0d0000803f0d00000040", []float64{1, 2})
	f(list, "82010a0a080000803f0000c07f", []float64{1, math.Float64frombits(0x7ff8000000000000)}) // NaN in a list stays
	f(list, "8a01040a020105", []float64{1, 1})                                                    // bool
	f(list, "92010e0a0c80808080808080808001"+"8001", []float64{math.Float64frombits(0x7ff8000000000001), 128})
	f(list, "6a030a0101", wrong{})             // short
	f(list, "6a050a03010203", wrong{})         // long
	f(list, "6a040a030102", wrong{})           // cut
	f(list, "7a0a0a08000000000000f0", wrong{}) // cut
	f(list, "6a05080109000000", wrong{})       // another wire type, cut
	f(list, "6a0b080109000000000000f03f", wrong{})
	f(list, "350000003f", wrong{}) // a number
	f(list, "820100", nil)
}

func TestTime(t *testing.T) {
	f := func(message string, want int64) {
		t.Helper()
		if got := Time(unhex(t, message)); got != want {
			t.Errorf("%s is %d, want %d", message, got, want)
		}
	}
	f("", 0)
	f("0880e2cfaa06", 1700000000e9)
	f("0880e2cfaa06108094ef3a", 1700000000e9+123456000)
	f("108094ef3a0880e2cfaa06", 1700000000e9+123456000)
	f("08ffffffffffffffffff01", -1e9)
	f("0880e2cfaa061a0101", 1700000000e9)      // an unknown field
	f("0880e2cfaa", 0)                         // cut
	f("08808080808080808080011080", 0)         // cut
	f("08ffffffffffffffff7f", 0)               // beyond what nanoseconds hold
	f("0880e2cfaa0610ffffffffffffffffff01", 0) // nanoseconds below 0
}

// TestListsInEachForm writes lists packed and one by one, in pieces, and reads the same.
func TestListsInEachForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Float64(), 1, 9).Draw(t, "list")
		var message []byte
		for rest := want; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if n == 1 && rapid.Bool().Draw(t, "alone") {
				message = protowire.AppendFixed64(protowire.AppendTag(message, 1, protowire.Fixed64Type), math.Float64bits(rest[0]))
			} else {
				message = protowire.AppendVarint(protowire.AppendTag(message, 1, protowire.BytesType), uint64(8*n))
				for _, v := range rest[:n] {
					message = protowire.AppendFixed64(message, math.Float64bits(v))
				}
			}
			rest = rest[n:]
		}
		g, err := store.NewGroup(store.Group{Keys: id, Columns: []store.Column{col("f", tensor.FP64, len(want))}})
		if err != nil {
			t.Fatal(err)
		}
		var r store.Rows
		r.Reset(g, 1)
		Put(&r, 0, 0, protowire.AppendBytes(protowire.AppendTag(nil, doubleList, protowire.BytesType), message))
		for i, v := range want {
			if got := tensor.FloatAt(tensor.FP64, r.Row(0), i); got != v || r.States(0)[0] != store.Present {
				t.Fatalf("element %d is %v in state %d, want %v", i, got, r.States(0)[0], v)
			}
		}
	})
}

func TestNames(t *testing.T) {
	if field := Field(Name("driver_hourly_stats", "conv_rate")); !slices.Equal(field[:], []byte{0x61, 0x60, 0xe3, 0xda}) {
		t.Errorf("the field is %x", field)
	}
	if View("a", 0) != "a" || View("a", 2) != "a_v2" || TimeField(View("a", 2)) != "_ts:a_v2" {
		t.Error("a version's name is another")
	}
	names := []string{"v:a", "v:b", "v:a"}
	if a, b, found := Collision(names); found {
		t.Errorf("%s and %s collide", a, b)
	}
	// The first two of the names v:f0, v:f1, ... that have one hash.
	owner := map[[4]byte]string{}
	for i := 0; ; i++ {
		name := Name("v", "f"+string(rune('a'+i%26))+View("", i))
		other, taken := owner[Field(name)]
		owner[Field(name)] = name
		if taken {
			if a, b, found := Collision([]string{"v:a", other, "v:b", name}); !found || a != other || b != name {
				t.Errorf("%s and %s collide, but %q, %q, %v was found", other, name, a, b, found)
			}
			return
		}
	}
}

func TestKeyLayouts(t *testing.T) {
	for _, l := range []KeyLayout{V3, V2, RedisKeyV2} {
		if got, err := ParseKeyLayout(l.String()); got != l || err != nil {
			t.Error(got, err)
		}
	}
	if l, err := ParseKeyLayout(""); l != V3 || err != nil {
		t.Error(l, err)
	}
	if _, err := ParseKeyLayout("v4"); err == nil || err.Error() != `"v4" is no layout of entity keys: it must be one of v3, v2, redis_key_v2` {
		t.Error(err)
	}
}

// TestRedisKeyV2 holds the message's bytes to ones written by hand after its definition.
func TestRedisKeyV2(t *testing.T) {
	f := func(keys []store.KeyColumn, project string, key store.Key, want string) {
		t.Helper()
		g := group(t, "v", keys, col("f", tensor.FP32, 1))
		if got := NewKeys(g, RedisKeyV2, project).Append(nil, key); !slices.Equal(got, unhex(t, want)) {
			t.Errorf("%x, want %s", got, want)
		}
	}
	f([]store.KeyColumn{{Name: "id", Type: store.Int64}}, "p", store.AppendInt(nil, store.Int64, 1001), "0a0170"+"12026964"+"1a0320e907")
	f([]store.KeyColumn{{Name: "id", Type: store.Int32}}, "", store.AppendInt(nil, store.Int32, -1), "12026964"+"1a0b18ffffffffffffffffff01")
	f([]store.KeyColumn{{Name: "b", Type: store.Int64}, {Name: "a", Type: store.Text}}, "p", store.AppendText(store.AppendInt(nil, store.Int64, 7), "xy"),
		"0a0170"+"120161"+"120162"+"1a0412027879"+"1a022007")
}

func TestNothingIsAllocated(t *testing.T) {
	g := driverGroup(t)
	value, list := unhex(t, "350000003f"), unhex(t, "82010a0a080000003f000000bf")
	time := unhex(t, "0880e2cfaa06108094ef3a")
	service := group(t, "eta_v1", id, col("driver_flags__flags", tensor.Int32, 1))
	vector, d := NewVector(service), load(t, "redis_v3_precompute.json")
	stored := unhex(t, d.Redis["0100000002000000090000006472697665725f69640400000008000000e9030000000000006d795f70726f6a656374"].Hash["dfa428fa"])
	key, dst := store.AppendInt(nil, store.Int64, 1001), make([]byte, 0, 100)
	var r, of store.Rows
	keys, message := NewKeys(g, V3, project), NewKeys(g, RedisKeyV2, project)
	vector.Put(rowsOf(&of, service), 0, stored)
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(g, 1)
		dst = keys.Append(dst[:0], key)
		dst = message.Append(dst[:0], key)
		Put(&r, 0, 0, value)
		Put(&r, 0, g.Column("emb"), list)
		r.SetTime(0, Time(time))
		vector.Put(rowsOf(&of, service), 0, stored)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func rowsOf(r *store.Rows, g *store.Group) *store.Rows {
	r.Reset(g, 1)
	return r
}
