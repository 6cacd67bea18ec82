package client

import (
	"strconv"
	"time"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// InferRequest is an infer request as a client writes it.
type InferRequest struct {
	// ID is the request's id; none if it is empty. It is the first thing in the JSON, so that
	// an id of digits and letters begins IDOffset bytes after the request does.
	ID string
	// Inputs are written in this order.
	Inputs []tensor.Tensor
	// Binary sends all inputs as binary data. FP16 and BF16, for which the protocol has no
	// JSON, always go so.
	Binary bool
	// Outputs are the outputs that are asked for; none means all, as JSON.
	Outputs []WantedOutput
	// Timeout is the "timeout" parameter, in whole microseconds; none if it is 0.
	Timeout time.Duration
	// Priority is the "priority" parameter; none if it is 0.
	Priority uint64
}

// WantedOutput asks for an output, as binary data or as JSON.
type WantedOutput struct {
	Name   string
	Binary bool
}

// IDOffset is where the id begins in a request that has one.
const IDOffset = len(`{"id":"`)

// AppendInferRequest appends a request: its JSON, and behind it the binary data. jsonLen
// is the length of the JSON if binary data follows (the value of
// Inference-Header-Content-Length), which may be empty; 0 if the request is JSON only. It
// fails if BYTES that are no UTF-8 text are to go as JSON.
func AppendInferRequest(dst []byte, r *InferRequest) (out []byte, jsonLen int, err error) {
	start := len(dst)
	dst = append(dst, '{')
	if r.ID != "" {
		dst = append(jsonscan.AppendString(append(dst, `"id":`...), r.ID), ',')
	}
	dst = r.appendParameters(dst)
	dst = append(dst, `"inputs":[`...)
	binary := false
	for i := range r.Inputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		in := &r.Inputs[i]
		if r.asBinary(in) {
			binary = true
			dst = wire.AppendBinary(dst, in)
		} else if dst, err = appendTensor(dst, in); err != nil {
			return dst[:start], 0, err
		}
	}
	dst = append(r.appendOutputs(append(dst, ']')), '}')
	if !binary {
		return dst, 0, nil
	}
	jsonLen = len(dst) - start
	for i := range r.Inputs {
		if r.asBinary(&r.Inputs[i]) {
			dst = append(dst, r.Inputs[i].Data...)
		}
	}
	return dst, jsonLen, nil
}

func (r *InferRequest) asBinary(in *tensor.Tensor) bool {
	return r.Binary || in.Type.Half()
}

// appendTensor is wire's AppendJSON with an error that names the input.
func appendTensor(dst []byte, in *tensor.Tensor) ([]byte, error) {
	out, err := wire.Unbounded.AppendJSON(dst, in)
	if fault.Is(err, fault.InvalidUTF8) {
		return out, fault.Newf(fault.InvalidUTF8, "input '%s' holds bytes that are not UTF-8 text: send it as binary data", in.Name)
	}
	return out, err
}

func (r *InferRequest) appendParameters(dst []byte) []byte {
	if r.Timeout == 0 && r.Priority == 0 {
		return dst
	}
	dst = append(dst, `"parameters":{`...)
	if r.Timeout != 0 {
		dst = strconv.AppendInt(append(dst, `"timeout":`...), r.Timeout.Microseconds(), 10)
	}
	if r.Priority != 0 {
		if r.Timeout != 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(append(dst, `"priority":`...), r.Priority, 10)
	}
	return append(dst, '}', ',')
}

// appendOutputs says of each output how it is to come: servers disagree on what a
// request-wide default means for outputs that are listed.
func (r *InferRequest) appendOutputs(dst []byte) []byte {
	if len(r.Outputs) == 0 {
		return dst
	}
	dst = append(dst, `,"outputs":[`...)
	for i, o := range r.Outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendString(append(dst, `{"name":`...), o.Name)
		dst = strconv.AppendBool(append(dst, `,"parameters":{"binary_data":`...), o.Binary)
		dst = append(dst, '}', '}')
	}
	return append(dst, ']')
}

// AppendValues appends all elements of a tensor as JSON, commas between them, in the form
// of requests and answers: floats with the fewest digits that give the same value back. It
// fails for FP16 and BF16, and for BYTES that are no UTF-8 text.
func AppendValues(dst []byte, v *tensor.Tensor) ([]byte, error) {
	return wire.Unbounded.AppendValues(dst, v)
}
