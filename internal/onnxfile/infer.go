package onnxfile

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/tensor"
)

// Rules are the operator's part in Infer.
type Rules struct {
	// MaxBatch is the most rows of one run; 0 means 64. A file that fixes its batch
	// decides for itself.
	MaxBatch int
	// MaxRows is the most rows of one request; 0 means 1024, and at least MaxBatch.
	MaxRows int
	// Once names the inputs that a request gives once for all its rows.
	Once []string
	// Optional names the inputs that have a value in the file and that requests may give.
	Optional []string
	// Whole serves whole tensors, also where the file would let rows be batched.
	Whole bool
}

const (
	maxOutputs   = 64      // a request names its outputs in a 64-bit mask
	maxInputs    = 4096    // of one request
	maxLaneBytes = 1 << 30 // of one input or output of fixed size
	defaultBatch = 64
	defaultRows  = 1024
)

// Inference is what a file lets be done with it.
type Inference struct {
	Schema tensor.Schema
	// FixedBatch is the batch size that the file fixes, 0 if it is free.
	FixedBatch int
	// Reason says in a sentence why rows cannot be batched; empty if they can.
	Reason string
	// OnceCandidates names the inputs that may well be given once a request for all its rows,
	// if Rules names none.
	OnceCandidates []string
}

// Infer derives the schema, or says in a sentence why the file cannot be served.
//
// Axis 0 is the batch if every input has it free and no other axis of an input has its name,
// or if all fix it at the same size. Inputs that are given once a request are free there, or one
// row. Whether rows keep apart, and what the outputs are, is for others to show: an output that
// is declared without a shape or as a scalar beside a batch is Dynamic.
func Infer(m *Model, rules Rules) (*Inference, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	inf := &Inference{}
	optional, err := m.optional(rules.Optional)
	if err != nil {
		return nil, err
	}
	for _, name := range rules.Once {
		if !slices.ContainsFunc(m.Inputs, func(v Value) bool { return v.Name == name }) {
			return nil, fmt.Errorf("once names %q, which is no input; the model has %s", clip(name), valueNames(m.Inputs))
		}
	}
	axis := m.batchAxis(rules)
	inf.Reason, inf.FixedBatch = axis.reason, axis.fixed
	if len(rules.Once) == 0 {
		inf.OnceCandidates = m.onceCandidates(axis)
	}
	s := &inf.Schema
	s.Optional = optional
	for _, v := range m.Inputs {
		spec := m.spec(v, axis.batched())
		if axis.batched() && slices.Contains(rules.Once, v.Name) {
			spec.Once, spec.Shape[0] = true, v.Type.Dims[0].Size
		}
		s.Inputs = append(s.Inputs, spec)
	}
	for _, v := range m.Outputs {
		spec := m.spec(v, axis.batched())
		dims := v.Type.Dims
		switch {
		case m.given(v.Name):
			// The library writes no output that is an input or a constant into memory that it is given.
			spec.Dynamic = true
		case axis.batched() && len(dims) > 0 && dims[0].Size >= 0 && dims[0].Size != int64(axis.fixed):
			// The library holds an output that it is given memory for to the file's word.
			spec.Dynamic = true
		}
		s.Outputs = append(s.Outputs, spec)
	}
	if axis.batched() {
		s.MaxBatch = rules.MaxBatch
		if s.MaxBatch <= 0 {
			s.MaxBatch = defaultBatch
		}
		if axis.fixed > 0 {
			s.MaxBatch = axis.fixed
		}
		s.MaxRows = rules.MaxRows
		if s.MaxRows <= 0 {
			s.MaxRows = defaultRows
		}
		s.MaxRows = max(s.MaxRows, s.MaxBatch)
	}
	return inf, checkSizes(s)
}

