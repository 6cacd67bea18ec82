package models

import (
	"fmt"
	"os"
	"slices"

	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

// Graph is what a model file says of itself under the bundle's settings.
type Graph struct {
	// Schema has neither labels from model.yaml nor padding yet. Its outputs are as the file
	// declares them, which is not always as they are: see Observation.
	Schema tensor.Schema
	// InputAxes[i] names the dimensions of input i, OutputAxes likewise; "" where the file
	// gives none.
	InputAxes, OutputAxes [][]string
	// FixedBatch is the batch size that the file prescribes; 0 if it is free.
	FixedBatch int
	// Reason says why its inputs carry no rows that could be batched; empty if they do.
	Reason string
	// Independence is what the graph shows of its rows; nil if nobody has looked.
	Independence *Independence
	// Hints say what each input may hold; nil if nothing is known.
	Hints []Hint
	// External are the files beside the model file that hold its weights.
	External []string
}

// InspectONNX reads model.onnx without ONNX Runtime, which would follow paths in the
// file and may crash on it. Data outside the bundle's own files is refused here.
func InspectONNX(b *Bundle) (*Graph, error) {
	data, err := os.ReadFile(b.ModelPath())
	if err != nil {
		return nil, fmt.Errorf("cannot read the model: %w", bareError(err))
	}
	file, err := onnxfile.Parse(data)
	if err != nil {
		return nil, notONNX(b.ModelName, data, err)
	}
	if err := file.CheckExternal(b.Dir); err != nil {
		return nil, err
	}
	g := &Graph{}
	for _, e := range file.External {
		g.External = append(g.External, e.Location)
	}
	if err := b.Config.triton.narrow(file); err != nil {
		return nil, err
	}
	rules := onnxfile.Rules{
		MaxBatch: b.Config.MaxBatch, MaxRows: b.Config.MaxRows, Once: b.Config.Once, Optional: b.Config.Optional, Whole: b.Config.MaxBatch == 0,
	}
	inferred, err := onnxfile.Infer(file, rules)
	if err != nil {
		return nil, err
	}
	if err := b.Config.triton.check(inferred, b.Config.MaxBatch); err != nil {
		return nil, err
	}
	if inferred, err = g.analyze(data, file, rules, inferred); err != nil {
		return nil, err
	}
	g.Schema, g.FixedBatch, g.Reason = inferred.Schema, inferred.FixedBatch, inferred.Reason
	g.InputAxes, g.OutputAxes = axisNames(file.Inputs), axisNames(file.Outputs)
	return g, nil
}

// whole is the schema of a run that takes a request as it comes and has every output allocated
// by the library.
func (g *Graph) whole() *tensor.Schema {
	s := unbatched(&g.Schema, g.FixedBatch)
	s.Optional = nil
	s.Outputs = slices.Clone(s.Outputs)
	for k := range s.Outputs {
		s.Outputs[k].Dynamic = true
	}
	return s
}

// rowsOf counts the rows of a whole request; 0 if its inputs carry none.
func (g *Graph) rowsOf(s *sample) int {
	if g.Reason != "" {
		return 0
	}
	for i := range s.inputs {
		if !g.Schema.Inputs[i].Once && len(s.inputs[i].Shape) > 0 {
			return int(s.inputs[i].Shape[0])
		}
	}
	return 0
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
