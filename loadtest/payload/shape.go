package payload

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/tensor"
)

// plan is what is known of the inputs' shapes before the variants are drawn.
type plan struct {
	inputs []plannedInput
	batch  Dim
}

type plannedInput struct {
	spec *tensor.Spec
	dims []plannedDim
}

type plannedDim struct {
	length int64 // unless one of the others
	batch  bool
	drawn  *Dim
}

// planShapes settles each dimension of each input, or says which one is left open.
func planShapes(m *Model, o *Options) (*plan, error) {
	if err := knownNames(m, o); err != nil {
		return nil, err
	}
	p := &plan{batch: Dim{low: 1, high: 1}}
	batch, batched := o.Dims["batch"]
	if batched {
		p.batch = batch
	}
	for i := range m.Inputs {
		in := plannedInput{spec: &m.Inputs[i]}
		given, named := o.Shapes[in.spec.Name]
		if named && !fitsShape(in.spec.Shape, given) {
			return nil, usagef("shape %v does not fit input %q of model %q, whose shape is %s", given, in.spec.Name, m.Name, showShape(in.spec.Shape))
		}
		for axis, length := range in.spec.Shape {
			dim, err := planDim(in.spec, axis, length, o, batched)
			if err != nil {
				return nil, err
			}
			if named && given[axis] >= 0 && dim.drawn == nil && !(axis == 0 && batched) {
				dim = plannedDim{length: given[axis]}
			}
			if dim.length < 0 {
				return nil, usagef("input %q has a free dimension %d in its shape %s: give it a length with --shape %s=... or --dim %s.%d=...", in.spec.Name, axis, showShape(in.spec.Shape), in.spec.Name, in.spec.Name, axis)
			}
			in.dims = append(in.dims, dim)
		}
		p.inputs = append(p.inputs, in)
	}
	return p, nil
}

func planDim(spec *tensor.Spec, axis int, length int64, o *Options, batched bool) (plannedDim, error) {
	key := spec.Name + "." + strconv.Itoa(axis)
	drawn, named := o.Dims[key]
	switch {
	case named && length >= 0:
		return plannedDim{}, usagef("dim %s: input %q has a fixed dimension %d of %d, which cannot be set", key, spec.Name, axis, length)
	case named:
		return plannedDim{drawn: &drawn}, nil
	case axis == 0 && batched && length >= 0:
		return plannedDim{}, usagef("dim batch: input %q has a fixed first dimension of %d, so its requests have no batch to set", spec.Name, length)
	case axis == 0 && length < 0:
		return plannedDim{batch: true}, nil
	}
	return plannedDim{length: length}, nil
}

// knownNames refuses shapes and dimensions of what the model does not have.
func knownNames(m *Model, o *Options) error {
	var have []string
	axes := map[string]int{}
	for i := range m.Inputs {
		have = append(have, strconv.Quote(m.Inputs[i].Name))
		axes[m.Inputs[i].Name] = len(m.Inputs[i].Shape)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Shapes)) {
		if _, ok := axes[name]; !ok {
			return usagef("shape of %q: model %q has no such input; it has %s", name, m.Name, strings.Join(have, ", "))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(o.Dims)) {
		if key == "batch" {
			continue
		}
		at := strings.LastIndexByte(key, '.')
		rank, ok := axes[key[:max(at, 0)]]
		if axis, err := strconv.Atoi(key[at+1:]); !ok || err != nil || axis >= rank {
			return usagef("dim %s: model %q has no such input or axis; it has the inputs %s", key, m.Name, strings.Join(have, ", "))
		}
	}
	return nil
}

// draw gives the shapes of one variant.
func (p *plan) draw(rng *rand.Rand) [][]int64 {
	rows := p.batch.draw(rng)
	shapes := make([][]int64, len(p.inputs))
	for i, in := range p.inputs {
		shapes[i] = []int64{}
		for _, dim := range in.dims {
			length := dim.length
			switch {
			case dim.batch:
				length = rows
			case dim.drawn != nil:
				length = dim.drawn.draw(rng)
			}
			shapes[i] = append(shapes[i], length)
		}
	}
	return shapes
}

// fitsShape reports whether a shape, in which -1 leaves a dimension open, is one of a spec's.
func fitsShape(spec, given []int64) bool {
	if len(spec) != len(given) {
		return false
	}
	for i, n := range spec {
		if n >= 0 && given[i] >= 0 && given[i] != n {
			return false
		}
	}
	return true
}

func showShape(shape []int64) string {
	return strings.ReplaceAll(fmt.Sprint(slices.Clone(shape)), " ", ",")
}

// checkSize bounds a tensor that is to be sent.
func checkSize(spec *tensor.Spec, shape []int64) (elements int, err error) {
	n, ok := tensor.Elements(shape)
	if !ok || n > maxTensor || n*int64(elementBytes(spec.Type)) > maxTensor {
		return 0, usagef("input %q of shape %s is more than the limit of %d bytes", spec.Name, showShape(shape), maxTensor)
	}
	return int(n), nil
}

// elementBytes is the size of an element; of a string, that of an empty one.
func elementBytes(kind tensor.DataType) int {
	if kind == tensor.Bytes {
		return 4
	}
	return kind.Size()
}
