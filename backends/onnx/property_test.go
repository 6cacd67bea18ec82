package onnx

import (
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/clock"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestAnyBatchGivesEachItsOwn forms random batches of rows of different length, some of
// them parts of larger tasks, and compares each task's outputs with what it would get
// alone: the padding, the neighbours and the split must not show.
func TestAnyBatchGivesEachItsOwn(t *testing.T) {
	s := openModel(t, "padded", onnxfile.Rules{MaxBatch: 16}, func(o *Options) {
		o.Schema.Padding = &tensor.Padding{
			InputAxis: []int{1, 1}, OutputAxis: []int{-1, 1}, Buckets: []int{2, 4, 8},
			Values: [][]byte{encode(int64(77)), encode(int64(0))},
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		var tasks []*task.Task
		var batch, later []task.Part
		room := s.schema.MaxBatch
		for range rapid.IntRange(1, 6).Draw(rt, "tasks") {
			rows := rapid.IntRange(1, 5).Draw(rt, "rows")
			a := sequences(s, rows, rapid.IntRange(1, 9).Draw(rt, "length"), int64(100*len(tasks)))
			now := min(rows, room, rapid.IntRange(0, rows).Draw(rt, "now"))
			if now > 0 {
				batch = append(batch, task.Part{Task: a, From: 0, To: now})
			}
			if now < rows {
				later = append(later, task.Part{Task: a, From: now, To: rows})
			}
			room -= now
			tasks = append(tasks, a)
		}
		runs := [][]task.Part{batch}
		for _, p := range later {
			runs = append(runs, []task.Part{p})
		}
		for _, parts := range runs {
			if len(parts) == 0 {
				continue
			}
			_, err := s.Run(0, parts, clock.Never)
			if err == nil {
				err = s.Scatter(0, parts)
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		for _, a := range tasks {
			wantSequences(rt, a)
			a.Release()
		}
	})
}

// sequences has rows of tokens that count on from base, none of them masked.
func sequences(s *Session, rows, length int, base int64) *task.Task {
	tokens, mask := make([]int64, rows*length), make([]int64, rows*length)
	for i := range tokens {
		tokens[i], mask[i] = base+int64(i), 1
	}
	shape := dims(int64(rows), int64(length))
	return newTask(s, rows, input(shape, tokens), input(shape, mask))
}

func wantSequences(t failer, a *task.Task) {
	rows, length := a.Inputs[0].Shape[0], a.Inputs[0].Shape[1]
	sums, doubled := make([]int64, rows), make([]int64, rows*length)
	for i := range doubled {
		token := int64At(a.Inputs[0].Data, i)
		doubled[i] = 2 * token
		sums[int64(i)/length] += token
	}
	wantOutput(t, a, 0, dims(rows, 1), sums)
	wantOutput(t, a, 1, dims(rows, length), doubled)
}
