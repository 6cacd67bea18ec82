package native

import (
	"strings"
	"testing"

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
		if _, err := NewSchema(columns); err == nil || !strings.Contains(err.Error(), want) {
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
	for _, record := range []string{"", "sluice-row 2\nFP32 1 a\n", "sluice-row 1\n", "sluice-row 1\nFP32 1 a", "sluice-row 1\nFP32 a\n", "sluice-row 1\nFP32 01 a\n", "sluice-row 1\nFP33 1 a\n"} {
		if s, err := ParseSchema([]byte(record)); err == nil {
			t.Errorf("%q is read as %v", record, s)
		}
	}
}
