package oip

import (
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// reshape gives complete inputs the shapes that the model knows. Until here they have those of the
// request, which all that is checked and said before is about.
func (d *target) reshape() {
	for i := range d.schema.Inputs {
		w := d.schema.Inputs[i].Wire
		if w == nil {
			continue
		}
		own := keepShape(&d.t.Arena, w.Own)
		d.t.Inputs[i].Shape = w.AppendOwn(own[:0], d.t.Inputs[i].Shape)
	}
}

// onWire is an output as answers show it. scratch holds its shape, and is returned grown.
func onWire(spec *tensor.Spec, v tensor.Tensor, scratch []int64) (tensor.Tensor, []int64, error) {
	if spec.Wire == nil {
		return v, scratch, nil
	}
	from := len(scratch)
	scratch, ok := spec.Wire.AppendShape(scratch, v.Shape)
	if !ok {
		return v, scratch, fault.Newf(fault.Internal, "output '%s' has shape %s, which is not the %s that is to be reshaped", spec.Name, showShape(v.Shape), showShape(spec.Wire.Own))
	}
	v.Shape = scratch[from:len(scratch):len(scratch)]
	return v, scratch, nil
}

// allOnWire are all outputs of a task as answers show them.
func (r *V1Request) allOnWire(schema *tensor.Schema, t *task.Task) ([]tensor.Tensor, error) {
	if !schema.Reshaped {
		return t.Outputs, nil
	}
	r.shown, r.dims = append(r.shown[:0], t.Outputs...), r.dims[:0]
	for k := range min(len(r.shown), len(schema.Outputs)) {
		var err error
		if r.shown[k], r.dims, err = onWire(&schema.Outputs[k], r.shown[k], r.dims); err != nil {
			return nil, err
		}
	}
	return r.shown, nil
}
