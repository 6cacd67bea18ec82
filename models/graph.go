package models

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"sluice/internal/onnxfile"
	"sluice/internal/onnxfile/traps"
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
	// Traps are operators that end the process for some values of what they are given.
	Traps []string
	// External are the files beside the model file that hold its weights, each once.
	External []onnxfile.External
}

// InspectONNX reads the model file without ONNX Runtime, which would follow paths in the
// file and may crash on it. Data outside the bundle's own folder is refused here.
func InspectONNX(b *Bundle) (*Graph, error) {
	root, err := os.OpenRoot(b.from.own)
	if err != nil {
		return nil, fmt.Errorf("cannot open the bundle's folder: %w", bareError(err))
	}
	defer root.Close()
	data, err := readText(root, b.ModelName, maxModelBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the model: %w", err)
	}
	file, err := onnxfile.Parse(data)
	if err != nil {
		return nil, notONNX(b.ModelName, data, err)
	}
	g := &Graph{External: file.External}
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
	if g.Traps, err = traps.Find(data, file); err != nil {
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

// checkExternal holds the data that the model keeps in other files against the bundle's.
func (b *Bundle) checkExternal(names []string, external []onnxfile.External) error {
	total := uint64(0)
	for _, e := range external {
		if !slices.Contains(names, e.Location) {
			return b.lacksExternal(e.Location)
		}
		about, err := os.Lstat(filepath.Join(b.Dir, e.Location))
		if err != nil {
			return fmt.Errorf("cannot open external data %q beside the model: %w", e.Location, bareError(err))
		}
		if about.Size() < e.End() {
			return fmt.Errorf("external data %q has %d bytes, the model needs %d", e.Location, about.Size(), e.End())
		}
		total += uint64(about.Size()) //nolint:gosec // no size is negative
	}
	var machine unix.Sysinfo_t
	if len(external) == 0 || unix.Sysinfo(&machine) != nil {
		return nil
	}
	if memory := machine.Totalram * uint64(machine.Unit); total > memory {
		return fmt.Errorf("the model's data in other files has %d bytes, and the machine has %d of memory: it cannot be loaded here", total, memory)
	}
	return nil
}

func (b *Bundle) lacksExternal(name string) error {
	if _, err := os.Lstat(filepath.Join(b.Dir, name)); plainName(name) && errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot open external data %q beside the model: there is no such file; put it there, as the model keeps weights in it", name)
	}
	err := fmt.Errorf("the model keeps weights in %q, which is not among the bundle's files", name)
	if b.bare {
		err = fmt.Errorf("%w: give the model a folder of its own, %s/1/%s", err, b.Name, ModelFile)
	}
	return err
}

// spared is the most bytes of a file of which the model uses a part: what is unused is copied and
// hashed for nothing, and a file with holes may say that it has any size.
func spared(e onnxfile.External) int64 {
	if e.Open || e.End() > math.MaxInt64/4 {
		return math.MaxInt64 // the machine's memory is the limit
	}
	return 2*e.End() + maxSpareBytes
}
