package dataflow_test

import (
	"fmt"

	"sluice/internal/onnxgen"
)

func controlCases() []verdictCase {
	// A loop that carries s, works op on it and x, and stacks what it had.
	loop := func(g *onnxgen.Graph, trip, op string) *onnxgen.Graph {
		body := onnxgen.New(17).Scalar("i", i64).Scalar("c", onnxgen.Bool).Input("s", f32).Node("Identity", "d", in("c")).
			Node(op, "t", in("s", "x")).OutputOf(onnxgen.Bool, "d").Output("t", "s")
		return g.Nodes("Loop", in("y", "all"), in(trip, "", "x"), onnxgen.Body("body", body))
	}
	scan := func(g *onnxgen.Graph, over string, axis int64, carry bool) *onnxgen.Graph {
		body := onnxgen.New(17).Input("s", f32, 4).Input("v", f32, 4)
		if carry {
			body.Node("Add", "t", in("s", "v"))
		} else {
			body.Node("Identity", "t", in("s"))
		}
		body.Node("Mul", "u", in("s", "v")).Output("t", "u")
		return g.Nodes("Scan", in("last", "y"), in("s0", over), onnxgen.Body("body", body), whole("num_scan_inputs", 1), onnxgen.Wholes("scan_input_axes", axis))
	}
	branch := func(g *onnxgen.Graph, condition string) *onnxgen.Graph {
		return g.Node("If", "y", in(condition), onnxgen.Body("then_branch", onnxgen.New(17).Node("Neg", "u", in("x")).Output("u")),
			onnxgen.Body("else_branch", onnxgen.New(17).Node("ReduceMean", "v", in("x"), onnxgen.Wholes("axes", 0)).Output("v"))).Output("y")
	}
	call := func(inner *onnxgen.Graph) *onnxgen.Graph {
		return vectors().Domain("own", 1).Function("own", "f", in("a"), in("b"), inner).Node("own.f", "m", in("x")).Node("own.f", "y", in("m")).Output("y")
	}
	return []verdictCase{
		{"three rounds", loop(vectors().Wholes("three", nil, 3), "three", "Add").Output("y"), "proven"},
		{"what three rounds stack", loop(vectors().Wholes("three", nil, 3), "three", "Add").Node("Transpose", "z", in("all"), onnxgen.Wholes("perm", 1, 0, 2)).Output("z"), "proven"},
		{"as many rounds as rows", loop(vectors().Node("Shape", "n", in("x"), whole("end", 1)).Wholes("a", []int{1}, 0).Node("Squeeze", "k", in("n", "a")), "k", "Add").Output("y"), `unknown at node "y" (Loop): runs a round for each row`},
		{"rounds that rows give", loop(vectors().Node("ReduceMax", "k", in("x"), whole("keepdims", 0)), "k", "Add").Output("y"), `mixes at node "k" (ReduceMax)`},
		{"a round that mixes", vectors().Wholes("three", nil, 3).Nodes("Loop", in("y"), in("three", "", "x"), onnxgen.Body("body", onnxgen.New(17).Scalar("i", i64).Scalar("c", onnxgen.Bool).Input("s", f32).
			Node("Identity", "d", in("c")).Node("ReduceMean", "m", in("s"), onnxgen.Wholes("axes", 0)).Node("Sub", "t", in("s", "m")).OutputOf(onnxgen.Bool, "d").Output("t"))).Output("y"), `mixes at node "m" (ReduceMean)`},
		{"a list that grows", vectors().Wholes("three", nil, 3).Nodes("Loop", in("y"), in("three", "", "x"), onnxgen.Body("body", onnxgen.New(17).Scalar("i", i64).Scalar("c", onnxgen.Bool).Input("s", f32).
			Node("Identity", "d", in("c")).Node("Concat", "t", in("s", "x"), whole("axis", 1)).OutputOf(onnxgen.Bool, "d").Output("t"))).Output("y"), "proven"},
		{"rows that are added in each round", vectors().Wholes("three", nil, 3).Nodes("Loop", in("y"), in("three", "", "x"), onnxgen.Body("body", onnxgen.New(17).Scalar("i", i64).Scalar("c", onnxgen.Bool).Input("s", f32).
			Node("Identity", "d", in("c")).Node("Concat", "t", in("s", "x"), whole("axis", 0)).OutputOf(onnxgen.Bool, "d").Output("t"))).Output("y"), `unknown at node`},
		{"a scan over a free axis", scan(matrices().Node("ReduceSum", "s0", in("x", "a"), whole("keepdims", 0)).Wholes("a", []int{1}, 1), "x", 1, true).Output("last"), "proven"},
		{"a scan over rows that carries nothing", scan(vectors().Floats("s0", []int{4}), "x", 0, false).Output("y"), "proven"},
		{"a scan over rows backwards", vectors().Floats("s0", []int{4}).Nodes("Scan", in("last", "y"), in("s0", "x"), onnxgen.Body("body", onnxgen.New(17).Input("s", f32, 4).Input("v", f32, 4).
			Node("Identity", "t", in("s")).Node("Neg", "u", in("v")).Output("t", "u")), whole("num_scan_inputs", 1), onnxgen.Wholes("scan_input_directions", 1)).Output("y"), "unknown at node"},
		{"a scan over rows that carries", scan(vectors().Floats("s0", []int{4}), "x", 0, true).Output("y"), `mixes at node "last" (Scan): carries a state from row to row`},
		{"a scan over rows that reads all", vectors().Floats("s0", []int{1}).Nodes("Scan", in("last", "y"), in("s0", "x"), onnxgen.Body("body", onnxgen.New(17).Input("s", f32, 1).Input("v", f32, 4).
			Node("Identity", "t", in("s")).Node("Add", "u", in("v", "x")).Output("t", "u")), whole("num_scan_inputs", 1)).Output("y"), "unknown at node"},
		{"a branch that is known", branch(vectors().Raw("b", onnxgen.Bool, nil, []byte{1}), "b"), "proven"},
		{"the other branch", branch(vectors().Raw("b", onnxgen.Bool, nil, []byte{0}), "b"), `mixes at node "v" (ReduceMean)`},
		{"a branch by a free length", branch(matrices().Node("Shape", "s", in("x"), whole("start", 1), whole("end", 2)).Wholes("k", []int{1}, 3).Node("Greater", "b", in("s", "k")), "b"), `mixes at node "v" (ReduceMean)`},
		{"a branch by the rows", branch(vectors().Floats("z", nil).Node("ReduceSum", "t", in("x"), whole("keepdims", 0)).Node("Greater", "b", in("t", "z")), "b"), `mixes at node "t" (ReduceSum)`},
		{"a function", call(onnxgen.New(17).Node("Tanh", "c", in("a")).Node("Neg", "b", in("c"))), "proven"},
		{"a function that mixes", call(onnxgen.New(17).Node("ReduceMax", "c", in("a"), onnxgen.Wholes("axes", 0)).Node("Sub", "b", in("a", "c"))), `mixes at node "c" (ReduceMax)`},
		{"an attribute of the caller", vectors().Domain("own", 1).Function("own", "f", in("a"), in("b"), onnxgen.New(17).Node("Softmax", "b", in("a"), onnxgen.Caller("axis", 2, "over"))).
			Node("own.f", "y", in("x"), whole("over", 0)).Output("y"), `mixes at node "b" (Softmax)`},
		{"an input that a function is not given", vectors().Domain("own", 1).Function("own", "f", in("a", "k"), in("b"), onnxgen.New(17).Node("Clip", "b", in("a", "k"))).Node("own.f", "y", in("x")).Output("y"), "proven"},
	}
}

func otherCases() []verdictCase {
	split := func(axis int64) *onnxgen.Graph {
		return matrices().Node("SplitToSequence", "s", in("x"), whole("axis", axis), whole("keepdims", 0)).Wholes("k", nil, 1)
	}
	many := onnxgen.New(17)
	var names []string
	for i := range 120 {
		name := fmt.Sprint("x", i)
		many.Input(name, f32, "N", 1)
		names = append(names, name)
	}
	return []verdictCase{
		{"a tensor of a sequence", split(1).Node("SequenceAt", "y", in("s", "k")).Output("y"), "proven"},
		{"a sequence of rows", split(0).Node("SequenceAt", "y", in("s", "k")).Output("y"), `unknown at node "s" (SplitToSequence)`},
		{"a sequence that is joined", split(1).Node("ConcatFromSequence", "y", in("s"), whole("axis", 1), whole("new_axis", 1)).Output("y"), "proven"},
		{"a sequence is an output", split(1).Output("s"), `unknown at node "s" (SplitToSequence): the output is no tensor`},
		{"many inputs", many.Node("Concat", "y", names, whole("axis", 1)).Output("y"), "proven"},
	}
}
