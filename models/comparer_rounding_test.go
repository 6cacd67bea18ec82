package models

import (
	"testing"

	"sluice/internal/tensor"
)

// TestWatchForgivesRounding has a shared run differ by 0.01 where large amounts cancel, which says
// nothing, and where they do not, which switches batching off.
func TestWatchForgivesRounding(t *testing.T) {
	f := func(amount float32, off bool) {
		t.Helper()
		bubble(t, func(t *testing.T) {
			w := serveBatched(t, fakeFile{Factor: 2}, func(o *Options) { o.CompareEvery = 1 }, nil)
			w.cpu.distort = func(run *fakeRun) {
				for i, row := range run.rows {
					run.out[i][0] = row[0] - row[1]
					if len(run.rows) > 1 {
						run.out[i][0] += 0.01
					}
				}
			}
			for range 3 {
				w.offer(w.together(t, []float32{amount, amount}, []float32{amount, amount + 1})...)
			}
			if got := w.version.Alone(); got != off || w.version.Comparer.Batches().Compared == 0 {
				t.Errorf("amounts of %v: alone %v, want %v; %+v", amount, got, off, w.version.Comparer.Batches())
			}
		})
	}
	f(1e5, false)
	f(1, true)
}

func TestNudge(t *testing.T) {
	for _, kind := range []tensor.DataType{tensor.FP64, tensor.FP32, tensor.FP16, tensor.BF16} {
		var data []byte
		for _, v := range []float64{0, 1, -3, 100} {
			data = tensor.AppendFloat(data, kind, v)
		}
		x := tensor.Tensor{Type: kind, Data: data}
		got := nudge(x)
		for i := range 4 {
			was, is := tensor.FloatAt(kind, data, i), tensor.FloatAt(kind, got, i)
			if change := (is - was) / max(was, -was, 1); (change == 0) != (was == 0) || change > 0.02 || change < -0.02 {
				t.Errorf("%s: %v became %v", kind, was, is)
			}
		}
	}
	if (&heldRow{inputs: []tensor.Tensor{{Type: tensor.Int64, Data: make([]byte, 8)}}}).nudged() != nil {
		t.Error("a row without floats was nudged")
	}
}

// TestSplitRequestOnSeveralDevices compares a request whose parts ran on two devices, of which
// the trace names one: what the other device says of the row is no fault of the batch.
func TestSplitRequestOnSeveralDevices(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gpu := &fakeDevice{name: "cuda:0", lanes: 1}
		w := serveBatched(t, fakeFile{Factor: 2}, func(o *Options) { o.CompareEvery = 1 }, []*fakeDevice{gpu})
		gpu.delta = 1
		tasks := w.together(t, []float32{1, 2}, []float32{3, 4}) // answered by the GPU
		h := cutRow(tasks[0], 0, w.version.Schema)
		h.due, h.split, h.device = dueAlone, true, "cpu"
		w.version.Comparer.compare(t.Context(), h)
		if w.version.Alone() {
			t.Error("the batch was blamed for what another device answered")
		}
		h.split = false
		w.version.Comparer.compare(t.Context(), h)
		if !w.version.Alone() {
			t.Error("a difference was passed over")
		}
	})
}
