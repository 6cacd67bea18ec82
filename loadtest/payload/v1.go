package payload

import (
	"sluice/internal/jsonscan"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
	"sluice/loadtest/engine"
)

// predictRequest writes a row in the V1 format: by rows ("instances") if all inputs have as
// many, and else by columns ("inputs"). It has no place for an identity.
func predictRequest(h *head, m *Model, _ *Options, row *Row) (engine.Payload, error) {
	for i := range row.Inputs {
		if kind := row.Inputs[i].Type; kind == tensor.FP16 || kind == tensor.BF16 {
			return engine.Payload{}, usagef("input %q of model %q is %s, which the V1 format does not have: use the Open Inference Protocol with binary data", row.Inputs[i].Name, m.Name, kind)
		}
	}
	texts := make([][]string, len(row.Inputs))
	for i := range row.Inputs {
		var err error
		if texts[i], err = elementTexts(&row.Inputs[i]); err != nil {
			return engine.Payload{}, err
		}
	}
	var body []byte
	if rows, ok := commonRows(row.Inputs); ok {
		body = append(body, `{"instances":[`...)
		for r := range rows {
			if r > 0 {
				body = append(body, ',')
			}
			body = appendColumn(body, row.Inputs, texts, r)
		}
		body = append(body, ']', '}')
	} else {
		body = append(appendColumn(append(body, `{"inputs":`...), row.Inputs, texts, -1), '}')
	}
	return engine.Payload{Bytes: h.request(body, 0), ID: -1}, nil
}

// commonRows is the first dimension of all inputs, if they share one that is not 0.
func commonRows(inputs []tensor.Tensor) (int, bool) {
	if len(inputs) == 0 {
		return 0, false
	}
	for i := range inputs {
		if len(inputs[i].Shape) == 0 || inputs[i].Shape[0] != inputs[0].Shape[0] || inputs[i].Shape[0] == 0 {
			return 0, false
		}
	}
	return int(inputs[0].Shape[0]), true
}

// appendColumn appends one row of all inputs, or all rows if row is negative: a bare value
// for a single input, and an object for several.
func appendColumn(dst []byte, inputs []tensor.Tensor, texts [][]string, row int) []byte {
	value := func(dst []byte, i int) []byte {
		shape, elements := inputs[i].Shape, texts[i]
		if row >= 0 {
			size := len(elements) / int(shape[0])
			shape, elements = shape[1:], elements[row*size:(row+1)*size]
		}
		return appendNested(dst, shape, elements)
	}
	if len(inputs) == 1 {
		return value(dst, 0)
	}
	dst = append(dst, '{')
	for i := range inputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = value(append(jsonscan.AppendString(dst, inputs[i].Name), ':'), i)
	}
	return append(dst, '}')
}

// appendNested appends elements in lists of their shape. Its depth is the model's rank.
func appendNested(dst []byte, shape []int64, elements []string) []byte {
	if len(shape) == 0 {
		return append(dst, elements[0]...)
	}
	dst = append(dst, '[')
	size := 0
	if shape[0] > 0 {
		size = len(elements) / int(shape[0])
	}
	for i := range int(shape[0]) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNested(dst, shape[1:], elements[i*size:(i+1)*size])
	}
	return append(dst, ']')
}

// elementTexts writes each element as JSON.
func elementTexts(t *tensor.Tensor) ([]string, error) {
	var texts []string
	one := *t
	for data := t.Data; len(data) > 0; data = data[len(one.Data):] {
		one.Data = data[:min(max(t.Type.Size(), 0), len(data))]
		if t.Type == tensor.Bytes {
			element, err := tensor.BytesSpan(data, 0, 1)
			if err != nil {
				return nil, err
			}
			one.Data = element
		}
		text, err := client.AppendValues(nil, &one)
		if err != nil {
			return nil, usagef("input %q: %v", t.Name, err)
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}