// check refuses what no run could serve.
func (m *Model) check() error {
	switch {
	case m.Ops["com.microsoft.EPContext"] > 0:
		return fmt.Errorf("the file is compiled for one kind of device (operator EPContext); use the model that it was compiled from")
	case len(m.Inputs) == 0:
		return fmt.Errorf("the model has no inputs: export it with those that requests give")
	case len(m.Inputs) > maxInputs:
		return fmt.Errorf("the model has %d inputs; %d are the most", len(m.Inputs), maxInputs)
	case len(m.Outputs) == 0:
		return fmt.Errorf("the model has no outputs")
	case len(m.Outputs) > maxOutputs:
		return fmt.Errorf("the model has %d outputs; %d are the most", len(m.Outputs), maxOutputs)
	}
	if custom := m.customOps(); len(custom) > 0 {
		return fmt.Errorf("the model needs operators that ONNX Runtime does not bring: %s", clip(strings.Join(custom, ", ")))
	}
	seen := map[string]bool{}
	for i, list := range [][]Value{m.Inputs, m.Outputs} {
		for _, v := range list {
			side := [2]string{"input", "output"}[i]
			if v.Name == "" || strings.ContainsRune(v.Name, 0) {
				return fmt.Errorf("an %s has the name %q", side, clip(v.Name))
			}
			if seen[side+v.Name] {
				return fmt.Errorf("two %ss have the name %q", side, clip(v.Name))
			}
			seen[side+v.Name] = true
			if err := v.check(side); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v Value) check(side string) error {
	t := v.Type
	if side == "output" && t.mapRows() {
		return nil
	}
	if t.Kind != KindTensor {
		return fmt.Errorf("%s %q is %s; only tensors can be served, and sequences of maps as outputs", side, clip(v.Name), t.Kind)
	}
	if _, ok := elements[t.Element]; !ok {
		return fmt.Errorf("%s %q has elements of type %s, which the protocol cannot carry", side, clip(v.Name), elementName(t.Element))
	}
	if !t.Ranked && side == "input" {
		return fmt.Errorf("input %q has no shape in the file; export the model with one", clip(v.Name))
	}
	for i, d := range t.Dims {
		if d.Size == 0 {
			return fmt.Errorf("%s %q has size 0 on axis %d; export the model with a named dimension there", side, clip(v.Name), i)
		}
	}
	return nil
}

// mapRows reports whether the type is a sequence of maps from labels to numbers: one
// map a row, as classifiers exported by scikit-learn's converter give.
func (t Type) mapRows() bool {
	if t.Kind != KindSequence || t.Of == nil || t.Of.Kind != KindMap || t.Of.Of == nil {
		return false
	}
	key, value := elements[t.Of.Key], t.Of.Of
	number := value.Kind == KindTensor && (elements[value.Element] == tensor.FP32 || elements[value.Element] == tensor.FP64)
	return number && (key == tensor.Int64 || key == tensor.Bytes)
}

func (m *Model) spec(v Value, batched bool) tensor.Spec {
	if v.Type.mapRows() {
		labels := m.zipLabels[v.Name]
		columns := int64(-1)
		if len(labels) > 0 {
			columns = int64(len(labels))
		}
		return tensor.Spec{Name: v.Name, Type: elements[v.Type.Of.Of.Element], Shape: []int64{-1, columns}, Labels: labels}
	}
	s := tensor.Spec{Name: v.Name, Type: elements[v.Type.Element], Shape: []int64{}}
	if !v.Type.Ranked {
		s.Shape, s.Dynamic = []int64{-1, -1}, true
	}
	for _, d := range v.Type.Dims {
		s.Shape = append(s.Shape, d.Size)
	}
	if batched {
		if len(s.Shape) == 0 {
			s.Shape, s.Dynamic = []int64{-1}, true
		}
		s.Shape[0] = -1
	}
	return s
}

// given tells whether a name is that of an input or of a constant, which no node computes.
func (m *Model) given(name string) bool {
	return m.initializers[name] || slices.ContainsFunc(m.Inputs, func(v Value) bool { return v.Name == name })
}

// optional finds the inputs that requests may give although the file has a value for them.
func (m *Model) optional(names []string) ([]tensor.Spec, error) {
	var specs []tensor.Spec
	for _, name := range names {
		at := slices.IndexFunc(m.Defaulted, func(v Value) bool { return v.Name == name })
		switch {
		case at < 0 && m.IRVersion < 4:
			return nil, fmt.Errorf("optional names %q and the file has IR version %d: from version 4 on inputs may have a value that requests replace", clip(name), m.IRVersion)
		case at < 0:
			return nil, fmt.Errorf("optional names %q, which is no input with a value in the file; such inputs are: %s", clip(name), valueNames(m.Defaulted))
		}
		if err := m.Defaulted[at].check("input"); err != nil {
			return nil, err
		}
		specs = append(specs, m.spec(m.Defaulted[at], false))
	}
	return specs, nil
}

// valueNames lists names for a message.
func valueNames(values []Value) string {
	var names []string
	for _, v := range values {
		names = append(names, v.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return clip(strings.Join(names, ", "))
}

// builtin are the domains that ONNX Runtime implements.
var builtin = map[string]bool{
	"ai.onnx.ml": true, "com.microsoft": true, "com.microsoft.nchwc": true, "com.microsoft.experimental": true,
	"ai.onnx.training": true, "ai.onnx.preview.training": true, "ai.onnx.preview": true, "com.ms.internal.nhwc": true,
}

func (m *Model) customOps() []string {
	var custom []string
	for op := range m.Ops {
		dot := strings.LastIndexByte(op, '.')
		if dot < 0 || builtin[op[:dot]] || m.functions[op] {
			continue
		}
		custom = append(custom, op)
	}
	slices.Sort(custom)
	return custom
}

// checkSizes refuses fixed shapes whose memory would not be bounded.
func checkSizes(s *tensor.Schema) error {
	for i, list := range [][]tensor.Spec{s.Inputs, s.Outputs} {
		for _, spec := range list {
			shape := slices.Clone(spec.Shape)
			if s.Batchable() && len(shape) > 0 {
				shape[0] = int64(s.MaxBatch)
			}
			if slices.Contains(shape, -1) {
				continue
			}
			n, ok := tensor.Elements(shape)
			if !ok || n > maxLaneBytes/int64(max(spec.Type.Size(), 1)) {
				return fmt.Errorf("%s %q of shape %v is larger than %d bytes; lower the batch size if it is the cause",
					[2]string{"input", "output"}[i], clip(spec.Name), shape, maxLaneBytes)
			}
		}
	}
	return nil
}
