package inputs

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// goldenSchema has an input of every kind of parsing.
func goldenSchema() *tensor.Schema {
	return &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 2}},
			{Name: "word", Type: tensor.Bytes, Shape: []int64{-1}},
		},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.Int64, Shape: []int64{-1}}, {Name: "z", Type: tensor.FP16, Shape: []int64{-1}}},
		MaxBatch: 4, MaxRows: 8,
	}
}

func goldenText(x, word, outputs string) string {
	return fmt.Sprintf(`{"request":{"id":"1","inputs":[%s,%s]},"response":{"model_name":"m","outputs":[%s]}}`, x, word, outputs)
}

const (
	goodX    = `{"name":"x","datatype":"FP32","shape":[2,2],"data":[[1,-2],[0.5,1e3]]}`
	goodWord = `{"name":"word","datatype":"BYTES","shape":[2],"data":["a","\u00e9\u0000"]}`
	goodY    = `{"name":"y","datatype":"INT64","shape":[2],"data":[-1,9007199254740993]}`
)

func TestDecodeGolden(t *testing.T) {
	z := `{"name":"z","datatype":"FP16","shape":[2],"data":[1,0.5]}`
	text := "\n" + goldenText(goodWord, goodX, z+","+goodY) + "\n\n"
	all, err := DecodeGolden([]byte(text), goldenSchema(), nil)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	g := all[0]
	if g.Line != 2 || g.Request.Rows != 2 || len(g.Want) != 2 {
		t.Errorf("got %+v", g)
	}
	f := func(tensor tensor.Tensor, name, want string) {
		t.Helper()
		if got := hex.EncodeToString(tensor.Data); tensor.Name != name || got != want {
			t.Errorf("%s has %s, want %s with %s", tensor.Name, got, name, want)
		}
	}
	f(g.Request.Inputs[0], "x", "0000803f000000c00000003f00007a44")
	f(g.Request.Inputs[1], "word", "0100000061"+"03000000c3a900")
	f(g.Want[0], "y", "ffffffffffffffff0100000000002000")
	f(g.Want[1], "z", "003c0038")
	row, err := g.Request.Row(1)
	if err != nil {
		t.Fatal(err)
	}
	f(row.Inputs[0], "x", "0000003f00007a44")
	f(row.Inputs[1], "word", "03000000c3a900")
	f(row.Scaled(10).Inputs[0], "x", "0000a04000401c46")
}

func TestDecodeGoldenRefuses(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := DecodeGolden([]byte(text), goldenSchema(), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.120s: %v; want %q", text, err, want)
		}
	}
	x := func(from, to string) string { return goldenText(strings.Replace(goodX, from, to, 1), goodWord, goodY) }
	f("{", "golden.jsonl line 1: it is no golden row")
	f("\n\n[]", "golden.jsonl line 3: it is no golden row")
	f(goldenText(goodX, goodWord, goodY)+"{}", "line 1: it is no golden row")
	f(goldenText(goodX, goodX, goodY), `input "x" is given twice`)
	f(strings.Replace(goldenText(goodX, goodWord, goodY), goodX+",", "", 1), `input "x" is missing`)
	f(goldenText(goodX, goodWord, ""), "the response has no outputs")
	f(goldenText(goodX, goodWord, goodX), `output "x" is not the model's, which has y, z`)
	f(x(`"x"`, `"w"`), `input "w" is not the model's, which has x, word`)
	f(x("FP32", "FP64"), `input "x": the datatype is "FP64" and the model's is FP32`)
	f(x("[2,2]", "[2]"), "the shape is [2] and the model's is [-1 2]")
	f(x("[2,2]", "[2,3]"), "the shape is [2 3] and the model's is [-1 2]")
	f(x("[2,2]", "[-2,2]"), "the shape [-2 2] is no valid size")
	f(x("[2,2]", "[9223372036854775807,2]"), "is no valid size")
	f(x("[2,2]", "[3,2]"), "the data has 4 elements and the shape [3 2] has 6")
	f(x("[2,2]", "[1,2]"), "the data has 4 elements and the shape [1 2] has 2")
	f(x(`[[1,-2],[0.5,1e3]]`, `[1,2]`), "the data has 2 elements")
	f(x(`"data"`, `"parameters"`), "data is missing")
	f(x("0.5", "1e39"), "element 2: 1e39 is outside FP32")
	f(x("0.5", "true"), `element 2: "true" is no FP32`)
	f(x("0.5", `"a"`), `"a" is no FP32`)
	f(x("0.5", `{}`), "data holds an object")
	f(goldenText(goodX, strings.Replace(goodWord, `"a"`, "null", 1), goodY), "element 0: null is no BYTES")
	f(goldenText(goodX, strings.Replace(goodWord, `"a"`, "1", 1), goodY), "element 0: 1 is no BYTES")
	f(goldenText(goodX, goodWord, strings.Replace(goodY, "-1", "1.0", 1)), `output "y": element 0: 1.0 is no INT64`)
	f(goldenText(goodX, goodWord, strings.Replace(goodY, "-1", "99999999999999999999", 1)), "is no INT64")
	three := strings.NewReplacer("[2]", "[3]", `"a"`, `"a","b"`).Replace(goodWord)
	f(goldenText(goodX, three, goodY), `input "word" has 3 rows and input "x" has 2`)
	f(goldenText(strings.NewReplacer("[2,2]", "[9,2]", "[[1,-2],[0.5,1e3]]", "["+strings.Repeat("1,", 17)+"1]").Replace(goodX),
		strings.NewReplacer("[2]", "[9]", `"a"`, strings.Repeat(`"a",`, 7)+`"a"`).Replace(goodWord), goodY), "the request has 9 rows; from 1 to max_rows, 8, are served")
	f(goldenText(strings.NewReplacer("[2,2]", "[0,2]", "[[1,-2],[0.5,1e3]]", "[]").Replace(goodX),
		strings.NewReplacer("[2]", "[0]", `"a","\u00e9\u0000"`, "").Replace(goodWord), goodY), "the request has 0 rows")
	f(strings.Repeat(" ", maxGoldenLineBytes+1), "has a line of more than 16777216 bytes")
}

