package task

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/tensor"
)

var (
	floats  = tensor.Spec{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 2}}
	strings = tensor.Spec{Name: "s", Type: tensor.Bytes, Shape: []int64{-1, 1}}
)

// TestRejoin splits a task's rows into parts, ends them in random order from several
// goroutines, and wants the rows back in theirs.
func TestRejoin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.IntRange(1, 50).Draw(rt, "rows")
		step := rapid.IntRange(1, rows).Draw(rt, "rows per part")
		var wantFloats, wantStrings []byte
		tk := Get()
		defer tk.Release()
		tk.Rows = rows
		tk.Reserve(2)
		var parts []Part
		for from := 0; from < rows; from += step {
			parts = append(parts, Part{tk, from, min(from+step, rows)})
		}
		for r := range rows {
			wantFloats = append(wantFloats, bytes.Repeat([]byte{byte(r)}, 8)...)
			wantStrings = tensor.AppendBytes(wantStrings, fmt.Sprint("row ", r))
		}
		rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		var wg sync.WaitGroup
		for _, p := range parts {
			wg.Go(func() {
				span, _ := tensor.BytesSpan(wantStrings, p.From, p.Rows())
				if err := tk.SetRows(0, &floats, []int64{2}, p.From, p.To, wantFloats[p.From*8:p.To*8]); err != nil {
					t.Error(err)
				}
				if err := tk.SetRows(1, &strings, []int64{1}, p.From, p.To, span); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		tk.Join()
		if got := tk.Outputs[0]; !bytes.Equal(got.Data, wantFloats) || !slices.Equal(got.Shape, []int64{int64(rows), 2}) {
			rt.Fatalf("floats came back as %v %v", got.Shape, got.Data)
		}
		if got := tk.Outputs[1]; !bytes.Equal(got.Data, wantStrings) || !slices.Equal(got.Shape, []int64{int64(rows), 1}) {
			rt.Fatalf("strings came back as %v %q", got.Shape, got.Data)
		}
	})
}

func TestSetRowsRefusesDisagreement(t *testing.T) {
	tk := Get()
	defer tk.Release()
	tk.Rows = 2
	tk.Reserve(1)
	if err := tk.SetRows(0, &floats, []int64{2}, 0, 1, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if err := tk.SetRows(0, &floats, []int64{3}, 1, 2, make([]byte, 12)); err == nil {
		t.Error("rows of another shape were taken")
	}
	if err := tk.SetRows(0, &floats, []int64{2}, 1, 2, make([]byte, 4)); err == nil {
		t.Error("half a row was taken")
	}
}

// Rows that are set again, as after a run whose outputs could not all be handed out, are there
// once, in the shape that they came in last.
func TestRowsAreSetAgain(t *testing.T) {
	tk := Get()
	defer tk.Release()
	tk.Rows = 2
	tk.Reserve(2)
	set := func(k int, spec *tensor.Spec, shape []int64, from, to int, data []byte) {
		t.Helper()
		if err := tk.SetRows(k, spec, shape, from, to, data); err != nil {
			t.Fatal(err)
		}
	}
	set(0, &floats, []int64{2}, 0, 2, bytes.Repeat([]byte{1}, 16))
	set(0, &floats, []int64{3}, 0, 2, bytes.Repeat([]byte{2}, 24))
	set(1, &strings, []int64{1}, 0, 1, tensor.AppendBytes(nil, "old"))
	set(1, &strings, []int64{1}, 1, 2, tensor.AppendBytes(nil, "b"))
	set(1, &strings, []int64{1}, 0, 1, tensor.AppendBytes(nil, "a"))
	tk.Join()
	if got := tk.Outputs[0]; !slices.Equal(got.Shape, []int64{2, 3}) || !bytes.Equal(got.Data, bytes.Repeat([]byte{2}, 24)) {
		t.Errorf("floats came back as %v %v", got.Shape, got.Data)
	}
	if got, want := tk.Outputs[1].Data, tensor.AppendBytes(tensor.AppendBytes(nil, "a"), "b"); !bytes.Equal(got, want) {
		t.Errorf("strings came back as %q, want %q", got, want)
	}
}

func TestReuseDoesNotAllocate(t *testing.T) {
	data, shape := make([]byte, 64), []int64{2}
	use := func() {
		tk := Get()
		tk.Rows = 8
		tk.Inputs = append(tk.Inputs, tensor.Tensor{Data: tk.Arena.Alloc(1024)})
		tk.Reserve(1)
		if err := tk.SetRows(0, &floats, shape, 0, 8, data); err != nil {
			t.Fatal(err)
		}
		tk.Join()
		tk.Release()
	}
	use()
	if n := testing.AllocsPerRun(200, use); n > 0.1 && !raceEnabled {
		t.Errorf("a pooled task allocates %v times a use", n)
	}
}

func TestReleaseResets(t *testing.T) {
	tk := Get()
	tk.Rows, tk.Wanted, tk.Err = 3, 5, fmt.Errorf("x")
	tk.Reserve(1)
	tk.SetWhole(0, &floats, []int64{2}, make([]byte, 8))
	tk.Wait <- struct{}{}
	tk.Retain()
	tk.Release()
	if tk.Rows != 3 {
		t.Fatal("reset while a reference was left")
	}
	tk.reset()
	if tk.Rows != 0 || tk.Wanted != 0 || tk.Err != nil || len(tk.Outputs) != 0 || len(tk.Wait) != 0 {
		t.Errorf("reset left %+v", tk)
	}
	defer func() {
		if recover() == nil {
			t.Error("a second release passes unseen")
		}
	}()
	tk.refs.Store(0)
	tk.Release()
}

// A task keeps the one that it borrows from, and lets go of it when it is let go itself.
func TestBorrow(t *testing.T) {
	from, to := Get(), Get()
	to.Borrow(from)
	from.Release()
	if n := from.refs.Load(); n != 1 {
		t.Errorf("what is borrowed from has %d references", n)
	}
	to.Release()
	if n := from.refs.Load(); n != 0 || to.lender != nil {
		t.Errorf("afterwards it has %d references, and is still lent: %v", n, to.lender != nil)
	}
}
