package main

import (
	"fmt"
	"os"

	"sluice/backends/onnx"
)

// rawSession opens a model file on a device as a worker does. Free axes besides the batch
// have the length freeAxis.
func rawSession(path, device, folders string, most int) (*onnx.Session, error) {
	if device != "cpu" {
		return nil, fmt.Errorf("cannot open a session on %q (libraries in %q): this build knows the CPU alone", device, folders)
	}
	if err := onnx.Init(onnx.Library{Path: os.Getenv("SLUICE_ONNXRUNTIME")}); err != nil {
		return nil, err
	}
	inferred, err := schemaOf(path, most)
	if err != nil {
		return nil, err
	}
	fix(&inferred.Schema, freeAxis)
	return onnx.Open(path, onnx.Options{Schema: &inferred.Schema})
}
