package bundle

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sluice/internal/onnxfile"
	"sluice/internal/tensor"
)

// narrow holds the file's inputs and outputs against those of config.pbtxt, before anything is
// derived from them: what is fixed there and free in the file becomes fixed, and outputs that are
// left out there are left out. The order is that of config.pbtxt.
func (t *Triton) narrow(file *onnxfile.Model) error {
	if t == nil {
		return nil
	}
	t.Lead = t.leads(file)
	place := func(values []onnxfile.Value, named []TritonTensor) {
		slices.SortStableFunc(values, func(a, b onnxfile.Value) int { return rankOf(named, a.Name) - rankOf(named, b.Name) })
	}
	file.Inputs, file.Outputs = slices.Clone(file.Inputs), slices.Clone(file.Outputs)
	place(file.Inputs, t.Inputs)
	place(file.Outputs, t.Outputs)
	for i := range t.Inputs {
		in := &t.Inputs[i]
		v := find(file.Inputs, in.Name)
		switch spare := find(file.Defaulted, in.Name); {
		case v == nil && spare == nil:
			return fmt.Errorf("%s: the model has no input %.64q; it has %s", TritonFile, in.Name, names(file.Inputs))
		case v == nil && in.Own != nil:
			return fmt.Errorf("%s: input %.64q is optional, as the file has a value for it, and has a reshape: an optional input keeps the model's shape", TritonFile, in.Name)
		case v == nil:
			in.Optional = true
			continue
		case in.Optional:
			return fmt.Errorf("%s: input %.64q is optional and the file has no value for it", TritonFile, in.Name)
		}
		if err := t.agree("input", in, v); err != nil {
			return err
		}
	}
	for i := range t.Outputs {
		v := find(file.Outputs, t.Outputs[i].Name)
		if v == nil {
			return fmt.Errorf("%s: the model has no output %.64q; it has %s", TritonFile, t.Outputs[i].Name, names(file.Outputs))
		}
		if err := t.agree("output", &t.Outputs[i], v); err != nil {
			return err
		}
	}
	if n := len(t.Outputs); n > 0 {
		file.Outputs = file.Outputs[:n]
	}
	return nil
}

// leads tells whether the dims leave out the batch. Where max_batch_size is not set, and not every
// tensor is described, the ranks tell.
func (t *Triton) leads(file *onnxfile.Model) bool {
	if t.Batch >= 0 || t.whole() {
		return t.Batch > 0
	}
	shorter := func(all []TritonTensor, values []onnxfile.Value) bool {
		return slices.ContainsFunc(all, func(e TritonTensor) bool {
			v := find(values, e.Name)
			return v != nil && v.Type.Ranked && e.Dims != nil && len(e.model())+1 == len(v.Type.Dims)
		})
	}
	return shorter(t.Inputs, file.Inputs) || shorter(t.Outputs, file.Outputs)
}

// model is the model's own shape; nil if the file says nothing.
func (e *TritonTensor) model() []int64 {
	if e.Own != nil {
		return e.Own
	}
	return e.Dims
}

// rankOf is the place of a name, behind all others if it is not there.
func rankOf(all []TritonTensor, name string) int {
	if at := slices.IndexFunc(all, func(e TritonTensor) bool { return e.Name == name }); at >= 0 {
		return at
	}
	return len(all)
}

func find(values []onnxfile.Value, name string) *onnxfile.Value {
	for i := range values {
		if values[i].Name == name {
			return &values[i]
		}
	}
	return nil
}

func names(values []onnxfile.Value) string {
	var all []string
	for _, v := range values[:min(len(values), 20)] {
		all = append(all, fmt.Sprintf("%.64s", v.Name))
	}
	return strings.Join(all, ", ")
}

// agree compares a shape with the file's, and narrows that.
func (t *Triton) agree(side string, e *TritonTensor, v *onnxfile.Value) error {
	want := e.model()
	if want == nil || v.Type.Kind != onnxfile.KindTensor {
		return nil // of a sequence of maps the file knows no shape
	}
	if !v.Type.Ranked {
		if side == "input" {
			return nil // which is refused in better words
		}
		v.Type.Ranked, v.Type.Dims = true, slices.Repeat([]onnxfile.Dim{{Size: -1}}, len(want)+t.before())
	}
	dims := slices.Clone(v.Type.Dims)
	fits := len(dims) == len(want)+t.before()
	for i := 0; fits && i < len(want); i++ {
		d := &dims[i+t.before()]
		if fits = d.Size < 0 || d.Size == want[i]; want[i] >= 0 {
			*d = onnxfile.Dim{Size: want[i]}
		}
	}
	if !fits {
		var has []int64
		for _, d := range v.Type.Dims {
			has = append(has, d.Size)
		}
		said, batch := "dims", ""
		if e.Own != nil {
			said = "reshape"
		}
		if t.Lead {
			batch = " behind the batch axis"
		}
		return fmt.Errorf("%s: %s %.64q has %s %s%s, and the model file has the whole shape %s: they must agree", TritonFile, side, e.Name, said, tensor.ShapeText(want), batch, tensor.ShapeText(has))
	}
	v.Type.Dims = dims
	return nil
}

