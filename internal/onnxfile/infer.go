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
	// AssumeBatch takes axis 0 for the batch although the file names it differently
	// among inputs and outputs.
	AssumeBatch bool
	// Whole serves whole tensors, also where the file would let rows be batched.
	Whole bool
}

const (
	maxOutputs   = 64      // a request names its outputs in a 64-bit mask
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
	// Unproven is set when the file's names do not show that axis 0 is the batch, so
	// that only a comparison of runs does.
	Unproven bool
	// Coupled lists operators whose result for one row depends on the others in its
	// batch; Random those that never repeat a result.
	Coupled, Random []string
	// FreeAxes is set when an input has a free axis besides the batch.
	FreeAxes bool
}

// Infer derives the schema, or says in a sentence why the file cannot be served.
//
// Axis 0 is the batch if every input and output has it free under one name (or
// without one) and no other axis of an input has that name, or if all fix it at the
// same size. An output without any shape in the file gets the shape [-1, -1]: free.
func Infer(m *Model, rules Rules) (*Inference, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	inf := &Inference{
		Coupled: m.uses("DynamicQuantizeLinear", "com.microsoft.DynamicQuantizeMatMul", "com.microsoft.DynamicQuantizeLSTM"),
		Random:  m.uses("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"),
	}
	axis := m.batchAxis(rules)
	inf.Reason, inf.FixedBatch, inf.Unproven = axis.reason, axis.fixed, axis.unproven
	s := &inf.Schema
	for _, v := range m.Inputs {
		s.Inputs = append(s.Inputs, m.spec(v, axis.batched()))
	}
	for _, v := range m.Outputs {
		s.Outputs = append(s.Outputs, m.spec(v, axis.batched()))
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
	for _, spec := range s.Inputs {
		free := spec.Shape
		if s.Batchable() {
			free = free[1:]
		}
		inf.FreeAxes = inf.FreeAxes || slices.Contains(free, -1)
	}
	return inf, checkSizes(s)
}

// check refuses what no run could serve.
func (m *Model) check() error {
	switch {
	case m.Ops["com.microsoft.EPContext"]:
		return fmt.Errorf("the file is compiled for one kind of device (operator EPContext); use the model that it was compiled from")
	case len(m.Inputs) == 0:
		return fmt.Errorf("the model has no inputs")
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
		s.Shape = []int64{-1, -1}
	}
	for _, d := range v.Type.Dims {
		s.Shape = append(s.Shape, d.Size)
	}
	if batched && len(s.Shape) > 0 {
		s.Shape[0] = -1
	}
	return s
}

// uses returns those of the operators that the file has.
func (m *Model) uses(ops ...string) []string {
	var found []string
	for _, op := range ops {
		if m.Ops[op] {
			found = append(found, op)
		}
	}
	return found
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
