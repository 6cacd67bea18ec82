package traps_test

import (
	"fmt"
	"slices"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/traps"
	"sluice/internal/onnxgen"
)

const i32, i64, f32, i8 = onnxgen.Int32, onnxgen.Int64, onnxgen.Float32, 3

func TestFind(t *testing.T) {
	in := func(names ...string) []string { return names }
	pair := func(element int) *onnxgen.Graph {
		return onnxgen.New(18).Input("x", element, "N").Input("z", element, "N").OutputOf(element, "y")
	}
	f := func(name string, g *onnxgen.Graph, want ...string) {
		t.Helper()
		file := g.File()
		m, err := onnxfile.Parse(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := traps.Find(file, m)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: found %q, %v; want %q", name, got, err, want)
		}
	}
	div := func(g *onnxgen.Graph) *onnxgen.Graph { return g.Node("Div", "y", in("x", "z")) }
	f("floats", div(pair(f32)))
	f("small integers", div(pair(i8)))
	f("INT32", div(pair(i32)), "Div (node \"y\")")
	f("INT64", div(pair(i64)), "Div (node \"y\")")
	f("remainders", pair(i64).Node("Mod", "y", in("x", "z")), "Mod (node \"y\")")
	f("remainders as of floats", pair(i64).Node("Mod", "y", in("x", "z"), onnxgen.Whole("fmod", 1)))
	f("by a constant", pair(i64).Wholes("c", nil, 7).Node("Mod", "y", in("x", "c")))
	f("by -1", pair(i64).Wholes("c", nil, -1).Node("Div", "y", in("x", "c")), "Div (node \"y\")")
	f("lengths", pair(f32).Node("Shape", "s", in("x")).Node("Shape", "r", in("z")).Node("Div", "y", in("s", "r")))
	f("floats that are cast", pair(f32).Node("Cast", "a", in("x"), onnxgen.Whole("to", i64)).Node("Cast", "b", in("z"), onnxgen.Whole("to", i64)).
		Node("Div", "y", in("a", "b")), "Div (node \"y\")")
	f("integers that are cast", pair(i64).Node("Cast", "a", in("x"), onnxgen.Whole("to", f32)).Node("Cast", "b", in("z"), onnxgen.Whole("to", f32)).
		Node("Div", "y", in("a", "b")))
	f("after others", pair(i64).Node("Add", "a", in("x", "x")).Node("Reshape", "b", in("a", "z")).Node("Div", "y", in("b", "z")), "Div (node \"y\")")
	f("a name from nowhere", pair(f32).Node("Div", "y", in("nowhere", "nothing")), "Div (node \"y\")")
	f("lengths of windows", onnxgen.New(18).Input("x", f32, 1, "n", 1).Scalar("l", i64).Wholes("s", nil, 2).Node("STFT", "y", in("x", "s", "", "l")).Output("y"),
		"STFT (node \"y\")")
	f("a constant length", onnxgen.New(18).Input("x", f32, 1, "n", 1).Wholes("l", nil, 4).Wholes("s", nil, 2).Node("STFT", "y", in("x", "s", "", "l")).Output("y"))
	body := onnxgen.New(18).Node("Div", "q", in("x", "z")).OutputOf(i64, "q")
	f("a branch", onnxgen.New(18).Input("x", i64, "N").Input("z", i64, "N").Input("c", onnxgen.Bool).
		Node("If", "y", in("c"), onnxgen.Body("then_branch", body), onnxgen.Body("else_branch", body)).OutputOf(i64, "y"), "Div (node \"q\")")
	own := onnxgen.New(18).Node("Div", "q", in("a", "b"))
	f("a function of integers", onnxgen.New(18).Domain("own", 1).Input("x", i64, "N").Function("own", "Half", in("a", "b"), in("q"), own).
		Node("own.Half", "y", in("x", "x")).OutputOf(i64, "y"), "Div (node \"q\")")
	f("a function of floats", onnxgen.New(18).Domain("own", 1).Input("x", f32, "N").Function("own", "Half", in("a", "b"), in("q"), own).
		Node("own.Half", "y", in("x", "x")).OutputOf(f32, "y"))
	many := pair(i64)
	for k := range 20 {
		many = many.Node("Div", fmt.Sprint("d", k), in("x", "z"))
	}
	file := many.File()
	m, err := onnxfile.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := traps.Find(file, m); err != nil || len(got) != 8 {
		t.Errorf("of 20 nodes %d were told, %v", len(got), err)
	}
}

func FuzzFind(f *testing.F) {
	f.Add(onnxgen.New(18).Input("x", i64, "N").Input("z", i64, "N").Node("Div", "y", []string{"x", "z"}).OutputOf(i64, "y").File())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnxfile.Parse(data)
		if err != nil {
			return
		}
		if found, err := traps.Find(data, m); err == nil && len(found) > 9 {
			t.Errorf("%d found", len(found))
		}
	})
}
