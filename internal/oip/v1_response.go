package oip

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// AppendResponse appends the answer to a decoded V1 request: "predictions" with one
// item per row, or "outputs" with one value per output. A single output comes bare,
// several as objects by name. BYTES outputs whose name ends in "_bytes" are
// {"b64":"..."}.
func (r *V1Request) AppendResponse(dst []byte, schema *tensor.Schema, t *task.Task) ([]byte, error) {
	start := len(dst)
	for k := range schema.Outputs {
		if err := checkOutput(&schema.Outputs[k], t, k); err != nil {
			return dst, err
		}
	}
	outputs, err := r.allOnWire(schema, t)
	if err != nil {
		return dst, err
	}
	r.remaining, r.out = r.remaining[:0], r.Form.writing(start)
	least := int64(0)
	for k := range schema.Outputs {
		if tooHollow(outputs[k].Shape) {
			return dst, fault.Newf(fault.Unsupported, "output '%s' of shape %s has more than %d empty lists in the V1 format: use the V2 protocol", schema.Outputs[k].Name, showShape(outputs[k].Shape), maxHollow)
		}
		r.remaining = append(r.remaining, outputs[k].Data)
		least += leastJSON(&outputs[k])
	}
	if r.Form.exceeds(least) {
		return dst, r.tooLarge(t)
	}
	if r.Row {
		dst, err = r.appendRows(append(dst, `{"predictions":[`...), schema, outputs, t)
		dst = append(dst, ']', '}')
	} else {
		dst, err = r.appendObject(append(dst, `{"outputs":`...), outputs, false)
		dst = append(dst, '}')
	}
	clear(r.remaining)
	clear(r.shown)
	if errors.Is(err, errFull) || r.Form.exceeds(int64(len(dst)-start)) {
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
func (r *V1Request) appendRows(dst []byte, schema *tensor.Schema, outputs []tensor.Tensor, t *task.Task) ([]byte, error) {
	rows := int64(-1)
	for k := range outputs {
		v := &outputs[k]
		if repeats(schema, v, k) {
			continue
		}
		if len(v.Shape) == 0 || rows >= 0 && v.Shape[0] != rows {
			return dst, fault.Newf(fault.InvalidRequest, "output '%s' has shape %s, an inconsistent batch size: ask with 'inputs' instead of 'instances'", v.Name, showShape(v.Shape))
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
func (r *V1Request) appendObject(dst []byte, outputs []tensor.Tensor, row bool) (_ []byte, err error) {
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
func (r *V1Request) appendNested(dst []byte, v *tensor.Tensor, k int, row bool) (_ []byte, err error) {
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
		if len(dst) > r.out.end {
			return dst, errFull
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
func (r *V1Request) appendLeaf(dst []byte, v *tensor.Tensor, k int) ([]byte, error) {
	if v.Type != tensor.Bytes {
		data := r.remaining[k]
		if len(data) < v.Type.Size() {
			return dst, fault.Newf(fault.Internal, "output '%s' has less data than its shape says", v.Name)
		}
		r.remaining[k] = data[v.Type.Size():]
		if r.out.nulls && nonFiniteAt(v.Type, data) {
			return append(dst, "null"...), nil
		}
		return appendValue(dst, v.Type, data), nil
	}
	element, rest, ok := cutElement(r.remaining[k])
	if !ok {
		return dst, fault.Newf(fault.Internal, "output '%s' holds malformed strings", v.Name)
	}
	r.remaining[k] = rest
	if strings.HasSuffix(v.Name, "_bytes") {
		if base64.StdEncoding.EncodedLen(len(element)) > r.out.end-len(dst) {
			return dst, errFull
		}
		dst = base64.StdEncoding.AppendEncode(append(dst, `{"b64":"`...), element)
		return append(dst, '"', '}'), nil
	}
	return appendText(dst, v, element, r.out)
}
