package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

// freeAxis is the length of every axis that a model leaves free besides the batch, in
// requests and in raw runs: one of the encoder's buckets, so that nothing is padded.
const freeAxis = 64

// schemaOf reads a model file's inputs and outputs for batches of up to so many rows.
func schemaOf(path string, most int) (*onnxfile.Inference, error) {
	file, err := onnxfile.Read(path)
	if err != nil {
		return nil, err
	}
	inferred, err := onnxfile.Infer(file, onnxfile.Rules{MaxBatch: most})
	if err != nil {
		return nil, err
	}
	if !inferred.Schema.Batchable() {
		return nil, fmt.Errorf("%s cannot be batched: %s", path, inferred.Reason)
	}
	return inferred, nil
}

// fix gives free axes of inputs a length, as the bucket of a padding without a filling
// does: a raw run then has that shape. Nothing changes for a schema without free axes.
func fix(s *tensor.Schema, length int) {
	pad := tensor.Padding{Buckets: []int{length}}
	free := false
	for _, in := range s.Inputs {
		axis := slices.Index(in.Shape[1:], -1) + 1
		if axis == 0 {
			axis = -1
		}
		free = free || axis > 0
		pad.InputAxis = append(pad.InputAxis, axis)
		pad.Values = append(pad.Values, make([]byte, in.Type.Size()))
	}
	for range s.Outputs {
		pad.OutputAxis = append(pad.OutputAxis, -1)
	}
	if free {
		s.Padding = &pad
	}
}

// syntheticRequest is one row for a model, binary both ways: normally distributed numbers,
// and small whole ones above 0, which are words to a model of words and true to a mask.
func syntheticRequest(model string, s *tensor.Schema, budgetMillis float64) (request, error) {
	type parameters map[string]any
	type part struct {
		Name       string     `json:"name"`
		Type       string     `json:"datatype,omitempty"`
		Shape      []int64    `json:"shape,omitempty"`
		Parameters parameters `json:"parameters"`
	}
	var head struct {
		Inputs  []part `json:"inputs"`
		Outputs []part `json:"outputs"`
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var data []byte
	for _, in := range s.Inputs {
		shape := slices.Clone(in.Shape)
		for axis, d := range shape {
			if axis == 0 {
				shape[axis] = 1
			} else if d < 0 {
				shape[axis] = freeAxis
			}
		}
		n, _ := tensor.Elements(shape)
		before := len(data)
		for i := range int(n) {
			switch whole := uint64(1 + i%64); in.Type {
			case tensor.FP32:
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(rng.NormFloat64())))
			case tensor.Int64:
				data = binary.LittleEndian.AppendUint64(data, whole)
			case tensor.Int32:
				data = binary.LittleEndian.AppendUint32(data, uint32(whole))
			default:
				return request{}, fmt.Errorf("input %q of %s has the type %s; requests can be made of FP32, INT64 and INT32", in.Name, model, in.Type)
			}
		}
		head.Inputs = append(head.Inputs, part{in.Name, in.Type.String(), shape, parameters{"binary_data_size": len(data) - before}})
	}
	for _, out := range s.Outputs {
		head.Outputs = append(head.Outputs, part{Name: out.Name, Parameters: parameters{"binary_data": true}})
	}
	text, err := json.Marshal(head)
	if err != nil {
		return request{}, fmt.Errorf("cannot encode a request: %w", err)
	}
	return request{"synthetic-" + strings.ReplaceAll(model, "/", "-"), inferPath(model), [][2]string{
		{"Content-Type", "application/octet-stream"},
		{"Inference-Header-Content-Length", strconv.Itoa(len(text))},
		{"Sluice-Budget-Ms", strconv.FormatFloat(budgetMillis, 'f', 3, 64)},
	}, append(text, data...)}, nil
}