func TestDecodeGoldenTypes(t *testing.T) {
	f := func(dt tensor.DataType, data, want string) {
		t.Helper()
		got, _, err := decodeData([]byte(data), dt)
		text := hex.EncodeToString(got)
		if err != nil {
			text = err.Error()
		}
		if !strings.HasPrefix(text, want) || want == "" {
			t.Errorf("%s %s: %s, want %s", dt, data, text, want)
		}
	}
	f(tensor.Bool, "[true,[false]]", "0100")
	f(tensor.Bool, "[1]", `element 0: 1 is no BOOL`)
	f(tensor.Uint8, "[255]", "ff")
	f(tensor.Uint8, "[256]", "element 0: 256 is no UINT8")
	f(tensor.Uint8, "[-1]", "element 0: -1 is no UINT8")
	f(tensor.Int16, "[-32768]", "0080")
	f(tensor.Uint64, "[18446744073709551615]", "ffffffffffffffff")
	f(tensor.FP64, "[0.1]", "9a9999999999b93f")
	f(tensor.BF16, "[1.0]", "803f")
	f(tensor.FP16, "[70000]", "007c")
	f(tensor.FP32, "[[null],1]", "0000c07f0000803f")
	f(tensor.FP64, "[null]", "010000000000f87f")
	f(tensor.FP16, "[null]", "007e")
	f(tensor.BF16, "[null]", "c07f")
	f(tensor.Int16, "[null]", "element 0: null is no INT16")
	f(tensor.FP32, "[NaN]", "data is no JSON")
}

func FuzzDecodeGolden(f *testing.F) {
	for _, model := range []string{"digits", "eta"} {
		text, err := os.ReadFile("../../examples/models/" + model + "/1/" + bundle.GoldenFile)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:min(len(text), 2000)])
	}
	f.Add([]byte(goldenText(goodX, goodWord, goodY)))
	f.Add([]byte(goldenText(strings.Replace(goodX, "[2,2]", "[4611686018427387904,2]", 1), goodWord, goodY)))
	f.Fuzz(func(t *testing.T, text []byte) {
		schema := goldenSchema()
		all, err := DecodeGolden(text, schema, nil)
		if err != nil {
			if !strings.HasPrefix(err.Error(), bundle.GoldenFile) {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		for i := range all {
			for r := range all[i].Request.Rows {
				row, err := all[i].Request.Row(r)
				if err != nil || len(row.Inputs) != len(schema.Inputs) {
					t.Errorf("row %d: %+v, %v", r, row, err)
				}
			}
		}
	})
}
