package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"sluice/backends"
	"sluice/backends/fleet"
	"sluice/backends/onnx"
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

// rawSession opens a model file on a device as a gateway does, in this process. Free axes besides the
// batch have the length freeAxis.
func rawSession(path, on, folders string, most int) (backends.Session, error) {
	library := onnx.Library{Path: os.Getenv("SLUICE_ONNXRUNTIME")}
	if folders != "" {
		library.Folders = strings.Split(folders, ":")
	}
	if err := onnx.Init(library); err != nil {
		return nil, err
	}
	inferred, err := schemaOf(path, most)
	if err != nil {
		return nil, err
	}
	fix(&inferred.Schema, freeAxis)
	devices, err := fleet.New(fleet.Options{Library: library.Path, Devices: []fleet.Settings{{Name: on, Isolation: "none"}}})
	if err != nil {
		return nil, err
	}
	return devices.Devices()[0].Open(context.Background(), fleet.Model{Path: path, Schema: &inferred.Schema})
}
