package payload

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"sluice/internal/tensor"
	"sluice/loadtest/engine"
)

// Set is what is sent to a target: its variants as prepared requests, and as rows.
type Set struct {
	Target   Target
	Protocol Protocol
	// Model is nil for a template.
	Model *Model
	// Payloads are the variants' requests; Rows are what is in them, with their answers where
	// the source knows them. Both have the same length.
	Payloads []engine.Payload
	Rows     []Row
	// Inputs say in words what was prepared, for reports: name, type, shapes, source.
	Inputs []string
	Seed   uint64
	// Header is the source file's, if it is one of expected answers.
	Header *Header
}

// Build prepares requests for a model. The error is a *UsageError that names input and limit.
func Build(m *Model, o Options) (*Set, error) {
	if err := checkHeaders(o.Headers); err != nil {
		return nil, err
	}
	if o.Variants < 0 || o.Variants > maxVariants {
		return nil, usagef("%d variants: from 1 to %d can be prepared", o.Variants, maxVariants)
	}
	if o.Protocol == HTTP {
		return nil, usagef("protocol %s is not prepared from a model", o.Protocol)
	}
	s := &Set{Target: m.Target, Protocol: o.Protocol, Model: m, Seed: o.Seed}
	if err := s.fill(m, &o); err != nil {
		return nil, err
	}
	h := head{target: m.Target, path: modelPath("v2", m.Name, m.Version) + "/infer", headers: o.Headers, budget: o.Budget}
	write := inferRequest
	if o.Protocol == V1 {
		h.path, write = modelPath("v1", m.Name, m.Version)+":predict", predictRequest
	}
	total := 0
	for v := range s.Rows {
		p, err := write(&h, s.Model, &o, &s.Rows[v])
		if err != nil {
			return nil, usagef("variant %d: %v", v, err)
		}
		if total += len(p.Bytes); total > maxPrepared {
			return nil, usagef("%d variants are more than the limit of %d bytes: prepare fewer with --variants", len(s.Rows), maxPrepared)
		}
		s.Payloads = append(s.Payloads, p)
	}
	return s, nil
}

// fill makes the rows.
func (s *Set) fill(m *Model, o *Options) (err error) {
	kind, path, _ := strings.Cut(o.Source, ":")
	switch {
	case o.Source == "" || o.Source == "random" || o.Source == "random:wide" || o.Source == "zero":
		return s.drawRows(m, o)
	case kind == "golden" && path != "":
		s.Header, s.Rows, err = OpenRows(path)
	case kind == "npy" && path != "":
		most := o.Variants
		if most == 0 {
			most = maxVariants
		}
		s.Rows, err = npyRows(m, path, most)
	default:
		return usagef("payload source %q: give random, random:wide, zero, golden:FILE or npy:DIR", o.Source)
	}
	if err != nil {
		return err
	}
	if o.Range != nil || len(o.Shapes) > 0 || len(o.Dims) > 0 {
		return usagef("payload source %q has values and shapes of its own: leave range, shapes and dims out", o.Source)
	}
	if o.Variants > 0 && len(s.Rows) > o.Variants {
		s.Rows = s.Rows[:o.Variants]
	}
	m = s.taught(m)
	for v := range s.Rows {
		if err := fitRow(m, &s.Rows[v]); err != nil {
			return usagef("%s row %d: %v", path, v+1, err)
		}
	}
	s.Inputs = s.describe(m, o.Source)
	return nil
}

// taught is the model as its rows show it, if its metadata is silent, as some servers' is.
func (s *Set) taught(m *Model) *Model {
	if len(m.Inputs) > 0 {
		return m
	}
	whole := *m
	for _, in := range s.Rows[0].Inputs {
		spec := tensor.Spec{Name: in.Name, Type: in.Type, Shape: make([]int64, len(in.Shape))}
		for axis := range spec.Shape {
			spec.Shape[axis] = -1
		}
		whole.Inputs = append(whole.Inputs, spec)
	}
	s.Model = &whole
	return &whole
}

// drawRows makes rows from the seed.
func (s *Set) drawRows(m *Model, o *Options) error {
	if len(m.Inputs) == 0 {
		return usagef("the metadata of model %q tells no inputs: send golden rows, or use a template", m.Name)
	}
	p, err := planShapes(m, o)
	if err != nil {
		return err
	}
	wide := o.Source == "random:wide"
	if o.Range != nil && (wide || o.Source == "zero") {
		return usagef("payload source %q: a range is for random values only", o.Source)
	}
	for i := range m.Inputs {
		if err := checkRange(&m.Inputs[i], o.Range); err != nil {
			return err
		}
	}
	variants := o.Variants
	if variants == 0 {
		variants = defaultVariants
	}
	total := 0
	for v := range variants {
		// A stream for each variant: the first ones stay the same if more are wanted.
		d := draw{rng: rand.New(rand.NewPCG(o.Seed, uint64(v))), wide: wide, bound: o.Range, mood: moodOf(v, variants)}
		row := Row{Identity: -1}
		for i, shape := range p.draw(d.rng) {
			spec := &m.Inputs[i]
			elements, err := checkSize(spec, shape)
			if err != nil {
				return err
			}
			t := tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: shape}
			if o.Source == "zero" {
				t.Data = make([]byte, elements*elementBytes(spec.Type))
			} else {
				t.Data = d.fill(spec.Type, elements)
			}
			if total += len(t.Data); total > maxPrepared {
				return usagef("%d variants of input %q are more than the limit of %d bytes: prepare fewer with --variants", variants, spec.Name, maxPrepared)
			}
			row.Inputs = append(row.Inputs, t)
		}
		s.Rows = append(s.Rows, row)
	}
	s.Inputs = s.describe(m, describeSource(o))
	return nil
}

func describeSource(o *Options) string {
	switch {
	case o.Source == "zero" || o.Source == "random:wide":
		return o.Source
	case o.Range != nil:
		return fmt.Sprintf("random %v..%v", o.Range.Low, o.Range.High)
	}
	return "random"
}

// describe sums up each input: where its shapes differ, a dimension is given by its bounds.
func (s *Set) describe(m *Model, source string) []string {
	var lines []string
	for i := range m.Inputs {
		var low, high []int64
		for v := range s.Rows {
			shape := s.Rows[v].Inputs[i].Shape
			if v == 0 {
				low, high = append(low, shape...), append(high, shape...)
			}
			for axis, n := range shape {
				low[axis], high[axis] = min(low[axis], n), max(high[axis], n)
			}
		}
		dims := make([]string, len(low))
		for axis := range low {
			dims[axis] = Dim{low: low[axis], high: high[axis]}.String()
		}
		lines = append(lines, fmt.Sprintf("%s %s [%s] %s", m.Inputs[i].Name, m.Inputs[i].Type, strings.Join(dims, ","), source))
	}
	return lines
}
