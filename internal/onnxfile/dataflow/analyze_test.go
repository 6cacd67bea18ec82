package dataflow_test

import (
	"reflect"
	"slices"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/dataflow"
	"sluice/internal/onnxgen"
)

func TestOutputs(t *testing.T) {
	g := matrices().Floats("c", []int{2}).
		Node("Tanh", "same", in("x")).
		Node("Neg", "constant", in("c")).
		Node("Transpose", "turned", in("x"), onnxgen.Wholes("perm", 1, 0, 2)).
		Wholes("s", []int{2}, -1, 4).Node("Reshape", "flat", in("x", "s")).
		Node("ReduceMax", "joined", in("x"), onnxgen.Wholes("axes", 0)).
		Output("same", "constant", "turned", "flat", "joined")
	r := analyze(t, g, dataflow.Question{})
	type want struct {
		kind       dataflow.Kind
		rows, same bool
	}
	wants := []want{
		{dataflow.Proven, true, false},
		{dataflow.Proven, false, true},
		{dataflow.Proven, false, false},
		{dataflow.Proven, false, false},
		{dataflow.Mixes, false, false},
	}
	for i, w := range wants {
		if o := r.Outputs[i]; (want{o.Kind, o.RowsOnAxis0, o.Same}) != w {
			t.Errorf("output %q: %+v, want %+v", o.Name, o, w)
		}
	}
	if got := r.Outputs[0].Row; !r.Outputs[0].Ranked || !reflect.DeepEqual(got, []onnxfile.Dim{{Size: -1, Param: "T"}, {Size: 4}}) {
		t.Errorf("a row has the shape %v", got)
	}
	if got := r.Verdict.String(); got != `mixes at node "joined" (ReduceMax): reduces over the rows` {
		t.Errorf("the model's verdict is %s", got)
	}
}

// TestOnce gives a user's row once to many items.
func TestOnce(t *testing.T) {
	pair := func() *onnxgen.Graph {
		return onnxgen.New(17).Input("user", f32, "B", 4).Input("items", f32, "N", 4)
	}
	f := func(name string, g *onnxgen.Graph, want string, once ...bool) {
		t.Helper()
		r := analyze(t, g, dataflow.Question{Once: map[string]bool{"user": true}})
		if got := r.Verdict.String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		for i, o := range r.Outputs {
			if o.Once != once[i] {
				t.Errorf("%s: output %q follows what is given once: %v", name, o.Name, o.Once)
			}
		}
	}
	f("added", pair().Node("Add", "y", in("items", "user")).Output("y"), "proven", false)
	f("an output for the user", pair().Node("Add", "y", in("items", "user")).Node("Tanh", "z", in("user")).Output("y", "z"), "proven", false, true)
	f("multiplied", pair().Node("Mul", "m", in("items", "user")).Node("ReduceSum", "y", in("m", "a")).Wholes("a", []int{1}, 1).Output("y"), "proven", false)
	f("joined", pair().Node("Concat", "y", in("items", "user"), whole("axis", 1)).Output("y"),
		`unknown at node "y" (Concat): joins a single row with rows`, false)
	f("all users and all items", pair().Node("Transpose", "t", in("user")).Node("MatMul", "y", in("items", "t")).Output("y"),
		`mixes at node "y" (MatMul): multiplies rows with one another`, false)
	f("the mean of the items", pair().Node("ReduceMean", "m", in("items"), onnxgen.Wholes("axes", 0)).Node("Add", "y", in("m", "user")).Output("y"),
		`mixes at node "m" (ReduceMean): reduces over the rows`, false)
	f("a scalar", onnxgen.New(17).Input("items", f32, "N", 4).Scalar("user", f32).Node("Mul", "y", in("items", "user")).Output("y"), "proven", false)
	// Repeated, the sum over users is that of all their copies.
	f("the sum over users", pair().Node("ReduceSum", "m", in("user", "a")).Wholes("a", []int{1}, 0).Node("Add", "y", in("items", "m")).Output("y"),
		`mixes at node "m" (ReduceSum): reduces over the rows`, false)
}

