package oip

import (
	"errors"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// AppendResponse appends the answer to a decoded request: its JSON, and behind it the
// binary data of the outputs that were asked for so. jsonLen is the length of the
// JSON if binary data follows (the value of Inference-Header-Content-Length); 0 if
// the answer is JSON only.
func (r *Request) AppendResponse(dst []byte, schema *tensor.Schema, model, version string, t *task.Task) (out []byte, jsonLen int, err error) {
	if err := r.measure(t); err != nil {
		return dst, 0, err
	}
	start, blobs, w := len(dst), 0, r.Form.writing(len(dst))
	r.elements = r.elements[:0]
	dst = append(dst, '{')
	if len(r.ID) > 0 {
		dst = jsonscan.AppendString(append(dst, `"id":`...), r.ID)
		dst = append(dst, ',')
	}
	dst = jsonscan.AppendString(append(dst, `"model_name":`...), model)
	dst = jsonscan.AppendString(append(dst, `,"model_version":`...), version)
	dst = append(dst, `,"outputs":[`...)
	first := true
	for k := range r.Outputs {
		choice, spec := &r.Outputs[k], &schema.Outputs[k]
		if !choice.Wanted {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		view, err := r.view(choice, spec, schema.Batchable(), t, k)
		switch {
		case err != nil:
		case choice.Binary:
			dst = appendBinaryHead(dst, &view)
			blobs += len(view.Data)
		default:
			dst, err = appendJSONTensor(dst, &view, w)
		}
		if errors.Is(err, errFull) {
			err = r.tooLarge(t)
		}
		if err != nil {
			return dst[:start], 0, err
		}
	}
	dst = append(dst, ']', '}')
	if r.Form.exceeds(int64(len(dst)-start) + int64(blobs)) {
		return dst[:start], 0, r.tooLarge(t)
	}
	if blobs == 0 {
		return dst, 0, nil
	}
	jsonLen = len(dst) - start
	return r.appendBlobs(dst, t), jsonLen, nil
}

// view is the tensor that goes out for output k: the model's, or its top classes.
func (r *Request) view(choice *OutputChoice, spec *tensor.Spec, batched bool, t *task.Task, k int) (tensor.Tensor, error) {
	if err := checkOutput(spec, t, k); err != nil {
		return tensor.Tensor{}, err
	}
	v, dims, err := onWire(spec, t.Outputs[k], r.dims[:0])
	r.dims = dims
	if err != nil || choice.Classification == 0 {
		return v, err
	}
	return r.classify(choice, spec, batched, &v)
}

// checkOutput checks that output k is there and that its data fills its shape, which is the
// model's own: it may differ from the schema's in rank too. Strings are counted as they are read.
func checkOutput(spec *tensor.Spec, t *task.Task, k int) error {
	if k >= len(t.Outputs) || t.Outputs[k].Type == tensor.Invalid {
		return fault.Newf(fault.Internal, "the model gave no output '%s'", spec.Name)
	}
	v := &t.Outputs[k]
	elements, ok := tensor.Elements(v.Shape)
	if size := int64(v.Type.Size()); !ok || size > 0 && (int64(len(v.Data))%size != 0 || int64(len(v.Data))/size != elements) {
		return fault.Newf(fault.Internal, "output '%s' has %d bytes, which do not fill its shape %s", spec.Name, len(v.Data), showShape(v.Shape))
	}
	return nil
}

// appendBlobs appends the binary data in the order of the JSON's outputs. Classes lie
// in r.elements in that order too, with those between that went out as JSON.
func (r *Request) appendBlobs(dst []byte, t *task.Task) []byte {
	classes := r.elements
	for k := range r.Outputs {
		choice := &r.Outputs[k]
		if choice.Classification > 0 {
			if choice.Binary {
				dst = append(dst, classes[:choice.classBytes]...)
			}
			classes = classes[choice.classBytes:]
		} else if choice.Binary {
			dst = append(dst, t.Outputs[k].Data...)
		}
	}
	return dst
}

func appendHead(dst []byte, v *tensor.Tensor) []byte {
	dst = jsonscan.AppendString(append(dst, `{"name":`...), v.Name)
	dst = append(dst, `,"datatype":"`...)
	dst = append(dst, v.Type.String()...)
	dst = append(dst, `","shape":[`...)
	for i, n := range v.Shape {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, n, 10)
	}
	return append(dst, ']')
}

func appendBinaryHead(dst []byte, v *tensor.Tensor) []byte {
	dst = append(appendHead(dst, v), `,"parameters":{"binary_data_size":`...)
	dst = strconv.AppendInt(dst, int64(len(v.Data)), 10)
	return append(dst, '}', '}')
}

func appendJSONTensor(dst []byte, v *tensor.Tensor, w writing) ([]byte, error) {
	dst = append(appendHead(dst, v), `,"data":[`...)
	dst, err := appendValues(dst, v, w)
	return append(dst, ']', '}'), err
}
