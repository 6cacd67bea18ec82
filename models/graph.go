package models

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

// Graph is what a model file says of itself under the bundle's settings.
type Graph struct {
	// Schema has neither labels from model.yaml nor padding yet.
	Schema tensor.Schema
	// InputAxes[i] names the dimensions of input i, OutputAxes likewise; "" where the file
	// gives none.
	InputAxes, OutputAxes [][]string
	// FixedBatch is the batch size that the file prescribes; 0 if it is free.
	FixedBatch int
	// Reason says why rows cannot be batched; empty if they can.
	Reason string
	// External are the files beside the model file that hold its weights.
	External []string
}

// InspectONNX reads model.onnx without ONNX Runtime, which would follow paths in the
// file and may crash on it. Data outside the bundle's own files is refused here.
//
// Axis 0 is taken for the batch even if the file names it differently among inputs and
// outputs, as exporters do: the invariance gate proves it or the model runs unbatched.
func InspectONNX(b *Bundle) (*Graph, error) {
	file, err := onnxfile.Read(b.ModelPath())
	if err != nil {
		return nil, err
	}
	if err := file.CheckExternal(b.Dir); err != nil {
		return nil, err
	}
	g := &Graph{}
	for _, e := range file.External {
		g.External = append(g.External, e.Location)
	}
	inferred, err := onnxfile.Infer(file, onnxfile.Rules{
		MaxBatch: b.Config.MaxBatch, MaxRows: b.Config.MaxRows, AssumeBatch: true, Whole: b.Config.MaxBatch == 0,
	})
	if err != nil {
		return nil, err
	}
	g.Schema, g.FixedBatch, g.Reason = inferred.Schema, inferred.FixedBatch, inferred.Reason
	if coupled := inferred.Coupled; g.Reason == "" && len(coupled) > 0 {
		g.Reason = fmt.Sprintf("operator %s takes a scale from the whole batch, so rows change each other", strings.Join(coupled, ", "))
	}
	g.InputAxes, g.OutputAxes = axisNames(file.Inputs), axisNames(file.Outputs)
	return g, nil
}

func axisNames(values []onnxfile.Value) [][]string {
	names := make([][]string, len(values))
	for i, v := range values {
		for _, d := range v.Type.Dims {
			names[i] = append(names[i], d.Param)
		}
	}
	return names
}

// checkExternal holds external data against the files that were hashed.
func (g *Graph) checkExternal(files []File) error {
	for _, name := range g.External {
		if !slices.ContainsFunc(files, func(f File) bool { return f.Name == name }) {
			return fmt.Errorf("the model keeps weights in %q, which is not among the bundle's files", name)
		}
	}
	return nil
}

// schema joins what the file says with what model.yaml sets.
func (g *Graph) schema(c *Config) (*tensor.Schema, error) {
	s := g.Schema
	s.Inputs, s.Outputs = slices.Clone(s.Inputs), slices.Clone(s.Outputs)
	if len(s.Inputs) == 0 || len(s.Outputs) == 0 {
		return nil, fmt.Errorf("the model has %d inputs and %d outputs; it needs at least one of each", len(s.Inputs), len(s.Outputs))
	}
	if g.Reason != "" {
		s = *unbatched(&s, g.FixedBatch)
	}
	if err := setLabels(&s, c.Labels); err != nil {
		return nil, err
	}
	if c.Padding == nil {
		return &s, nil
	}
	padding, err := g.padding(c.Padding)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigFile, err)
	}
	s.Padding = padding
	return &s, nil
}
