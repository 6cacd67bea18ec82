package onnxgen

import (
	"bytes"
	"slices"
	"testing"

	"sluice/internal/onnxfile"
)

func TestGraphIsWhatWasWritten(t *testing.T) {
	body := New(17).Scalar("i", Int64).Node("Neg", "b", In("x")).Output("b")
	write := func() []byte {
		return New(18).Domain("own", 3).Input("x", Float32, "N", 4, nil).Floats("w", []int{2, 3}).Wholes("k", nil, -7).
			Node("own.f", "y", In("x", "", "w"), Whole("i", -2), Wholes("is", 1, 300), Number("n", 0.5), Numbers("ns", 1, 2), Text("t", "a"), Texts("ts", "b", "c"),
				Constant("c", []int{2}, 5, 6), Body("g", body)).
			Function("own", "f", In("p"), In("q"), New(18).Node("Relu", "q", In("p"))).
			OutputOf(Int64, "y").File()
	}
	data := write()
	if !bytes.Equal(data, write()) {
		t.Error("two files of one description differ")
	}
	m, err := onnxfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := onnxfile.ReadProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Inputs[0].Type.Dims; len(m.Inputs) != 1 || !slices.Equal(got, []onnxfile.Dim{{Size: -1, Param: "N"}, {Size: 4}, {Size: -1}}) {
		t.Errorf("inputs %+v", m.Inputs)
	}
	if m.Opsets[""] != 18 || m.Opsets["own"] != 3 || m.Outputs[0].Type.Element != Int64 || m.Outputs[0].Type.Ranked {
		t.Errorf("versions %v, outputs %+v", m.Opsets, m.Outputs)
	}
	n := p.Graph.Nodes[0]
	if n.Op != "own.f" || !slices.Equal(n.Inputs, []string{"x", "", "w"}) || !slices.Equal(n.Outputs, []string{"y"}) {
		t.Errorf("the node is %+v", n)
	}
	at := n.Attributes
	if is, _ := at[1].Ints(2); at[0].Int() != -2 || !slices.Equal(is, []int64{1, 300}) || at[2].Float() != 0.5 || at[4].Text() != "a" {
		t.Errorf("attributes %v", at)
	}
	if ns, _ := at[3].Floats(2); !slices.Equal(ns, []float64{1, 2}) || at[5].Count() != 2 {
		t.Errorf("numbers %v, %d texts", ns, at[5].Count())
	}
	if tensor, ok := at[6].Tensor(); !ok {
		t.Error("the attribute is no tensor")
	} else if list, _ := tensor.Ints(2); !slices.Equal(list, []int64{5, 6}) {
		t.Errorf("the tensor has %v", list)
	}
	if g := at[7].Graph; g == nil || g.Nodes[0].Op != "Neg" || g.Inputs[0].Name != "i" || !g.Inputs[0].Type.Ranked || g.Outputs[0].Name != "b" {
		t.Errorf("the body is %+v", g)
	}
	if f := p.Functions[onnxfile.FunctionKey{Domain: "own", Name: "f"}]; f == nil || f.Graph.Nodes[0].Op != "Relu" || f.Inputs[0] != "p" || f.Opsets[""] != 18 {
		t.Errorf("the function is %+v", f)
	}
	if k, ok := p.Graph.Weights[1].Ints(1); !ok || k[0] != -7 || p.Graph.Weights[0].Elements() != 6 {
		t.Errorf("weights %+v", p.Graph.Weights)
	}
}
