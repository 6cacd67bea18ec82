package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
)

// pickyModel takes rows of numbers alone whose root is 1000 or 1001, which nobody who makes up rows guesses.
// What a row takes grows with the square of its length.
func pickyModel(m machine, golden bool) {
	g := onnxgen.New(17).Input("x", onnxgen.Int64, "rows", "seq").
		Wholes("from", []int{1}, 1000).Floats("table", []int{2, 1}, 1, 2).
		Node("Cast", "real", []string{"x"}, onnxgen.Whole("to", onnxgen.Float32)).Node("Sqrt", "root", []string{"real"}).
		Node("Cast", "whole", []string{"root"}, onnxgen.Whole("to", onnxgen.Int64)).Node("Sub", "index", []string{"whole", "from"}).
		Node("Gather", "column", []string{"table", "index"}).
		Node("Transpose", "row", []string{"column"}, onnxgen.Wholes("perm", 0, 2, 1)).
		Node("MatMul", "pairs", []string{"column", "row"}).
		Node("ReduceMax", "y", []string{"pairs"}, onnxgen.Wholes("axes", 1, 2), onnxgen.Whole("keepdims", 0)).
		Shaped("y", onnxgen.Float32, "rows")
	m.write("picky/1/model.onnx", string(g.File()))
	if golden {
		m.write("picky/1/golden.jsonl", `{"request":`+pickyRow(5)+`,"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[4]}]}}`+"\n")
	}
}

func pickyRow(length int) string {
	return fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"INT64","shape":[1,%d],"data":[%s]}]}`, length, strings.TrimSuffix(strings.Repeat("1002010,", length), ","))
}

// A model that takes no row that is made up has largest lengths all the same: measured in golden rows,
// and assumed where there are none.
func TestLongRowsOfAModelThatTakesNoneMadeUp(t *testing.T) {
	for _, golden := range []bool{false, true} {
		m := machine{t, t.TempDir()}
		pickyModel(m, golden)
		g := startGateway(t, "--models", m.dir, "--limits-memory", "4GiB", "--copies", filepath.Join(t.TempDir()))
		_, config := g.get(g.predict + "/v2/models/picky/config")
		want := `"max_length_basis":{"string_value":"seq=assumed"}`
		if golden {
			want = `"max_length_basis":{"string_value":"seq=measured"}`
		}
		if !strings.Contains(config, want) {
			t.Errorf("golden %v: the configuration is %s, want %s", golden, config, want)
		}
		if status, body := g.post(g.predict+"/v2/models/picky/infer", pickyRow(400)); status != http.StatusOK || !strings.Contains(body, "[4.0]") {
			t.Errorf("golden %v: a row of 400 is answered %d %.200s", golden, status, body)
		}
		if status, body := g.post(g.predict+"/v2/models/picky/infer", pickyRow(30_000)); status != http.StatusBadRequest || !strings.Contains(body, "SHAPE_TOO_LARGE") {
			t.Errorf("golden %v: a row of 30,000 is answered %d %.200s", golden, status, body)
		}
		g.stop()
	}
}
