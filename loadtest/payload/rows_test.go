package payload

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/tensor"
)

// drawTensor draws a tensor of any type, also with values that JSON cannot say.
func drawTensor(t *rapid.T, name string) tensor.Tensor {
	x := tensor.Tensor{Name: name, Type: rapid.SampledFrom(tensor.DataTypes).Draw(t, "type"), Shape: []int64{}}
	for range rapid.IntRange(0, 2).Draw(t, "rank") {
		x.Shape = append(x.Shape, rapid.Int64Range(0, 4).Draw(t, "dim"))
	}
	n, _ := tensor.Elements(x.Shape)
	x.Data = []byte{}
	for range n {
		switch {
		case x.Type == tensor.Bytes:
			x.Data = tensor.AppendBytes(x.Data, rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "text"))
		case x.Type == tensor.Bool:
			x.Data = append(x.Data, byte(rapid.IntRange(0, 1).Draw(t, "bool")))
		case x.Type.Float() && rapid.IntRange(0, 9).Draw(t, "odd") == 0:
			x.Data = tensor.AppendFloat(x.Data, x.Type, rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Copysign(0, -1)}).Draw(t, "value"))
		case x.Type.Float():
			x.Data = tensor.AppendFloat(x.Data, x.Type, rapid.Float64Range(-1000, 1000).Draw(t, "value"))
		default:
			x.Data = append(x.Data, rapid.SliceOfN(rapid.Byte(), x.Type.Size(), x.Type.Size()).Draw(t, "bits")...)
		}
	}
	return x
}

// TestRowsRoundTrip holds that whatever is written is read back, bit for bit.
func TestRowsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		header := Header{Format: Format, Protocol: "oip-json", Model: "m", Version: "1", Digest: "d", Seed: rapid.Uint64().Draw(t, "seed"), Inputs: []string{"x"}}
		var rows []Row
		for range rapid.IntRange(0, 3).Draw(t, "rows") {
			row := Row{Identity: -1, Inputs: []tensor.Tensor{drawTensor(t, "x"), drawTensor(t, "y")}}
			if rapid.Bool().Draw(t, "tensors") {
				row.Outputs = []tensor.Tensor{drawTensor(t, "z")}
			} else {
				row.Body = append(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "body"), noIdentity...)
				row.Identity = rapid.SampledFrom([]int{-1, len(row.Body) - 16}).Draw(t, "identity")
			}
			rows = append(rows, row)
		}
		header.Variants = len(rows)
		text, err := AppendHeader(nil, &header)
		for i := range rows {
			if err == nil {
				text, err = AppendRow(text, &rows[i])
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		gotHeader, got, err := ReadRows(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("cannot read %s: %v", text, err)
		}
		if !reflect.DeepEqual(gotHeader, &header) {
			t.Fatalf("got %+v, want %+v", gotHeader, header)
		}
		for i := range rows {
			for _, list := range [][2][]tensor.Tensor{{got[i].Inputs, rows[i].Inputs}, {got[i].Outputs, rows[i].Outputs}} {
				for k := range list[1] {
					g, w := list[0][k], list[1][k]
					if g.Name != w.Name || g.Type != w.Type || !reflect.DeepEqual(g.Shape, w.Shape) || !bytes.Equal(g.Data, w.Data) {
						t.Fatalf("row %d: got %+v, want %+v from %s", i, g, w, text)
					}
				}
			}
			if !bytes.Equal(got[i].Body, rows[i].Body) || got[i].Identity != rows[i].Identity {
				t.Fatalf("row %d: got body %q at %d, want %q at %d", i, got[i].Body, got[i].Identity, rows[i].Body, rows[i].Identity)
			}
		}
	})
}

