package main

import (
	"context"
	"os"
	"strings"

	"sluice/backends"
	"sluice/backends/fleet"
	"sluice/backends/onnx"
)

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
