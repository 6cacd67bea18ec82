package query

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/tensor"
	"sluice/predlog"
	"sluice/predlog/table"
)

var schema = &tensor.Schema{
	MaxBatch: 4,
	Inputs:   []tensor.Spec{{Name: "x", Type: tensor.Int32, Shape: []int64{-1}}},
	Outputs:  []tensor.Spec{{Name: "y", Type: tensor.Int32, Shape: []int64{-1}}},
}

// take records a request of one row.
func take(w *predlog.Writer, id string) {
	one := tensor.Tensor{Type: tensor.Int32, Shape: []int64{1}, Data: []byte{1, 0, 0, 0}}
	w.Take(&predlog.Record{ID: []byte(id), Arrived: clock.Now(), Model: "m", Status: predlog.OK, Rows: 1, Schema: schema, Inputs: []tensor.Tensor{one}, Outputs: []tensor.Tensor{one}})
}

func start(t *testing.T, dir string) *predlog.Writer {
	t.Helper()
	w, err := predlog.Start(predlog.Options{Dir: dir, Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// An id is found in files of every kind: converted, being written, left behind; and once in each of its records.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	w := start(t, dir)
	take(w, "a")
	take(w, "twice")
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w = start(t, dir)
	take(w, "b")
	take(w, "twice")
	for w.Stats().Waiting > 0 { // it is in the spool then
	}
	f := func(id string, want ...string) {
		t.Helper()
		var got []string
		if err := Find(dir, id, func(file string, r *table.Row) error {
			if r.ID != id || len(r.Inputs) != 1 || len(r.Outputs) != 1 {
				t.Errorf("%s: %+v", id, r)
			}
			got = append(got, filepath.Ext(file))
			return nil
		}); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is in %q, want %q; %v", id, got, want, err)
		}
	}
	f("a", ".parquet")
	f("b", ".spool")
	f("twice", ".spool", ".parquet")
	f("c")
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f("twice", ".parquet", ".parquet")
	stop := errors.New("stop")
	if err := Find(dir, "a", func(string, *table.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("visit's error came back as %v", err)
	}
	if err := Find(filepath.Join(dir, "nowhere"), "a", nil); err == nil {
		t.Error("a folder that is not there was read")
	}
	bad := filepath.Join(dir, "predictions-20300101T000000.000000000Z.parquet")
	if err := os.WriteFile(bad, []byte("no Parquet"), 0o600); err != nil {
		t.Fatal(err)
	}
	found := 0
	if err := Find(dir, "a", func(string, *table.Row) error {
		found++
		return nil
	}); err == nil || found != 1 {
		t.Errorf("beside a file that is none %d records were found, %v", found, err)
	}
}
