package oip

import (
	"errors"

	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/oip/wire"
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
	start, blobs, w := len(dst), 0, r.Form.Writing(len(dst))
	r.elements = r.elements[:0]
	dst = append(dst, '{')
	if len(r.ID) > 0 {
		dst = jsonscan.AppendString(append(dst, `"id":`...), r.ID)
		dst = append(dst, ',')
	}
	dst = jsonscan.AppendString(append(dst, `"model_name":`...), model)
	dst = jsonscan.AppendString(append(dst, `,"model_version":`...), version)
	dst = r.appendParameters(dst)
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
			dst = wire.AppendBinary(dst, &view)
			blobs += len(view.Data)
		default:
			dst, err = w.AppendJSON(dst, &view)
		}
		if errors.Is(err, wire.ErrFull) {
			err = r.tooLarge(t)
		}
		if err != nil {
			return dst[:start], 0, err
		}
	}
	dst = append(dst, ']', '}')
	if r.Form.Exceeds(int64(len(dst)-start) + int64(blobs)) {
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
	v, dims, err := target.Output(spec, t, k, r.dims[:0])
	r.dims = dims
	if err != nil || choice.Classification == 0 {
		return v, err
	}
	return r.classify(choice, spec, batched, &v)
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

// EstimateResponse is about how many bytes AppendResponse will append, so that memory for them can be
// counted before it is taken, and taken once. It is rarely too low: for floats of unusual length,
// and for long labels.
func (r *Request) EstimateResponse(model string, t *task.Task) int64 {
	n := int64(64 + 6*(len(r.ID)+len(model)))
	if r.Degraded {
		n += int64(48 + len(r.Rung))
	}
	n += r.explained()
	for k := range r.Outputs {
		choice := &r.Outputs[k]
		if !choice.Wanted || k >= len(t.Outputs) {
			continue
		}
		v := &t.Outputs[k]
		n += int64(96 + 6*len(v.Name) + 21*len(v.Shape))
		switch {
		case choice.Classification > 0:
			const class = 64 // value:index:label
			rows := int64(1)
			if len(v.Shape) > 0 {
				rows = max(v.Shape[0], 1)
			}
			n += class * min(int64(choice.Classification)*rows, wire.ElementsIn(v))
		case choice.Binary:
			n += int64(len(v.Data))
		default:
			n += wire.UsualJSON(v)
		}
	}
	return n
}

// measure refuses an answer that is too large for its limit as soon as byte lengths and shapes
// tell.
func (r *Request) measure(t *task.Task) error {
	if r.Form.MaxBytes == 0 {
		return nil
	}
	total := int64(0)
	for k := range r.Outputs {
		switch choice := &r.Outputs[k]; {
		case !choice.Wanted || choice.Classification > 0 || k >= len(t.Outputs):
		case choice.Binary:
			total += int64(len(t.Outputs[k].Data))
		default:
			total += wire.LeastJSON(&t.Outputs[k])
		}
	}
	if r.Form.Exceeds(total) {
		return r.tooLarge(t)
	}
	return nil
}

// tooLarge is the fault of an answer above the limit. It says what the tensors take as binary
// data, where the client has not asked for all of them so.
func (r *Request) tooLarge(t *task.Task) error {
	bytes, binary, json, classes := int64(0), false, false, false
	for k := range r.Outputs {
		switch choice := &r.Outputs[k]; {
		case !choice.Wanted || k >= len(t.Outputs):
		case choice.Classification > 0:
			classes = true
		default:
			bytes += int64(len(t.Outputs[k].Data))
			binary, json = binary || choice.Binary, json || !choice.Binary
		}
	}
	text := ""
	if classes {
		text = "; fewer classes (\"classification\") take fewer bytes"
	}
	switch {
	case json:
		return r.Form.Fault("; as binary data (\"binary_data\": true) its tensors take %d bytes"+text, bytes)
	case binary:
		return r.Form.Fault(": its tensors take %d bytes"+text, bytes)
	}
	return r.Form.Fault(text)
}
