package query

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"sluice/predlog/table"
)

// clicks are labels of rows, and opinions those of requests.
type clicks struct {
	ID      string   `parquet:"id"`
	Key     int64    `parquet:"key"`
	Clicked bool     `parquet:"clicked"`
	Price   *float64 `parquet:"price,optional"`
	Why     string   `parquet:"why"`
	Tags    []string `parquet:"tags,list"` // no single value: it is left out
}

func labels[T any](t *testing.T, rows ...T) string {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out)
	_, err := w.Write(rows)
	path := filepath.Join(t.TempDir(), "labels.parquet")
	if err := errors.Join(err, w.Close(), os.WriteFile(path, out.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// request is one of two rows: items 7 and 8, with two features each, and one context for both.
func request(id string) table.Row {
	return table.Row{
		ID: id, Model: "m", Rows: 2, Tensors: table.TensorsKept,
		Inputs: []table.Tensor{
			{Name: "item", Datatype: "INT32", Shape: []int64{2}, Raw: []byte{7, 0, 0, 0, 8, 0, 0, 0}},
			{Name: "f", Datatype: "UINT8", Shape: []int64{2, 2}, Raw: []byte{1, 2, 3, 4}},
			{Name: "once", Datatype: "UINT8", Shape: []int64{1, 3}, Raw: []byte{9, 9, 9}},
			{Name: "s", Datatype: "BYTES", Shape: []int64{2, 1}, Raw: []byte{1, 0, 0, 0, 'a', 1, 0, 0, 0, 'b'}},
		},
		Outputs:  []table.Tensor{{Name: "y", Datatype: "INT8", Shape: []int64{2, 1}, Raw: []byte{50, 60}}},
		Features: []table.Feature{{Input: "f", Name: "u:a", Statuses: []string{"cached", "missing"}, AgesMS: []int64{7, 0}}},
	}
}

func TestJoin(t *testing.T) {
	price := 1.5
	log := write(t, request("a"), request("b"), table.Row{ID: "c", Tensors: table.TensorsNotSampled, Rows: 1},
		table.Row{ID: "other model", Rows: 1, Tensors: table.TensorsKept, Inputs: []table.Tensor{{Name: "z", Datatype: "UINT8", Shape: []int64{1}, Raw: []byte{1}}}})
	all := labels(
		t,
		clicks{ID: "b", Key: 8, Clicked: true, Price: &price, Why: "liked", Tags: []string{"x"}},
		clicks{ID: "a", Key: 7, Why: "seen"},
		clicks{ID: "a", Key: 7, Why: "again"},
		clicks{ID: "a", Key: 9, Why: "no such row"}, clicks{ID: "c", Key: 7}, clicks{ID: "nowhere", Key: 7}, clicks{ID: "other model", Key: 7},
	)
	var out bytes.Buffer
	j, err := Join(log, all, "item", &out)
	if err != nil || j != (Joined{Labels: 7, Found: 3, Rows: 3}) {
		t.Fatalf("%+v, %v", j, err)
	}
	names, got := columnsIn(t, out.Bytes())
	f := func(name string, want ...string) {
		t.Helper()
		if !slices.Equal(got[name], want) {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	f("id", "[a]", "[a]", "[b]")
	f("row", "[0]", "[0]", "[1]")
	f("in.item", "[7]", "[7]", "[8]")
	f("in.f", "[1 2]", "[1 2]", "[3 4]")
	f("in.f.shape", "[2]", "[2]", "[2]")
	f("in.once", "[9 9 9]", "[9 9 9]", "[9 9 9]")
	f("in.s", "[a]", "[a]", "[b]")
	f("in.f.u:a.status", "[cached]", "[cached]", "[missing]")
	f("in.f.u:a.age_ms", "[7]", "[7]", "[null]")
	f("out.y", "[50]", "[50]", "[60]")
	f("label.clicked", "[false]", "[false]", "[true]")
	f("label.price", "null", "null", "[1.5]")
	f("label.why", "[seen]", "[again]", "[liked]")
	if slices.Contains(names, "label.tags") || slices.Contains(names, "label.key") {
		t.Errorf("the columns are %q", names)
	}

	// Without a key a label is of all rows of its request; a folder is all of its files.
	type opinion struct {
		ID   string `parquet:"id"`
		Good bool   `parquet:"good"`
	}
	out.Reset()
	if j, err = Join(filepath.Dir(log), labels(t, opinion{"b", true}), "", &out); err != nil || j != (Joined{Labels: 1, Found: 1, Rows: 2}) {
		t.Fatalf("%+v, %v", j, err)
	}
	_, got = columnsIn(t, out.Bytes())
	f("row", "[0]", "[1]")
	f("in.f", "[1 2]", "[3 4]")
	f("label.good", "[true]", "[true]")
}

func TestJoinRefuses(t *testing.T) {
	log := write(t, request("a"))
	f := func(log, labels, key, want string) {
		t.Helper()
		if _, err := Join(log, labels, key, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	type bare struct {
		ID string `parquet:"id"`
	}
	good := labels(t, clicks{ID: "a"})
	f(log, filepath.Join(t.TempDir(), "none"), "", "cannot read the labels")
	f(log, labels(t, bare{"a"}), "item", "it needs the column id")
	f(filepath.Join(t.TempDir(), "none"), good, "", "cannot read the prediction log")
	f(log, log, "item", "it needs the column id") // it has no key
	f(log, good, "f", "the input f is no key")
}