func TestFixedBatch(t *testing.T) {
	fixed := func(rows int) *onnxgen.Graph { return onnxgen.New(17).Input("x", f32, rows, 4) }
	f := func(name string, g *onnxgen.Graph, batch int64, want string) {
		t.Helper()
		if got := analyze(t, g, dataflow.Question{Batch: batch}).Verdict.String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	traced := func(g *onnxgen.Graph, rows int64) *onnxgen.Graph {
		return g.Wholes("s", []int{3}, rows, 2, 2).Node("Reshape", "y", in("x", "s")).Output("y")
	}
	f("traced", traced(fixed(8), 8), 8, "proven")
	f("traced, from the file", traced(fixed(8), 8), 0, "proven")
	f("traced, as long as wide", traced(fixed(4), 4), 4, "proven")
	f("turned, as long as wide", fixed(4).Node("Transpose", "t", in("x")).Node("MatMul", "y", in("t", "x")).Output("y"), 4,
		`mixes at node "y" (MatMul): sums over the rows`)
	f("a constant for each place", fixed(3).Floats("c", []int{3, 1}).Node("Add", "y", in("x", "c")).Output("y"), 3,
		`unknown at node "y" (Add): a value that is the same for all requests may differ by a row's position`)
	f("one row", fixed(1).Node("ReduceSum", "y", in("x")).Floats("z", nil).Output("y"), 1, "proven")
	f("one row, for any number", traced(vectors(), 1), 0, `unknown at node "y" (Reshape): fits a fixed number of rows alone`)
	f("one row with random numbers", fixed(1).Node("RandomNormalLike", "y", in("x")).Output("y"), 1, `mixes at node "y" (RandomNormalLike): draws random numbers`)
	f("in halves", fixed(4).Nodes("Split", in("y", "z"), in("x")).Output("y"), 4, `mixes at node "y" (Split): cuts rows by their position`)
}

func TestHints(t *testing.T) {
	f := func(name string, g *onnxgen.Graph, want ...dataflow.Hint) {
		t.Helper()
		got := analyze(t, g, dataflow.Question{}).Hints
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: %+v, want %+v", name, got[i], want[i])
			}
		}
	}
	table := func(g *onnxgen.Graph, from string) *onnxgen.Graph {
		return g.Floats("t", []int{9, 4}).Node("Gather", "y", in("t", from)).Output("y")
	}
	words := func() *onnxgen.Graph {
		return onnxgen.New(17).Domain("ai.onnx.ml", 3).Input("x", onnxgen.String, "N")
	}
	plain := dataflow.Hint{Name: "x", Axis: -1}
	f("a table", table(ids(), "x"), dataflow.Hint{Name: "x", HasRange: true, High: 8, Axis: -1})
	f("a table of floats that are cast", table(numbers().Node("Cast", "i", in("x"), whole("to", i64)), "i"), dataflow.Hint{Name: "x", HasRange: true, High: 8, Axis: -1})
	f("identifiers from 1", table(ids().Wholes("one", nil, 1).Node("Sub", "i", in("x", "one")), "i"), dataflow.Hint{Name: "x", HasRange: true, Low: 1, High: 9, Axis: -1})
	f("the smaller of two tables", table(ids().Floats("u", []int{5}).Node("Gather", "z", in("u", "x")), "x").Output("z"), dataflow.Hint{Name: "x", HasRange: true, High: 4, Axis: -1})
	f("a hash", table(ids().Wholes("m", nil, 9).Node("Mod", "i", in("x", "m")), "i"), plain)
	f("one hot", ids().Wholes("d", nil, 6).Floats("v", []int{2}, 0, 1).Node("OneHot", "y", in("x", "d", "v")).Output("y"), dataflow.Hint{Name: "x", HasRange: true, High: 5, Axis: -1})
	f("categories", words().Node("ai.onnx.ml.OneHotEncoder", "y", in("x"), onnxgen.Texts("cats_strings", "a", "b")).Output("y"), dataflow.Hint{Name: "x", Strings: []string{"a", "b"}, Axis: -1})
	f("labels", ids().Domain("ai.onnx.ml", 3).Node("ai.onnx.ml.LabelEncoder", "y", in("x"), onnxgen.Wholes("keys_int64s", 7, 3)).Output("y"),
		dataflow.Hint{Name: "x", HasRange: true, Low: 3, High: 7, Integers: []int64{7, 3}, Axis: -1})
	f("numbers in strings", words().Node("Cast", "y", in("x"), whole("to", i64)).OutputOf(i64, "y"), dataflow.Hint{Name: "x", Numeric: true, Axis: -1})
	f("a divisor", ids().Input("z", i64, "N").Node("Div", "y", in("z", "x")).OutputOf(i64, "y"), dataflow.Hint{Name: "x", NonZero: true, Axis: -1})
	f("a divisor that is a float", numbers().Input("z", f32, "N").Node("Div", "y", in("z", "x")).Output("y"), plain)
	f("the longest of all", matrices().Input("n", i64, "N").Wholes("b", []int{1}, 0).Wholes("one", []int{1}, 1).Node("ReduceMax", "m", in("n")).Node("Slice", "y", in("x", "b", "m", "one")).Output("y"),
		plain, dataflow.Hint{Name: "n", Length: true, Of: "x", Axis: 1})
	f("a step of each row", onnxgen.New(17).Input("x", f32, "N", 6, 4).Input("n", i64, "N").Node("Shape", "s", in("x")).Wholes("zero", nil, 0).Wholes("one", nil, 1).Node("Gather", "k", in("s", "zero")).Node("Range", "r", in("zero", "k", "one")).
		Node("Sub", "l", in("n", "one")).Wholes("a", []int{1}, 1).Node("Unsqueeze", "u", in("r", "a")).Node("Unsqueeze", "v", in("l", "a")).Node("Concat", "p", in("u", "v"), whole("axis", 1)).Node("GatherND", "y", in("x", "p")).Output("y"),
		plain, dataflow.Hint{Name: "n", HasRange: true, Low: 1, High: 6, Axis: -1})
	f("words that are counted", words().Domain("com.microsoft", 1).Node("StringNormalizer", "l", in("x"), onnxgen.Text("case_change_action", "LOWER")).Node("com.microsoft.Tokenizer", "t", in("l"), onnxgen.Text("pad_value", "#")).
		Node("TfIdfVectorizer", "y", in("t"), onnxgen.Texts("pool_strings", "a", "b"), onnxgen.Wholes("ngram_indexes", 0, 1)).Output("y"), dataflow.Hint{Name: "x", Strings: []string{"a", "b"}, Axis: -1})
	f("a mask", onnxgen.New(17).Input("x", i64, "N", "T").Node("Cast", "y", in("x"), whole("to", onnxgen.Bool)).OutputOf(onnxgen.Bool, "y"), dataflow.Hint{Name: "x", Mask: true, Axis: -1})
	f("a length", matrices().Input("n", i64, "N").Node("Shape", "s", in("x")).Wholes("zero", nil, 0).Wholes("one", nil, 1).Node("Gather", "k", in("s", "one")).
		Node("Range", "r", in("zero", "k", "one")).Wholes("a", []int{1}, 1).Node("Unsqueeze", "u", in("n", "a")).Node("Less", "y", in("r", "u")).OutputOf(onnxgen.Bool, "y"),
		plain, dataflow.Hint{Name: "n", Length: true, Of: "x", Axis: 1})
}

// TestUnanswered holds what the caller is told of files that are no models.
func TestUnanswered(t *testing.T) {
	if _, err := dataflow.Analyze([]byte{1}, &onnxfile.Model{}, dataflow.Question{}); err == nil {
		t.Error("a broken file was analysed")
	}
	m := &onnxfile.Model{Outputs: []onnxfile.Value{{Name: "y"}}}
	r, err := dataflow.Analyze(vectors().File(), m, dataflow.Question{})
	if err != nil || r.Outputs[0].Kind != dataflow.Unknown || r.Outputs[0].Reason != "no node computes it" {
		t.Errorf("an output that nobody computes: %+v, %v", r, err)
	}
}

func TestVerdictStrings(t *testing.T) {
	got := []string{
		dataflow.Verdict{}.String(),
		dataflow.Verdict{Kind: dataflow.Mixes, Node: "a", Op: "Add", Reason: "r"}.String(),
		dataflow.Verdict{Kind: dataflow.Unknown, Reason: "r"}.String(),
	}
	if want := []string{"proven", `mixes at node "a" (Add): r`, "unknown: r"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
