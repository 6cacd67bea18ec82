package v1

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/oip/wire"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// AppendResponse appends the answer to a decoded V1 request: "predictions" with one
// item per row, or "outputs" with one value per output. A single output comes bare,
// several as objects by name. BYTES outputs whose name ends in "_bytes" are
// {"b64":"..."}. What is told of filled inputs follows under the key and in the form of V2's answers, "parameters".
func (r *Request) AppendResponse(dst []byte, schema *tensor.Schema, t *task.Task) ([]byte, error) {
	start, least := len(dst), int64(0)
	r.remaining, r.shown, r.dims, r.out = r.remaining[:0], r.shown[:0], r.dims[:0], r.Form.Writing(start)
	for k := range schema.Outputs {
		v, dims, err := target.Output(&schema.Outputs[k], t, k, r.dims)
		if err != nil {
			return dst, err
		}
		if tooHollow(v.Shape) {
			return dst, fault.Newf(fault.Unsupported, "output '%s' of shape %s has more than %d empty lists in the V1 format: use the V2 protocol", v.Name, tensor.ShapeText(v.Shape), maxHollow)
		}
		r.remaining, r.shown, r.dims = append(r.remaining, v.Data), append(r.shown, v), dims
		least += wire.LeastJSON(&v)
	}
	if r.Form.Exceeds(least) {
		return dst, r.tooLarge(t)
	}
	var err error
	if r.Row {
		dst, err = r.appendRows(append(dst, `{"predictions":[`...), schema, r.shown, t)
		dst = append(dst, ']')
	} else {
		dst, err = r.appendObject(append(dst, `{"outputs":`...), r.shown, false)
	}
	dst = append(r.Told.AppendParameters(dst), '}')
	clear(r.remaining)
	clear(r.shown)
	if errors.Is(err, wire.ErrFull) || r.Form.Exceeds(int64(len(dst)-start)) {
		err = r.tooLarge(t)
	}
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// maxHollow is the most empty lists that an output is written as: without elements its size
// bounds nothing.
const maxHollow = 1 << 20

// tooHollow reports whether an output without elements is more empty lists than that.
func tooHollow(shape []int64) bool {
	hollow := slices.Index(shape, 0)
	if hollow < 0 {
		return false
	}
	lists, ok := tensor.Elements(shape[:hollow])
	return !ok || lists > maxHollow
}

// appendRows appends one item per row. An output that has one row a request is in each.
func (r *Request) appendRows(dst []byte, schema *tensor.Schema, outputs []tensor.Tensor, t *task.Task) ([]byte, error) {
	rows := int64(-1)
	for k := range outputs {
		v := &outputs[k]
		if repeats(schema, v, k) {
			continue
		}
		if len(v.Shape) == 0 || rows >= 0 && v.Shape[0] != rows {
			return dst, fault.Newf(fault.InvalidRequest, "output '%s' has shape %s, an inconsistent batch size: ask with 'inputs' instead of 'instances'", v.Name, tensor.ShapeText(v.Shape))
		}
		rows = v.Shape[0]
	}
	if rows < 0 {
		rows = int64(t.Rows)
	}
	var err error
	for row := range rows {
		if row > 0 {
			dst = append(dst, ',')
		}
		for k := range outputs {
			if repeats(schema, &outputs[k], k) {
				r.remaining[k] = outputs[k].Data
			}
		}
		if dst, err = r.appendObject(dst, outputs, true); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// repeats reports whether output k has one row for all rows of the request.
func repeats(schema *tensor.Schema, v *tensor.Tensor, k int) bool {
	return schema.Outputs[k].Once && len(v.Shape) > 0 && v.Shape[0] == 1
}

// appendObject appends one row of every output, or all of every output.
func (r *Request) appendObject(dst []byte, outputs []tensor.Tensor, row bool) (_ []byte, err error) {
	if len(outputs) == 1 {
		return r.appendNested(dst, &outputs[0], 0, row)
	}
	dst = append(dst, '{')
	for k := range outputs {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsonscan.AppendString(dst, outputs[k].Name), ':')
		if dst, err = r.appendNested(dst, &outputs[k], k, row); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendNested appends the next value of output k as lists that follow its shape. An
// odometer over the dimensions stands in for recursion.
func (r *Request) appendNested(dst []byte, v *tensor.Tensor, k int, row bool) (_ []byte, err error) {
	dims := v.Shape
	if row {
		dims = dims[1:]
	}
	// Below a dimension of 0 there is nothing: its empty lists are the leaves.
	hollow := slices.Index(dims, 0)
	if hollow >= 0 {
		dims = dims[:hollow]
	}
	r.nest.counts = append(r.nest.counts[:0], make([]int64, len(dims))...)
	counts := r.nest.counts
	for range dims {
		dst = append(dst, '[')
	}
	for {
		if len(dst) > r.out.End {
			return dst, wire.ErrFull
		}
		if hollow >= 0 {
			dst = append(dst, '[', ']')
		} else if dst, err = r.appendLeaf(dst, v, k); err != nil {
			return dst, err
		}
		level := len(dims) - 1
		for ; level >= 0; level-- {
			if counts[level]++; counts[level] < dims[level] {
				break
			}
			counts[level] = 0
			dst = append(dst, ']')
		}
		if level < 0 {
			return dst, nil
		}
		dst = append(dst, ',')
		for range len(dims) - 1 - level {
			dst = append(dst, '[')
		}
	}
}

// appendLeaf takes the next element off output k and appends it.
func (r *Request) appendLeaf(dst []byte, v *tensor.Tensor, k int) ([]byte, error) {
	if v.Type != tensor.Bytes {
		data := r.remaining[k]
		if len(data) < v.Type.Size() {
			return dst, fault.Newf(fault.Internal, "output '%s' has less data than its shape says", v.Name)
		}
		r.remaining[k] = data[v.Type.Size():]
		return r.out.AppendElement(dst, v.Type, data), nil
	}
	element, rest, err := wire.CutString(v, r.remaining[k])
	if err != nil {
		return dst, err
	}
	r.remaining[k] = rest
	if strings.HasSuffix(v.Name, "_bytes") {
		if base64.StdEncoding.EncodedLen(len(element)) > r.out.End-len(dst) {
			return dst, wire.ErrFull
		}
		dst = base64.StdEncoding.AppendEncode(append(dst, `{"b64":"`...), element)
		return append(dst, '"', '}'), nil
	}
	return r.out.AppendText(dst, v, element)
}

// EstimateResponse is about how many bytes AppendResponse will append; see V2's.
func (r *Request) EstimateResponse(schema *tensor.Schema, t *task.Task) int64 {
	n := 64 + r.Told.Estimate()
	for k := range t.Outputs {
		v := &t.Outputs[k]
		lists := wire.ElementsIn(v)
		for i, size := len(v.Shape)-1, lists; i >= 0 && v.Shape[i] > 0; i-- {
			size /= v.Shape[i]
			n += 3 * size // brackets and a comma
		}
		values := wire.UsualJSON(v)
		if r.Row && k < len(schema.Outputs) && repeats(schema, v, k) {
			values *= int64(max(t.Rows, 1))
		}
		n += values + int64(max(t.Rows, 1))*int64(6*len(v.Name)+8)
	}
	return n
}

// tooLarge is the fault of an answer above the limit.
func (r *Request) tooLarge(t *task.Task) error {
	bytes := int64(0)
	for k := range t.Outputs {
		bytes += int64(len(t.Outputs[k].Data))
	}
	return r.Form.Fault("; the V2 protocol carries its tensors as binary data in %d bytes", bytes)
}
