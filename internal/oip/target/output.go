package target

import (
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Output is output k of a task as answers show it: the model's own shape, which may differ from the
// schema's in rank too, reshaped where the schema says so. It checks that the data fills that shape;
// strings are counted as they are read. scratch holds the shape, and is returned grown.
func Output(spec *tensor.Spec, t *task.Task, k int, scratch []int64) (tensor.Tensor, []int64, error) {
	if k >= len(t.Outputs) || t.Outputs[k].Type == tensor.Invalid {
		return tensor.Tensor{}, scratch, fault.Newf(fault.Internal, "the model gave no output '%s'", spec.Name)
	}
	v := t.Outputs[k]
	elements, ok := tensor.Elements(v.Shape)
	if size := int64(v.Type.Size()); !ok || size > 0 && (int64(len(v.Data))%size != 0 || int64(len(v.Data))/size != elements) {
		return v, scratch, fault.Newf(fault.Internal, "output '%s' has %d bytes, which do not fill its shape %s", spec.Name, len(v.Data), tensor.ShapeText(v.Shape))
	}
	if spec.Wire == nil {
		return v, scratch, nil
	}
	from := len(scratch)
	if scratch, ok = spec.Wire.AppendShape(scratch, v.Shape); !ok {
		return v, scratch, fault.Newf(fault.Internal, "output '%s' has shape %s, which is not the %s that is to be reshaped", spec.Name, tensor.ShapeText(v.Shape), tensor.ShapeText(spec.Wire.Own))
	}
	v.Shape = scratch[from:len(scratch):len(scratch)]
	return v, scratch, nil
}
