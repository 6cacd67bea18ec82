package native

import (
	"strings"
	"testing"

	"sluice/features/store"
	"sluice/internal/tensor"
)

func TestNames(t *testing.T) {
	if got := PointerName("v"); got != "v:generation" {
		t.Error(got)
	}
	if got := SchemaName("v", 0xab); got != "v:schema:000000ab" {
		t.Error(got)
	}
	if got := string(AppendRowPrefix(nil, "v", 12)); got != "v:12:" {
		t.Error(got)
	}
	for name, good := range map[string]bool{
		"a": true, "Store_stats-2.v1": true, "_a": true, strings.Repeat("a", 128): true,
		"": false, ".a": false, "-a": false, "a:b": false, "a/b": false, "ä": false, "a b": false, strings.Repeat("a", 129): false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestPointer(t *testing.T) {
	f := func(got, want Pointer) {
		t.Helper()
		if again, err := ParsePointer(got.String() + "\n"); got != want || again != want || err != nil {
			t.Errorf("%v, read again as %v, %v; want %v", got, again, err, want)
		}
	}
	var p Pointer
	p = p.Begun()
	f(p, Pointer{Loading: 1})
	f(p.Begun(), p)
	p = p.Flip(100)
	f(p, Pointer{Visible: 1, Flipped: 100})
	if _, ok := p.Back(101); ok {
		t.Error("there is a way back from the first generation")
	}
	p = p.Begun().Flip(200)
	f(p, Pointer{Visible: 2, Previous: 1, Flipped: 200})
	back, ok := p.Back(201)
	if !ok {
		t.Error("there is no way back")
	}
	f(back, Pointer{Visible: 1, Previous: 2, Flipped: 201})
	f(back.Begun(), Pointer{Visible: 1, Previous: 2, Loading: 3, Flipped: 201})
	p = back.Begun().Flip(300)
	f(p, Pointer{Visible: 3, Previous: 1, Flipped: 300})
	if p.Dead(3, 400) || p.Dead(1, 400) || p.Dead(2, 309) || !p.Dead(2, 310) {
		t.Error("a generation is dead too soon, or never")
	}
	for _, text := range []string{"", "7", "visible=1 previous=0 loading=0", "visible=1 previous=0 loading=0 flipped=5 x", "visible=-1 previous=0 loading=0 flipped=5"} {
		if p, err := ParsePointer(text); err == nil {
			t.Errorf("%q is read as %v", text, p)
		}
	}
}

func TestSchemasThatAreNone(t *testing.T) {
	f := func(want string, columns ...Column) {
		t.Helper()
		if _, err := NewSchema(id, columns); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", columns, err)
		}
	}
	f("0 columns")
	f("not empty", Column{Type: tensor.FP32, Width: 1})
	f("one line", Column{Name: "a\nb", Type: tensor.FP32, Width: 1})
	f("twice", Column{Name: "a", Type: tensor.FP32, Width: 1}, Column{Name: "a", Type: tensor.FP32, Width: 1})
	f("of type BYTES", Column{Name: "a", Type: tensor.Bytes, Width: 1})
	f("width 0", Column{Name: "a", Type: tensor.FP32})
	f("1048576 bytes", Column{Name: "a", Type: tensor.FP64, Width: 1<<17 + 1})
	f("1048576 bytes", Column{Name: "a", Type: tensor.FP64, Width: 1 << 17}, Column{Name: "b", Type: tensor.Int8, Width: 1})
	if _, err := NewSchema(nil, []Column{{Name: "a", Type: tensor.FP32, Width: 1}}); err == nil {
		t.Error("a schema has no keys")
	}
	const title, key = "sluice-row 1\n", "key INT64 id\n"
	for _, record := range []string{
		"", "sluice-row 2\n" + key + "FP32 1 a\n", title, title + key, title + "FP32 1 a\n", title + "FP32 1 a\n" + key, title + key + "FP32 1 a", title + key + "FP32 a\n",
		title + key + "FP32 01 a\n", title + key + "FP33 1 a\n", title + "key FP32 id\nFP32 1 a\n", title + key + "key INT64\nFP32 1 a\n",
	} {
		if s, err := ParseSchema([]byte(record)); err == nil {
			t.Errorf("%q is read as %v", record, s)
		}
	}
}

// TestOtherKeysAreRefused gives a reader the schema of rows that are stored by the same keys in another order.
func TestOtherKeysAreRefused(t *testing.T) {
	a, b := store.KeyColumn{Name: "a", Type: store.Int64}, store.KeyColumn{Name: "b", Type: store.Int64}
	g, err := store.NewGroup(store.Group{Name: "g", View: "v", Keys: []store.KeyColumn{a, b}, Columns: []store.Column{{Name: "f", Type: tensor.FP32, Width: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(g)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSchema([]store.KeyColumn{b, a}, []Column{{Name: "f", Type: tensor.FP32, Width: 1}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "view v is stored by the keys b (INT64), a (INT64), and group g asks by a (INT64), b (INT64): give it the same keys, in the same order and of the same types"
	if err := d.Learn(s); err == nil || err.Error() != want || d.Knows(s.Hash()) {
		t.Error(err)
	}
}