// before is the number of axes before the dims.
func (t *Triton) before() int {
	if t.Lead {
		return 1
	}
	return 0
}

// check holds types, and the batch, against what was inferred of the file. batch is the model's
// max_batch, which model.yaml may have set to 0.
func (t *Triton) check(inf *onnxfile.Inference, batch int) error {
	if t == nil {
		return nil
	}
	if t.Batch > 0 && batch > 0 && inf.Reason != "" {
		return fmt.Errorf("%s: max_batch_size is %d and the model takes no rows: %s", TritonFile, t.Batch, inf.Reason)
	}
	s := &inf.Schema
	compare := func(side string, all []TritonTensor, specs ...tensor.Spec) error {
		for i := range all {
			at := slices.IndexFunc(specs, func(spec tensor.Spec) bool { return spec.Name == all[i].Name })
			if at < 0 || all[i].Kind == "" {
				continue
			}
			if has := tritonType(specs[at].Type); has != all[i].Kind {
				return fmt.Errorf("%s: %s %.64q has data_type %s, and the model file has %s: they must agree", TritonFile, side, all[i].Name, all[i].Kind, has)
			}
		}
		return nil
	}
	if err := compare("input", t.Inputs, slices.Concat(s.Inputs, s.Optional)...); err != nil {
		return err
	}
	return compare("output", t.Outputs, s.Outputs...)
}

// tritonType is the name of a type in config.pbtxt.
func tritonType(kind tensor.DataType) string {
	if kind == tensor.Bytes {
		return "TYPE_STRING"
	}
	return "TYPE_" + kind.String()
}

// dress gives a settled schema the shapes, formats and labels that requests and answers have.
func (t *Triton) dress(s *tensor.Schema, o *Observation) error {
	if t == nil {
		return nil
	}
	for i := range s.Inputs {
		spec := &s.Inputs[i]
		if at := rankOf(t.Inputs, spec.Name); at < len(t.Inputs) {
			spec.Format = t.Inputs[at].Format
			spec.Wire = t.wire(&t.Inputs[at], spec)
			s.Reshaped = s.Reshaped || spec.Wire != nil
			if w := spec.Wire; w != nil && !slices.Equal(w.Own, spec.Shape) {
				return fmt.Errorf("%s: input %.64q is to have the shape %s, and the model's is %s", TritonFile, spec.Name, tensor.ShapeText(w.Own), tensor.ShapeText(spec.Shape))
			}
		}
	}
	for k := range s.Outputs {
		spec := &s.Outputs[k]
		at := rankOf(t.Outputs, spec.Name)
		if at == len(t.Outputs) {
			continue
		}
		e := &t.Outputs[at]
		spec.Wire = t.wire(e, spec)
		s.Reshaped = s.Reshaped || spec.Wire != nil
		if spec.Wire != nil && o != nil {
			for _, r := range o.Runs {
				if !Declares(spec.Wire.Own, r.Outputs[k]) {
					return fmt.Errorf("%s: output %.64q is to have the shape %s, and a run gave %s", TritonFile, e.Name, tensor.ShapeText(spec.Wire.Own), tensor.ShapeText(r.Outputs[k]))
				}
			}
		}
		if err := e.label(spec, t.before()); err != nil {
			return err
		}
	}
	return nil
}

// wire is a tensor's shape in requests and answers, if it differs from the model's own.
func (t *Triton) wire(e *TritonTensor, spec *tensor.Spec) *tensor.Wire {
	if e.Own == nil {
		return nil
	}
	w := &tensor.Wire{Shape: slices.Clone(e.Dims), Own: slices.Clone(e.Own)}
	if t.Lead && len(spec.Shape) > 0 {
		w.Shape, w.Own = slices.Insert(w.Shape, 0, spec.Shape[0]), slices.Insert(w.Own, 0, spec.Shape[0])
	}
	return w
}

// label gives an output its classes. Where the dims are fixed there must be as many.
func (e *TritonTensor) label(spec *tensor.Spec, before int) error {
	if len(e.Labels) == 0 {
		return nil
	}
	shape := spec.OnWire()
	if n, ok := tensor.Elements(shape[min(before, len(shape)):]); ok && int64(len(e.Labels)) != n {
		return fmt.Errorf("%s: %.64q has %d labels for output %.64q, which has %d values", TritonFile, e.LabelFile, len(e.Labels), e.Name, n)
	}
	spec.Labels = e.Labels
	return nil
}

// checkShapes holds what another process read against what the rest relies on.
func (t *Triton) checkShapes() error {
	if t == nil {
		return nil
	}
	for _, e := range slices.Concat(t.Inputs, t.Outputs) {
		if len(e.Dims) > maxObservedRank || len(e.Own) > maxObservedRank || e.Own != nil && unlike(e.Dims, e.Own) != "" {
			return fmt.Errorf("%.64q has the dims %.200s and the reshape %.200s", e.Name, tensor.ShapeText(e.Dims), tensor.ShapeText(e.Own))
		}
	}
	if t.Batch < -1 || t.Batch > math.MaxInt32 {
		return fmt.Errorf("its batch is %d", t.Batch)
	}
	return nil
}
