package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"sluice/backends/fake"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// testHost opens models whose path says what they compute.
type testHost struct{}

func (testHost) Open(spec Spec, memory Memory) (Hosted, error) {
	verb, _, _ := strings.Cut(spec.Path, ":")
	f := map[string]fake.Function{"identity": fake.Identity, "sum": fake.Sum, "words": words, "optional": optional}[verb]
	switch {
	case verb == "crash":
		os.Exit(7)
	case verb == "once": // loads in the first process alone
		mark := strings.TrimPrefix(spec.Path, "once:")
		if _, err := os.Stat(mark); err == nil {
			return nil, errors.New("the file has changed")
		}
		f = fake.Identity
		return newHosted(spec, memory, f), os.WriteFile(mark, nil, 0o600)
	case f == nil:
		return nil, fmt.Errorf("no model %q", spec.Path)
	}
	return newHosted(spec, memory, f), nil
}

func newHosted(spec Spec, memory Memory, f fake.Function) *testHosted {
	h := &testHosted{spec: spec, memory: memory, f: f, outputs: make([][]tensor.Tensor, max(spec.Lanes, 1))}
	for i := range h.outputs {
		h.outputs[i] = make([]tensor.Tensor, len(spec.Schema.Outputs))
	}
	return h
}

type testHosted struct {
	spec    Spec
	memory  Memory
	f       fake.Function
	outputs [][]tensor.Tensor
}

// What a child does when the first number of a row is one of these.
const (
	poisonCrash  = 1e6 + iota // ends
	poisonHang                // never answers
	poisonReject              // refuses the values
	poisonMemory              // is out of memory
	poisonSticky              // has lost its device
	poisonPanic               // has a bug
	poisonSlow                // takes 50 ms
)

func poisoned(in *tensor.Tensor) error {
	if in.Type != tensor.FP32 {
		return nil
	}
	for data := in.Data; len(data) >= 4; data = data[4:] {
		switch math.Float32frombits(binary.LittleEndian.Uint32(data)) {
		case poisonCrash:
			os.Exit(9)
		case poisonHang:
			time.Sleep(time.Hour)
		case poisonSlow:
			time.Sleep(50 * time.Millisecond)
		case poisonReject:
			return fault.Wrap(fault.ModelRejectedInput, errors.New("Gather node: index out of bounds"), "rejected")
		case poisonMemory:
			return &task.DeviceError{Cause: errors.New("out of memory")}
		case poisonSticky:
			return &task.DeviceError{Sticky: true, Cause: errors.New("error 700")}
		case poisonPanic:
			panic("a bug")
		}
	}
	return nil
}

func (h *testHosted) RunGathered(lane, _ int, inputs []tensor.Tensor, _ uint64, _ clock.Instant) error {
	if err := poisoned(&inputs[0]); err != nil {
		return err
	}
	if err := h.f(h.spec.Schema, inputs, h.outputs[lane]); err != nil {
		return err
	}
	for k, out := range h.outputs[lane] {
		copy(h.memory(lane, true, k), out.Data)
	}
	return nil
}

func (h *testHosted) Output(lane, k int) (tensor.Tensor, bool, error) {
	return h.outputs[lane][k], h.memory(lane, true, k) != nil, nil
}

func (h *testHosted) RunRaw(lane, rows int) error {
	if h.spec.Path == "words" {
		return nil
	}
	// It writes all over the outputs, as a warm-up does.
	for k := range h.spec.Schema.Outputs {
		memory := h.memory(lane, true, k)
		for i := range memory {
			memory[i] = byte(0xEE)
		}
	}
	return nil
}

func (h *testHosted) Close() error { return nil }

// optional tells which optional inputs came.
func optional(s *tensor.Schema, inputs, outputs []tensor.Tensor) error {
	var all []string
	for _, in := range inputs[len(s.Inputs):] {
		if in.Type != tensor.Invalid {
			all = append(all, fmt.Sprintf("%s %s %v %d bytes", in.Name, in.Type, in.Shape, len(in.Data)))
		}
	}
	outputs[0] = tensor.Tensor{Name: "y", Shape: []int64{1}, Data: tensor.AppendBytes(nil, strings.Join(all, ", "))}
	return nil
}

// words gives each row its strings joined, as many times as it has strings.
func words(_ *tensor.Schema, inputs, outputs []tensor.Tensor) error {
	in, out := inputs[0], &outputs[0]
	out.Shape, out.Data = append(out.Shape[:0], in.Shape...), out.Data[:0]
	data := in.Data
	for range in.Shape[0] {
		joined, n := "", int(in.Shape[1])
		for range n {
			size := binary.LittleEndian.Uint32(data)
			joined += string(data[4 : 4+size])
			data = data[4+size:]
		}
		for range n {
			out.Data = tensor.AppendBytes(out.Data, joined)
		}
	}
	return nil
}
