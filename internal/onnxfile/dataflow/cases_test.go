package dataflow_test

import (
	"strings"
	"testing"

	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/dataflow"
	"sluice/internal/onnxgen"
)

// A case is a graph, and how the verdict on it begins.
type verdictCase struct {
	name  string
	graph *onnxgen.Graph
	want  string
}

// cases are all tables of graphs.
func cases() []verdictCase {
	var all []verdictCase
	for _, list := range [][]verdictCase{
		elementCases(), layoutCases(), partCases(), countCases(), choiceCases(), axisCases(), productCases(),
		countedCases(), evenCases(), numberCases(), layerCases(), recurrentCases(), classicCases(), textCases(), controlCases(), nameCases(), sequenceCases(), fusedCases(), quantizedCases(), otherCases(),
	} {
		all = append(all, list...)
	}
	return all
}

func TestVerdicts(t *testing.T) {
	for _, c := range cases() {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			if got := analyze(t, c.graph, dataflow.Question{}).Verdict.String(); !strings.HasPrefix(got, c.want) {
				t.Errorf("the verdict is %s, want %s", got, c.want)
			}
		})
	}
}

func analyze(t *testing.T, g *onnxgen.Graph, q dataflow.Question) *dataflow.Result {
	t.Helper()
	m, err := onnxfile.Parse(g.File())
	if err != nil {
		t.Fatal(err)
	}
	r, err := dataflow.Analyze(g.File(), m, q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Graphs with one input, whose rows are vectors, matrices, single numbers or identifiers.

const f32, i64 = onnxgen.Float32, onnxgen.Int64

func vectors() *onnxgen.Graph  { return onnxgen.New(17).Input("x", f32, "N", 4) }
func matrices() *onnxgen.Graph { return onnxgen.New(17).Input("x", f32, "N", "T", 4) }
func numbers() *onnxgen.Graph  { return onnxgen.New(17).Input("x", f32, "N") }
func ids() *onnxgen.Graph      { return onnxgen.New(17).Input("x", i64, "N") }
func images() *onnxgen.Graph   { return onnxgen.New(17).Input("x", f32, "N", 3, 8, 8) }

var (
	in    = onnxgen.In
	whole = onnxgen.Whole
)

func elementCases() []verdictCase {
	twoOf := func(a, b []any) *onnxgen.Graph {
		return onnxgen.New(17).Input("x", f32, a...).Input("z", f32, b...).Node("Add", "y", in("x", "z")).Output("y")
	}
	n := []any{"N"}
	return []verdictCase{
		{"unary", vectors().Node("Tanh", "y", in("x")).Output("y"), "proven"},
		{"two inputs", twoOf([]any{"N", 4}, []any{"N", 4}), "proven"},
		{"a column beside a matrix", twoOf([]any{"N", 4}, []any{"N", 1}), "proven"},
		{"a vector beside a column", twoOf([]any{"N", 1}, n), `mixes at node "y" (Add): pairs each row with all rows`},
		{"a vector beside a matrix", twoOf([]any{"N", 4}, n), `mixes at node "y" (Add): pairs each row with all rows`},
		{"a free axis beside a fixed one", twoOf([]any{"N", "T"}, []any{"N", 4}), "proven"},
		{"rows in front of rows", twoOf([]any{"N", "T", 4}, []any{"N", 4}), `mixes at node "y" (Add)`},
		{"a constant of one row", vectors().Floats("c", []int{1, 4}).Node("Add", "y", in("x", "c")).Output("y"), "proven"},
		{"a constant of three rows", vectors().Floats("c", []int{3, 4}).Node("Add", "y", in("x", "c")).Output("y"), `mixes at node "y" (Add): the result depends on the number of rows`},
		{"a constant in front", vectors().Floats("c", []int{5, 1, 4}).Node("Add", "y", in("c", "x")).Output("y"), `unknown: axis 0 of output "y"`},
		{"a constant in front, turned", vectors().Floats("c", []int{5, 1, 4}).Node("Add", "a", in("c", "x")).
			Node("Transpose", "y", in("a"), onnxgen.Wholes("perm", 1, 0, 2)).Output("y"), "proven"},
		{"where", vectors().Floats("c", []int{}).Node("Greater", "b", in("x", "c")).Node("Where", "y", in("b", "x", "c")).Output("y"), "proven"},
		{"clip", vectors().Floats("l", []int{}).Floats("h", []int{}).Node("Clip", "y", in("x", "l", "h")).Output("y"), "proven"},
		{"clip to a row", vectors().Node("ReduceMax", "h", in("x"), whole("keepdims", 0)).Node("Clip", "y", in("x", "", "h")).Output("y"), `mixes at node "h" (ReduceMax)`},
		{"an output that is no row's", vectors().Floats("c", []int{2}).Node("Neg", "y", in("c")).Output("y"), `unknown: axis 0 of output "y"`},
		{"an operator that nobody knows", vectors().Domain("own", 1).Node("own.Op", "y", in("x")).Output("y"), `unknown at node "y" (own.Op): this operator is not analysed`},
		{"an unknown one of constants", vectors().Domain("own", 1).Floats("c", []int{1}).Node("own.Op", "d", in("c")).Node("Add", "y", in("x", "d")).Output("y"), `unknown at node "d" (own.Op)`},
		{"what nobody computes", vectors().Node("Add", "y", in("x", "nothing")).Output("y"), `unknown at node "y" (Add): reads "nothing"`},
		{"nodes in another order", vectors().Node("Tanh", "y", in("a")).Node("Neg", "a", in("x")).Output("y"), "proven"},
		{"a circle", vectors().Node("Tanh", "y", in("a")).Node("Neg", "a", in("y")).Output("y"), `unknown at node`},
		{"old broadcasting", onnxgen.New(6).Input("x", f32, "N", 4).Floats("c", []int{4}).Node("Add", "y", in("x", "c")).Output("y"), `unknown at node "y" (Add): version 6`},
		{"operators of the future", onnxgen.New(99).Input("x", f32, "N", 4).Node("Tanh", "y", in("x")).Output("y"), `unknown at node "y" (Tanh): version 99`},
		{"a scalar input", onnxgen.New(17).Input("x", f32, "N").Scalar("k", f32).Node("Add", "y", in("x", "k")).Output("y"), `unknown: input "k" is a scalar`},
		{"no shape given", onnxgen.New(17).Input("x", f32).Floats("c", []int{}).Node("Tanh", "a", in("x")).Node("Mul", "y", in("a", "c")).Output("y"), "proven"},
		{"no shape given, and a vector", onnxgen.New(17).Input("x", f32).Floats("c", []int{4}).Node("Mul", "y", in("x", "c")).Output("y"), `unknown at node "y" (Mul)`},
		{"as wide as rows", onnxgen.New(17).Input("x", f32, "N", "N").Node("Tanh", "y", in("x")).Output("y"), `unknown: input "x" has the rows' dimension on axis 1 too`},
		{"random numbers", vectors().Node("RandomNormalLike", "r", in("x")).Node("Add", "y", in("x", "r")).Output("y"), `mixes at node "r" (RandomNormalLike): draws random numbers`},
		{"random numbers of a shape", vectors().Node("RandomNormal", "r", nil, onnxgen.Wholes("shape", 1, 4)).Node("Add", "y", in("x", "r")).Output("y"), `mixes at node "r" (RandomNormal): draws`},
		{"dropout", vectors().Node("Dropout", "y", in("x")).Output("y"), "proven"},
		{"dropout that trains", vectors().Floats("p", []int{}).Raw("on", onnxgen.Bool, nil, []byte{1}).Node("Dropout", "y", in("x", "p", "on")).Output("y"), `mixes at node "y" (Dropout)`},
		{"one node for two outputs", vectors().Node("ReduceMean", "m", in("x"), onnxgen.Wholes("axes", 0)).Node("Tanh", "a", in("x")).Node("Add", "y", in("x", "m")).Output("a", "y"), `mixes at node "m" (ReduceMean): reduces over the rows`},
	}
}

func layoutCases() []verdictCase {
	reshape := func(g *onnxgen.Graph, to ...int64) *onnxgen.Graph {
		return g.Wholes("s", []int{len(to)}, to...).Node("Reshape", "y", in("x", "s")).Output("y")
	}
	perm := func(g *onnxgen.Graph, from, to string, p ...int64) *onnxgen.Graph {
		return g.Node("Transpose", to, in(from), onnxgen.Wholes("perm", p...))
	}
	flat := func() *onnxgen.Graph { // [N·T, 4]
		return matrices().Wholes("s", []int{2}, -1, 4).Node("Reshape", "f", in("x", "s"))
	}
	back := func(g *onnxgen.Graph, from string) *onnxgen.Graph { // to the shape of x
		return g.Node("Shape", "sx", in("x")).Node("Reshape", "y", in(from, "sx")).Output("y")
	}
	turned := func() *onnxgen.Graph { return perm(matrices(), "x", "t", 1, 0, 2) } // [T, N, 4]
	return []verdictCase{
		{"reshape by -1 in front", reshape(vectors(), -1, 2, 2), "proven"},
		{"reshape by 0", reshape(vectors(), 0, 2, -1), "proven"},
		{"reshape that pairs rows", reshape(vectors(), -1, 8), `unknown at node "y" (Reshape): a length is not known to divide`},
		{"reshape that turns rows", reshape(vectors(), 4, -1), `mixes at node "y" (Reshape): lays elements of several rows side by side`},
		{"reshape to one row", reshape(vectors(), 1, 4), `unknown at node "y" (Reshape): fits a fixed number of rows alone`},
		{"reshape to a list", reshape(vectors(), -1), `unknown: axis 0 of output "y"`},
		{"an axis of rows in two", reshape(vectors(), 2, -1, 4), `unknown at node "y" (Reshape)`},
		{"a free axis to the end", reshape(matrices(), 0, -1), "proven"},
		{"a free axis that is not known to divide", reshape(onnxgen.New(17).Input("x", f32, "N", "T"), -1, 2), `unknown at node "y" (Reshape): a length`},
		{"N·T flattened and restored", back(flat().Node("Tanh", "w", in("f")), "w"), "proven"},
		{"N·T flattened, softmax in a row", back(flat().Node("Softmax", "w", in("f")), "w"), "proven"},
		{"N·T flattened, softmax over it", back(flat().Node("Softmax", "w", in("f"), whole("axis", 0)), "w"), `mixes at node "w" (Softmax)`},
		{"T·N flattened and restored", perm(turned().Wholes("s", []int{2}, -1, 4).Node("Reshape", "f", in("t", "s")).
			Node("Shape", "st", in("t")).Node("Reshape", "b", in("f", "st")), "b", "y", 1, 0, 2).Output("y"), "proven"},
		{"T·N flattened, restored as N·T", back(turned().Wholes("s", []int{2}, -1, 4).Node("Reshape", "f", in("t", "s")), "f"), `unknown at node "y" (Reshape)`},
		{"flatten", matrices().Node("Flatten", "y", in("x")).Output("y"), "proven"},
		{"flatten from axis 2", back(matrices().Node("Flatten", "f", in("x"), whole("axis", 2)), "f"), "proven"},
		{"flatten all", vectors().Node("Flatten", "y", in("x"), whole("axis", 0)).Output("y"), `unknown: axis 0 of output "y"`},
		{"rows at the end", perm(vectors(), "x", "y", 1, 0).Output("y"), `unknown: axis 0 of output "y" has not one row`},
		{"to the end and back", perm(perm(vectors(), "x", "t", 1, 0), "t", "y", 1, 0).Output("y"), "proven"},
		{"unsqueeze in front and squeeze", vectors().Wholes("z", []int{1}, 0).Node("Unsqueeze", "u", in("x", "z")).Node("Tanh", "w", in("u")).Node("Squeeze", "y", in("w", "z")).Output("y"), "proven"},
		{"squeeze the rows", vectors().Wholes("z", []int{1}, 0).Node("Squeeze", "y", in("x", "z")).Output("y"), `unknown at node "y" (Squeeze): removes the axis of the rows`},
		{"squeeze all that is 1", onnxgen.New(17).Input("x", f32, "N", 1).Node("Squeeze", "y", in("x")).Output("y"), `unknown at node "y" (Squeeze)`},
		{"heads of attention", matrices().Wholes("s", []int{4}, 0, -1, 2, 2).Node("Reshape", "h", in("x", "s")).
			Node("Transpose", "q", in("h"), onnxgen.Wholes("perm", 0, 2, 1, 3)).Node("Transpose", "k", in("h"), onnxgen.Wholes("perm", 0, 2, 3, 1)).
			Node("MatMul", "a", in("q", "k")).Node("Softmax", "p", in("a")).Node("MatMul", "c", in("p", "q")).
			Node("Transpose", "b", in("c"), onnxgen.Wholes("perm", 0, 2, 1, 3)).Wholes("r", []int{3}, 0, -1, 4).Node("Reshape", "y", in("b", "r")).Output("y"), "proven"},
		{"heads beside rows", turned().Wholes("s", []int{3}, 0, -1, 2).Node("Reshape", "h", in("t", "s")).
			Node("Transpose", "q", in("h"), onnxgen.Wholes("perm", 1, 0, 2)).Node("Transpose", "k", in("h"), onnxgen.Wholes("perm", 1, 2, 0)).
			Node("MatMul", "a", in("q", "k")).Node("MatMul", "c", in("a", "q")).Node("Transpose", "b", in("c"), onnxgen.Wholes("perm", 1, 0, 2)).
			Node("Shape", "st", in("t")).Node("Reshape", "r", in("b", "st")).Node("Transpose", "y", in("r"), onnxgen.Wholes("perm", 1, 0, 2)).Output("y"), "proven"},
	}
}
