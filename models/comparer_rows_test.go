package models

import (
	"slices"
	"sync"
	"testing"

	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestCutRow takes rows out of a request of three.
func TestCutRow(t *testing.T) {
	s := &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "x", Type: tensor.Uint8}, {Name: "user", Type: tensor.Uint8, Once: true}, {Name: "s", Type: tensor.Bytes}},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.Uint8}, {Name: "about", Type: tensor.Uint8, Once: true}, {Name: "unwanted", Type: tensor.Uint8}},
		MaxBatch: 8,
	}
	request := func() *task.Task {
		words := tensor.AppendBytes(tensor.AppendBytes(tensor.AppendBytes(nil, "a"), ""), "ccc")
		return &task.Task{
			Rows: 3, Wanted: 0b011,
			Inputs: []tensor.Tensor{
				{Type: tensor.Uint8, Shape: []int64{3, 2}, Data: []byte{1, 2, 3, 4, 5, 6}},
				{Type: tensor.Uint8, Shape: []int64{1, 1}, Data: []byte{9}},
				{Type: tensor.Bytes, Shape: []int64{3, 1}, Data: words},
			},
			Outputs: []tensor.Tensor{
				{Type: tensor.Uint8, Shape: []int64{3}, Data: []byte{7, 8, 9}},
				{Type: tensor.Uint8, Shape: []int64{1, 2}, Data: []byte{1, 2}},
				{Type: tensor.Uint8, Shape: []int64{3}, Data: []byte{7, 8, 9}},
			},
		}
	}
	h := cutRow(request(), 2, s)
	want := [][]byte{{5, 6}, {9}, tensor.AppendBytes(nil, "ccc"), {9}, {1, 2}, nil}
	for i, x := range slices.Concat(h.inputs, h.outputs) {
		if !slices.Equal(x.Data, want[i]) || x.Type != tensor.Invalid && x.Shape[0] != 1 {
			t.Errorf("tensor %d: %v of shape %v, want %v", i, x.Data, x.Shape, want[i])
		}
	}
	if h.size != 2+1+7+1+2 {
		t.Errorf("%d bytes, want 13", h.size)
	}
	f := func(what string, spoil func(*task.Task)) {
		t.Helper()
		tk := request()
		spoil(tk)
		if h := cutRow(tk, 2, s); h != nil {
			t.Errorf("%s: %+v", what, h)
		}
	}
	f("an input of fewer rows", func(tk *task.Task) { tk.Inputs[0].Shape = []int64{2, 3} })
	f("an input with less data", func(tk *task.Task) { tk.Inputs[0].Data = []byte{1, 2, 3, 4, 5} })
	f("strings that end early", func(tk *task.Task) { tk.Inputs[2].Data = tk.Inputs[2].Data[:9] })
	f("an output of one row", func(tk *task.Task) { tk.Outputs[0].Shape = []int64{1} })
	f("an output that is no list", func(tk *task.Task) { tk.Outputs[0].Shape = []int64{} })
	if h := cutRow(request(), 0, &tensor.Schema{}); len(h.inputs[0].Data) != 6 || len(h.outputs[1].Data) != 2 {
		t.Errorf("the whole of an unbatched request: %+v", h)
	}
}

// TestShelf is bounded in rows and bytes, and holds one row that is too large to be copied.
func TestShelf(t *testing.T) {
	row := func(size int) (*heldRow, *task.Task) {
		tk := task.Get()
		t.Cleanup(tk.Release)
		return &heldRow{size: size, inputs: []tensor.Tensor{{Type: tensor.Uint8, Shape: []int64{int64(size)}, Data: make([]byte, size)}}}, tk
	}
	f := func(what string, size, want int, copies bool) {
		t.Helper()
		s := newShelf()
		held := 0
		for range 2 * maxHeldRows {
			h, tk := row(size)
			if s.put(h, tk) {
				held++
			} else {
				continue
			}
			if copied := h.whole == nil; copied != copies {
				t.Errorf("%s: copied %v", what, copied)
			}
		}
		if held != want || s.room() != (held < maxHeldRows) {
			t.Errorf("%s: %d rows held, room %v; want %d", what, held, s.room(), want)
		}
		s.clear()
		if s.count.Load() != 0 || s.bytes.Load() != 0 || s.large.Load() || len(s.rows) != 0 {
			t.Errorf("%s: something is left: %+v", what, s)
		}
	}
	f("small rows", 10, maxHeldRows, true)
	f("rows of 1 MiB", maxCopyBytes, maxHeldBytes/maxCopyBytes, true)
	f("larger rows", maxCopyBytes+1, 1, false)
}

// TestShelfUnderContention puts and takes at the same time and wants the counts to come out
// even.
func TestShelfUnderContention(t *testing.T) {
	s := newShelf()
	tk := &task.Task{}
	done := make(chan int)
	var putters sync.WaitGroup
	var put [4]int
	for k := range put {
		putters.Go(func() {
			for range 500 {
				h := &heldRow{size: 100_000, inputs: []tensor.Tensor{{Shape: []int64{1}, Data: make([]byte, 100_000)}}}
				if s.put(h, tk) {
					put[k]++
				}
			}
		})
	}
	stop := make(chan struct{})
	go func() {
		taken := 0
		for {
			select {
			case h := <-s.rows:
				s.free(h)
				taken++
			case <-stop:
				done <- taken + len(s.rows)
				return
			}
		}
	}()
	putters.Wait()
	close(stop)
	taken := <-done
	s.clear()
	if sum := put[0] + put[1] + put[2] + put[3]; sum != taken || s.count.Load() != 0 || s.bytes.Load() != 0 {
		t.Errorf("%d put and %d taken; %d rows of %d bytes are left", sum, taken, s.count.Load(), s.bytes.Load())
	}
}
