package bundle

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice/internal/onnxgen"
	"sluice/internal/tensor"
)

// TestDescribe reads the example models as a trial process does, without ONNX Runtime.
func TestDescribe(t *testing.T) {
	f := func(name, schema string, maxBatch int, padding *tensor.Padding) {
		t.Helper()
		b, err := Locate(filepath.Join("../../examples/models", name, "1", ModelFile))
		if err != nil {
			t.Fatal(err)
		}
		g, err := readHere(b)
		if err != nil {
			t.Fatal(err)
		}
		if b.Schema, _, err = g.Settle(&b.Config, nil); err != nil {
			t.Fatal(err)
		}
		if got := Describe(b.Schema); got != schema || b.Schema.MaxBatch != maxBatch || len(g.External) > 0 || b.FixedBatch != 0 {
			t.Errorf("%s: %s, %+v; want %s", name, got, b.Schema, schema)
		}
		if !reflect.DeepEqual(b.Schema.Padding, padding) {
			t.Errorf("%s: padding %+v, want %+v", name, b.Schema.Padding, padding)
		}
	}
	f("digits", "image FP32[-1,1,8,8] -> label INT64[-1], probabilities FP32[-1,10]", 64, nil)
	f("eta", "features FP32[-1,12] -> eta_minutes FP32[-1,1]", 64, nil)
	f("ranker", "user_id INT64[-1], store_id INT64[-1], dense FP32[-1,16] -> score FP32[-1]", 256, nil)
	zero := make([]byte, 8)
	f("encoder", "tokens INT64[-1,-1], mask INT64[-1,-1] -> embedding FP32[-1,64], token_embeddings FP32[-1,-1,64]", 64,
		&tensor.Padding{InputAxis: []int{1, 1}, OutputAxis: []int{-1, 1}, Buckets: []int{8, 16, 32, 64, 128, 256}, Values: [][]byte{zero, zero}})
}

func TestDescribeRefuses(t *testing.T) {
	f := func(want string, files ...string) {
		t.Helper()
		b := put(t, "{}", files...)
		if _, err := b.Describe(Defaults{}.WithDefaults(), nil, InspectONNX); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("is a text in place of a model")
	f("model.yaml line 1", ConfigFile, "nonsense: 1")
	f("model.onnx: the file is empty: copy or export it again", ModelFile, "")
}

// TestCannotBatchKeepsWholeShapes holds the schema of a file that fixes its batch and
// may not share runs: requests then have exactly that batch.
func TestCannotBatchKeepsWholeShapes(t *testing.T) {
	g := &Graph{
		Schema: tensor.Schema{
			Inputs:   []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 2}}},
			Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
			MaxBatch: 4, MaxRows: 1024,
		},
		FixedBatch: 4, Reason: "rows change each other",
	}
	s, _, err := g.Settle(&Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Batchable() || !slices.Equal(s.Inputs[0].Shape, []int64{4, 2}) || !slices.Equal(s.Outputs[0].Shape, []int64{4}) {
		t.Errorf("got %+v", s)
	}
	if !slices.Equal(g.Schema.Inputs[0].Shape, []int64{-1, 2}) {
		t.Error("the file's own description was changed")
	}
}

// readHere reads a bundle in this process.
func readHere(b *Bundle) (*Graph, error) {
	return b.Read(nil, func() (*Graph, error) { return b.Describe(Defaults{}.WithDefaults(), nil, InspectONNX) })
}

// TestTruncated inspects a model file that ends early, wherever that is: one sentence each.
func TestTruncated(t *testing.T) {
	whole := onnxgen.MLP{Layers: []int{4, 8, 2}}.Bytes()
	b := put(t, "{}")
	f := func(n int, want string) {
		t.Helper()
		writeFile(t, b.ModelPath(), string(whole[:n]))
		_, err := InspectONNX(b)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%d of %d bytes: %v, want %s", n, len(whole), err, want)
		}
	}
	f(0, "model.onnx: the file is empty: copy or export it again")
	f(1, "model.onnx is not a valid ONNX file")
	f(len(whole)/2, "model.onnx is not a valid ONNX file")
	f(len(whole)-1, "model.onnx is not a valid ONNX file")
}

// TestComposition counts the nodes of nested graphs and functions too.
func TestComposition(t *testing.T) {
	local := onnxgen.New(17).Node("Tanh", "q", onnxgen.In("p"))
	file := onnxgen.New(17).Domain("mine", 1).Function("mine", "Local", onnxgen.In("p"), onnxgen.In("q"), local).
		Input("x", onnxgen.Float32, "n", 2).Node("Relu", "a", onnxgen.In("x")).Node("mine.Local", "b", onnxgen.In("a")).Node("Relu", "y", onnxgen.In("b")).Output("y").File()
	g, err := readHere(put(t, string(file)))
	if err != nil {
		t.Fatal(err)
	}
	if c := g.Composition; c == nil || !maps.Equal(c.Operators, map[string]int{"Relu": 2, "Tanh": 1, "mine.Local": 1}) || !maps.Equal(c.Opsets, map[string]int64{"": 17, "mine": 1}) {
		t.Errorf("it consists of %+v", c)
	}
}

// TestReread hashes the files again where they lie.
func TestReread(t *testing.T) {
	model := string(onnxgen.MLP{Layers: []int{4, 2}}.Bytes())
	f := func(change func(b *Bundle), same bool, pins, fault string) {
		t.Helper()
		b := put(t, model, "weights", "0123", GoldenFile, "")
		if _, err := b.Pin(true); err != nil {
			t.Fatal(err)
		}
		if _, err := readHere(b); err != nil {
			t.Fatal(err)
		}
		change(b)
		files, digest, broken, err := b.Reread(t.Context())
		if fault != "" || err != nil {
			if err == nil || fault == "" || !strings.Contains(err.Error(), fault) {
				t.Errorf("%v, want %q", err, fault)
			}
			return
		}
		if (digest == b.Digest) != same || slices.Equal(files, b.Files) != same || !strings.Contains(broken, pins) || (broken == "") != (pins == "") {
			t.Errorf("%s of %v, was %s of %v; the pins: %q, want %q", digest, files, b.Digest, b.Files, broken, pins)
		}
	}
	write := func(name, text string) func(b *Bundle) {
		return func(b *Bundle) { writeFile(t, filepath.Join(b.Dir, name), text) }
	}
	remove := func(name string) func(b *Bundle) {
		return func(b *Bundle) {
			if err := os.RemoveAll(filepath.Join(b.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	f(func(*Bundle) {}, true, "", "")
	f(write("weights", "0123"), true, "", "") // written anew with the same bytes
	f(write("weights", "0124"), false, "weights has SHA-256", "")
	f(write("more", "x"), false, "does not name more", "")
	f(write(ConfigFile, "max_batch: 4"), false, "model.yaml has SHA-256", "")
	f(write(".hidden", "x"), true, "", "")
	f(remove("weights"), false, "pins weights by sha256 and the bundle has no such file", "")
	f(remove(GoldenFile), false, "pins golden.jsonl by sha256", "")
	f(remove(ModelFile), false, "", "the bundle has no model.onnx")
	f(remove(""), false, "", "cannot list the bundle's folder: no such file or directory")
	f(func(b *Bundle) {
		if err := os.Truncate(filepath.Join(b.Dir, "weights"), maxOtherBytes+1); err != nil {
			t.Fatal(err)
		}
	}, false, "", "the limit is 2147483648")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	b := put(t, model, "weights", "0123")
	if _, _, _, err := b.Reread(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller left: %v", err)
	}
}
