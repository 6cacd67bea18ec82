package onnx

import (
	"errors"
	"fmt"
	"testing"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/clock"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
)

// BenchmarkPaths compares the ways to run a small model once, one row: what the package
// does against the Go calls of onnxruntime_go, which it does not use for running.
func BenchmarkPaths(b *testing.B) {
	s := openModel(b, "id_fp32", onnxfile.Rules{}, nil)
	b.Run("lane", func(b *testing.B) {
		parts := []task.Part{whole(newTask(s, 1, input(dims(1, 2), [2]float32{})))}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Run(0, parts, clock.Now().Add(time.Second)); err != nil {
				b.Fatal(err)
			}
			if err := s.Scatter(0, parts); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.RunRaw(0, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("RunWithOptions", func(b *testing.B) {
		in, errIn := ort.NewTensor(ort.NewShape(1, 2), make([]float32, 2))
		out, errOut := ort.NewTensor(ort.NewShape(1, 2), make([]float32, 2))
		options, err := ort.NewRunOptions()
		if errIn != nil || errOut != nil || err != nil {
			b.Fatal(errIn, errOut, err)
		}
		defer func() {
			if err := errors.Join(in.Destroy(), out.Destroy(), options.Destroy()); err != nil {
				b.Error(err)
			}
		}()
		ins, outs := []ort.Value{in}, []ort.Value{out}
		b.ReportAllocs()
		for b.Loop() {
			if err := s.engines[0].owner.RunWithOptions(ins, outs, options); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	s := openModel(b, "simple", onnxfile.Rules{MaxBatch: 64}, nil)
	for _, rows := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			parts := make([]task.Part, rows)
			for i := range parts {
				parts[i] = whole(simpleTask(s, 1, 0))
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Run(0, parts, clock.Never); err != nil {
					b.Fatal(err)
				}
				if err := s.Scatter(0, parts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
