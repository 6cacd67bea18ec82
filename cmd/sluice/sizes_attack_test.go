package main

import (
	"fmt"
	"net/http"
	"testing"

	"sluice/internal/onnxgen"
)

// What a run takes may depend on a value, as where an input is a size. In a process of its own such a run
// ends that process alone.
func TestSizesInInputsEndTheirProcessAlone(t *testing.T) {
	m := machine{t, stringModels(t)}
	made := onnxgen.New(17).Input("n", onnxgen.Int64, 1).
		Node("ConstantOfShape", "zeros", []string{"n"}).Node("ReduceSum", "y", []string{"zeros"}, onnxgen.Whole("keepdims", 0)).Output("y")
	m.write("made/1/model.onnx", string(made.File()))
	m.write("made/1/model.yaml", "isolation: process\n")
	c := startCaged(t, "--models", m.dir)
	c.killing = true
	ask := func(n int) (int, string) {
		return c.post(c.predict+"/v2/models/made/infer", fmt.Sprintf(`{"inputs":[{"name":"n","datatype":"INT64","shape":[1],"data":[%d]}]}`, n))
	}
	for range 3 {
		eventually(t, "a small run is answered", func() bool { status, _ := ask(10); return status == http.StatusOK })
		if status, body := ask(2_000_000_000); status == http.StatusOK {
			t.Fatalf("a run that takes 8 GB is answered: %.200s", body)
		}
	}
	c.wait(20)
}
