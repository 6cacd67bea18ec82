package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/internal/near"
	"sluice/internal/tensor"
)

func setLabels(s *tensor.Schema, c *Config) error {
	labels, file := c.Labels, c.fileOf("labels")
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		k := s.Output([]byte(name))
		if k < 0 {
			return fmt.Errorf("%s: labels.%s names no output; the model has %s", file, name, SpecNames(s.Outputs))
		}
		shape := s.Outputs[k].OnWire()
		if n := len(shape); n > 0 && shape[n-1] > 0 && int64(len(labels[name])) != shape[n-1] {
			return fmt.Errorf("%s: labels.%s has %d names for an output of %d classes", file, name, len(labels[name]), shape[n-1])
		}
		s.Outputs[k].Labels = labels[name]
	}
	return nil
}

// checkUnit holds the input that names the unit of a request against the schema.
func (c *Config) checkUnit(s *tensor.Schema) error {
	if c.Unit == "" {
		return nil
	}
	s = c.Client(s)
	named := func(spec tensor.Spec) bool { return spec.Name == c.Unit && !spec.MayMiss() }
	at := slices.IndexFunc(s.Inputs, named)
	if at < 0 {
		why := "is no input of the model" + near.Meant(c.Unit, strings.Split(SpecNames(s.Inputs), ", ")) + "; its inputs are " + SpecNames(s.Inputs)
		if slices.ContainsFunc(s.Optional, named) || s.Input([]byte(c.Unit)) >= 0 {
			why = "is an optional input: name one that every request has"
		}
		return fmt.Errorf("%s: unit %.60q %s", c.fileOf("unit"), c.Unit, why)
	}
	spec := &s.Inputs[at]
	one := func(sizes []int64) bool { return !slices.ContainsFunc(sizes, func(n int64) bool { return n != 1 }) }
	if !spec.Type.Integer() && spec.Type != tensor.Bytes || len(spec.Shape) > 0 && !one(spec.Shape[1:]) {
		return fmt.Errorf("%s: unit %.60q is %s%s; it must have one whole number or text for each row, such as INT64[-1] or BYTES[-1,1]",
			c.fileOf("unit"), c.Unit, spec.Type, tensor.ShapeText(spec.Shape))
	}
	return nil
}

func (g *Graph) padding(c *PaddingConfig, how Batching) (*tensor.Padding, error) {
	if how.Mode == Single {
		return nil, errors.New("padding is set and the model cannot batch: " + how.Text)
	}
	p := &tensor.Padding{Buckets: c.Buckets, Values: make([][]byte, len(g.Schema.Inputs))}
	padded := false
	for i, spec := range g.Schema.Inputs {
		at := slices.Index(g.InputAxes[i], c.Axis)
		if at == 0 {
			return nil, fmt.Errorf("padding.axis %q is the batch axis of input %q", c.Axis, spec.Name)
		}
		p.InputAxis = append(p.InputAxis, at)
		if at < 0 {
			continue
		}
		if slices.Contains(g.InputAxes[i][at+1:], c.Axis) {
			return nil, fmt.Errorf("padding.axis %q is on two axes of input %q; one can be padded", c.Axis, spec.Name)
		}
		padded = true
		value, err := tensor.AppendNumber(nil, spec.Type, c.Values[spec.Name])
		if err != nil {
			return nil, fmt.Errorf("padding.values.%s: %w", spec.Name, err)
		}
		p.Values[i] = value
	}
	if !padded {
		return nil, fmt.Errorf("padding.axis %q is no free dimension of an input; the free ones are %s", c.Axis, freeNames(g.InputAxes))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Values)) {
		i := slices.IndexFunc(g.Schema.Inputs, func(s tensor.Spec) bool { return s.Name == name })
		if i < 0 || p.InputAxis[i] < 0 {
			return nil, fmt.Errorf("padding.values.%s is given and no input of that name has the axis %q", name, c.Axis)
		}
	}
	for i := range g.Schema.Outputs {
		p.OutputAxis = append(p.OutputAxis, slices.Index(g.OutputAxes[i], c.Axis))
	}
	return p, nil
}

// Unbatched is the schema of a model whose rows cannot share a run: every request runs
// whole and alone, as its author would run it. fixed is the batch that the file prescribes.
func Unbatched(s *tensor.Schema, fixed int) *tensor.Schema {
	alone := *s
	alone.MaxBatch, alone.MaxRows, alone.Padding = 0, 0, nil
	if s.Batchable() && s.Lengths != nil {
		lengths := *s.Lengths
		lengths.Rows = fixed == 0
		alone.Lengths = &lengths
	}
	alone.Inputs, alone.Outputs = slices.Clone(s.Inputs), slices.Clone(s.Outputs)
	for _, specs := range [][]tensor.Spec{alone.Inputs, alone.Outputs} {
		for i := range specs {
			specs[i].Once = false
			if fixed > 0 && len(specs[i].Shape) > 0 {
				specs[i].Shape = slices.Clone(specs[i].Shape)
				specs[i].Shape[0] = int64(fixed)
			}
		}
	}
	return &alone
}

// SpecNames lists inputs or outputs by name.
func SpecNames(specs []tensor.Spec) string {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	return strings.Join(names, ", ")
}

// freeNames lists the named dimensions besides the batch.
func freeNames(axes [][]string) string {
	seen := map[string]bool{}
	for _, names := range axes {
		for i, name := range names {
			if i > 0 && name != "" {
				seen[name] = true
			}
		}
	}
	if len(seen) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), ", ")
}

// Describe prints a schema in one line, such as
// "tokens INT64[-1,-1] -> embedding FP32[-1,64]".
func Describe(s *tensor.Schema) string {
	var b bytes.Buffer
	list := func(specs []tensor.Spec) {
		for i := range specs {
			if i > 0 {
				b.WriteString(", ")
			}
			shape := tensor.ShapeText(specs[i].OnWire())
			if specs[i].Once {
				shape = "[once" + strings.TrimLeft(shape[1:], "-0123456789")
			}
			fmt.Fprintf(&b, "%s %s%s", specs[i].Name, specs[i].Type, shape)
			if w := specs[i].Wire; w != nil {
				fmt.Fprintf(&b, " reshaped to %s", tensor.ShapeText(w.Own))
			}
		}
	}
	list(s.Inputs)
	if len(s.Optional) > 0 {
		b.WriteString(", optional ")
		list(s.Optional)
	}
	b.WriteString(" -> ")
	list(s.Outputs)
	return b.String()
}
