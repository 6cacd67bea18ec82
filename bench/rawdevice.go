package main

import (
	"os"
	"strings"

	"sluice/backends/fleet"
	"sluice/backends/onnx"
)

// rawSession opens a model file on a device as a worker does. Free axes besides the batch
// have the length freeAxis.
func rawSession(path, on, folders string, most int) (*onnx.Session, error) {
	name, err := fleet.ParseName(on)
	if err != nil {
		return nil, err
	}
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
	return onnx.Open(path, onnx.Options{Schema: &inferred.Schema, Provider: onnx.Provider{Device: name}})
}
