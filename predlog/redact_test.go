package predlog

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"os"
	"slices"
	"testing"

	"sluice/internal/tensor"
	"sluice/predlog/table"
)

var testKey = []byte("a key of tests, 32 bytes of them")

func hashed(name string, row []byte) []byte {
	h := hmac.New(sha256.New, testKey)
	h.Write(append([]byte(name), 0))
	h.Write(row)
	return h.Sum(nil)
}

// What is redacted reaches no file, and its rows cannot be replayed.
func TestRedaction(t *testing.T) {
	secret := "SECRET-OF-ANN"
	record := func(i int) *Record {
		r := testRecord(i)
		r.Inputs[1].Data = texts(secret, "bob")
		return r
	}
	f := func(redact map[string]Redaction, replayable bool, want ...table.Tensor) {
		t.Helper()
		w, _ := start(t, Options{Sample: 1, Redact: redact, HashKey: testKey})
		for i := range 5 {
			w.Take(record(i))
		}
		written(t, w)
		_, clear := redact["who"]
		if holds(t, w.opt.Dir, secret) == clear {
			t.Errorf("%v: the spool holds what is redacted, or not what is not", redact)
		}
		finish(t, w)
		rows, _ := tables(t, w.opt.Dir)
		for i, r := range rows {
			x := table.Tensor{Name: "x", Datatype: "FP32", Shape: []int64{2, 2}, Raw: floats(float32(i), 1, 2, 3)}
			got, all := r.Inputs, append([]table.Tensor{x}, want...)
			if redact["x"] == Hash {
				all[0].Datatype, all[0].Shape, all[0].Raw = table.HashType, []int64{2, 32}, slices.Concat(hashed("x", x.Raw[:8]), hashed("x", x.Raw[8:]))
			}
			if len(got) != len(all) || r.Replayable != replayable || len(r.Outputs) != 1 {
				t.Fatalf("%v: %+v", redact, r)
			}
			for k := range got {
				if got[k].Name != all[k].Name || got[k].Datatype != all[k].Datatype || !slices.Equal(got[k].Shape, all[k].Shape) || !bytes.Equal(got[k].Raw, all[k].Raw) {
					t.Errorf("%v: got %+v\nwant %+v", redact, got[k], all[k])
				}
			}
		}
	}
	who := table.Tensor{Name: "who", Datatype: "BYTES", Shape: []int64{2, 1}, Raw: texts(secret, "bob")}
	f(nil, true, who)
	f(map[string]Redaction{"nobody": Hash}, true, who)
	f(map[string]Redaction{"who": Drop}, false)
	who.Datatype, who.Shape = table.HashType, []int64{2, 32}
	who.Raw = slices.Concat(hashed("who", texts(secret)), hashed("who", texts("bob")))
	f(map[string]Redaction{"who": Hash}, false, who)
	f(map[string]Redaction{"who": Hash, "x": Hash}, false, who)
}

// A model without a batch axis has one hash for the whole input.
func TestHashOfWholeInput(t *testing.T) {
	w, _ := start(t, Options{Sample: 1, Redact: map[string]Redaction{"x": Hash}, HashKey: testKey})
	r := testRecord(1)
	r.Schema = &tensor.Schema{Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{2, 2}}}, Outputs: testSchema.Outputs}
	r.Inputs = r.Inputs[:1]
	w.Take(r)
	finish(t, w)
	rows, _ := tables(t, w.opt.Dir)
	if got := rows[0].Inputs[0]; !slices.Equal(got.Shape, []int64{1, 32}) || !bytes.Equal(got.Raw, hashed("x", r.Inputs[0].Data)) {
		t.Errorf("%+v", got)
	}
}

// holds tells whether a file of the folder has the text.
func holds(t *testing.T, dir, text string) bool {
	t.Helper()
	all, err := List(dir)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	for _, f := range all {
		content, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}