func TestReadRowsRefuses(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, _, err := ReadRows(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	row := func(tensor string) string { return `{"request":{"inputs":[` + tensor + `]}}` }
	f("nope", "line 1: it is no row")
	f("\n\n{", "line 3: it is no row")
	f(`{"sluice_expected":"9"}`, `it has the form "9"`)
	f(`{"sluice_expected":"1","variants":2}`+"\n{}", "the header says 2 variants, and there are 1: the file was cut")
	f("{}\n"+`{"sluice_expected":"1"}`, "a header belongs on the first line")
	f(row(`{"name":"x","datatype":"FP8","shape":[1],"data":[1]}`), `input "x": the datatype "FP8" is not of the protocol`)
	f(row(`{"name":"x","datatype":"FP32","shape":[-1],"data":[1]}`), "no valid size")
	f(row(`{"name":"x","datatype":"FP32","shape":[2],"data":[1]}`), "takes 2 values, got 1")
	f(row(`{"name":"x","datatype":"FP16","shape":[2],"data":[1]}`), "takes 2 values, got 1")
	f(row(`{"name":"x","datatype":"FP32","shape":[1],"data":[1],"b64":"AAAA"}`), "both data and b64")
	f(row(`{"name":"x","datatype":"FP32","shape":[1],"b64":"AA=="}`), "the data has 1 bytes and the shape [1] takes 4")
	f(row(`{"name":"x","datatype":"BYTES","shape":[1],"b64":"AA=="}`), "0 whole strings")
	f(row(`{"name":"x","datatype":"FP32","shape":[1],"b64":"!"}`), "b64:")
	f(row(`{"name":"x","datatype":"INT8","shape":[1],"data":[1]},{"name":"x","datatype":"INT8","shape":[1],"data":[1]}`), `input "x" is there twice`)
	f(`{"response":{"body":"abc","identity":1}}`, "identity 1 lies outside of a body of 3 bytes")
}

// TestGoldenSource sends a bundle's golden rows, and refuses those of another model.
func TestGoldenSource(t *testing.T) {
	eta := &Model{Name: "eta", Inputs: []tensor.Spec{{Name: "features", Type: tensor.FP32, Shape: []int64{-1, 12}}}, Outputs: []tensor.Spec{{Name: "eta_minutes", Type: tensor.FP32, Shape: []int64{-1, 1}}}}
	source := "golden:../../examples/models/eta/1/golden.jsonl"
	s, err := Build(eta, Options{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Payloads) != 7 || s.Header != nil || s.Rows[0].Outputs[0].Name != "eta_minutes" {
		t.Fatalf("got %d variants, header %v", len(s.Payloads), s.Header)
	}
	if got := tensor.FloatAt(tensor.FP32, s.Rows[0].Outputs[0].Data, 0); float32(got) != 27.598825 {
		t.Errorf("got %v for the first answer", got)
	}
	_, tk := decode(t, eta, s.Payloads[6])
	defer tk.Release()
	if !bytes.Equal(tk.Inputs[0].Data, s.Rows[6].Inputs[0].Data) {
		t.Error("the last request does not hold the last row")
	}
	if s, err := Build(eta, Options{Source: source, Variants: 3}); err != nil || len(s.Payloads) != 3 {
		t.Errorf("got %v for three variants", err)
	}
	f := func(name string, change func(m *Model, o *Options), want string) {
		t.Helper()
		m, o := *eta, Options{Source: source}
		m.Inputs = append([]tensor.Spec{}, m.Inputs...)
		change(&m, &o)
		var usage *UsageError
		if _, err := Build(&m, o); !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	f("name", func(m *Model, _ *Options) { m.Inputs[0].Name = "x" }, `row 1: input "x" of model "eta" is missing`)
	f("type", func(m *Model, _ *Options) { m.Inputs[0].Type = tensor.FP64 }, `input "features": the datatype is FP32 and the model's is FP64`)
	f("shape", func(m *Model, _ *Options) { m.Inputs[0].Shape = []int64{-1, 11} }, "the shape is [1,12] and the model's is [-1,11]")
	f("extra", func(m *Model, _ *Options) { m.Inputs[0].Name = "x"; m.Inputs = m.Inputs[:1] }, `input "x" of model "eta" is missing`)
	f("silent metadata", func(m *Model, o *Options) { m.Inputs, o.Source = nil, "random" }, `the metadata of model "eta" tells no inputs: send golden rows, or use a template`)
	silent := &Model{Name: "eta"}
	if s, err := Build(silent, Options{Source: source}); err != nil || len(silent.Inputs) != 0 || s.Model.Inputs[0].Name != "features" || len(s.Inputs) != 1 {
		t.Errorf("got %v for a model whose metadata is silent", err)
	}
	f("output", func(m *Model, _ *Options) { m.Outputs = []tensor.Spec{{Name: "z"}} }, `output "eta_minutes" is not one of model "eta"`)
	f("shapes", func(_ *Model, o *Options) { o.Shapes = map[string][]int64{"features": {1, 12}} }, "has values and shapes of its own")
}

// npy is a file as numpy writes it.
func npy(version byte, header, data string) string {
	for (len(header)+11)%64 != 0 {
		header += " "
	}
	header += "\n"
	size := []byte{byte(len(header)), byte(len(header) >> 8)}
	if version > 1 {
		size = append(size, 0, 0)
	}
	return npyMagic + string([]byte{version, 0}) + string(size) + header + data
}

func TestParseNpy(t *testing.T) {
	f := func(name, file, want string) {
		t.Helper()
		x, err := parseNpy(strings.NewReader(file))
		got := x.Type.String() + " " + showShape(x.Shape) + " " + strings.ToLower(strings.Trim(strings.ReplaceAll(string(x.Data), "\x00", "."), ""))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	dict := func(descr, order, shape string) string {
		return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }"
	}
	f("version 1", npy(1, dict("<f4", "False", "(2, 1)"), "abcdefgh"), "FP32 [2,1] abcdefgh")
	f("version 2", npy(2, dict("<i8", "False", "(1,)"), "abcdefgh"), "INT64 [1] abcdefgh")
	f("version 3", npy(3, dict("|u1", "False", "()"), "a"), "UINT8 [] a")
	f("truth", npy(1, dict("|b1", "False", "(2,)"), "\x00\x07"), "BOOL [2] .\x01")
	f("half", npy(1, dict("<f2", "False", "(0, 3)"), ""), "FP16 [0,3] ")
	f("big endian", npy(1, dict(">f4", "False", "(1,)"), "abcd"), `its type is ">f4": save it little endian`)
	f("strings", npy(1, dict("<U3", "False", "(1,)"), "abcd"), "strings can be given as golden rows only")
	f("complex", npy(1, dict("<c8", "False", "(1,)"), "abcd"), "the protocol has no such type")
	f("order", npy(1, dict("<f4", "True", "(1, 2)"), "abcd"), "it is in Fortran order")
	f("records", npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "abcd"), "is none that numpy writes for a plain array")
	f("short", npy(1, dict("<f4", "False", "(2,)"), "abcd"), "the data has 4 bytes and the shape [2] takes 8")
	f("long", npy(1, dict("<f4", "False", "(1,)"), "abcde"), "the data has 5 bytes and the shape [1] takes 4")
	f("huge", npy(1, dict("<f4", "False", "(99999999999,)"), "abcd"), "more than the limit")
	f("overflow", npy(1, dict("<f4", "False", "(99999999999999999999,)"), "abcd"), "its shape (99999999999999999999,) is none")
	f("magic", "PK", "it is no .npy file")
	f("version", npyMagic+"\x09\x00", "version 9")
	f("cut", npyMagic+"\x01\x00\x10", "it ends inside of its header")
	f("cut", npyMagic+"\x01\x00\x10\x00ab", "it ends inside of its header")
	f("header", npyMagic+"\x02\x00\x00\x00\x00\x01", "more than the limit of 65536")
}

func TestNpySource(t *testing.T) {
	m := &Model{Name: "m", Inputs: []tensor.Spec{{Name: "a/b", Type: tensor.Int8, Shape: []int64{-1}}, {Name: "c", Type: tensor.BF16, Shape: []int64{1}}}}
	f := func(name string, files map[string]string, variants int, want string) {
		t.Helper()
		dir := t.TempDir()
		for file, content := range files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Build(m, Options{Source: "npy:" + dir, Protocol: Binary})
		if want == "" && (err != nil || len(s.Payloads) != variants) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	bytes8 := npy(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", "ab")
	bits16 := npy(1, "{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }", "ab")
	f("one", map[string]string{"a_b.npy": bytes8, "c.npy": bits16}, 1, "")
	f("two", map[string]string{"a_b-000.npy": bytes8, "c-000.npy": bits16, "a_b-001.npy": bytes8, "c-001.npy": bits16}, 2, "")
	f("none", nil, 0, "has no file for variant 0 of input \"a/b\": it must be called a_b-000.npy, or a_b.npy")
	f("half", map[string]string{"a_b-000.npy": bytes8, "c-000.npy": bits16, "a_b-001.npy": bytes8}, 0, `has no file for variant 1 of input "c"`)
	f("type", map[string]string{"a_b.npy": bits16, "c.npy": bits16}, 0, "a_b.npy: the datatype is UINT16 and the model's is INT8")
	f("shape", map[string]string{"a_b.npy": bytes8, "c.npy": npy(1, "{'descr': '<u2', 'fortran_order': False, 'shape': (), }", "ab")}, 0, "c.npy: the shape is [] and the model's is [1]")
}

func FuzzParseNpy(f *testing.F) {
	f.Add([]byte(npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", "abcdefgh")))
	f.Add([]byte(npy(2, "{'descr': '|b1', 'fortran_order': False, 'shape': (), }", "a")))
	f.Fuzz(func(t *testing.T, file []byte) {
		x, err := parseNpy(bytes.NewReader(file))
		if err != nil {
			return
		}
		if n, ok := tensor.Elements(x.Shape); !ok || int(n)*x.Type.Size() != len(x.Data) {
			t.Fatalf("got %d bytes for %s %v", len(x.Data), x.Type, x.Shape)
		}
	})
}

// FuzzReadRows holds that what can be read can be written and read again.
func FuzzReadRows(f *testing.F) {
	f.Add([]byte(`{"sluice_expected":"1","protocol":"v1","seed":7,"variants":1}` + "\n" + `{"request":{},"response":{"body":"{}","identity":-1}}`))
	f.Add([]byte(`{"request":{"inputs":[{"name":"x","datatype":"FP16","shape":[2],"data":[0.5,1e3]}]},"response":{"outputs":[{"name":"y","datatype":"BYTES","shape":[],"b64":"AQAAAP8="}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		header, rows, err := ReadRows(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again []byte
		if header != nil {
			if again, err = AppendHeader(again, header); err != nil {
				t.Fatal(err)
			}
		}
		for i := range rows {
			if again, err = AppendRow(again, &rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		header2, rows2, err := ReadRows(bytes.NewReader(again))
		if err != nil {
			t.Fatalf("cannot read %s, which is %s again: %v", again, text, err)
		}
		if len(rows) != len(rows2) || (header == nil) != (header2 == nil) {
			t.Fatalf("got %d rows, then %d", len(rows), len(rows2))
		}
		for i := range rows {
			if !reflect.DeepEqual(rows[i], rows2[i]) {
				t.Fatalf("got %+v, want %+v", rows2[i], rows[i])
			}
		}
	})
}
