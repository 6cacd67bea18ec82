package oip

import (
	"encoding/json"
	"fmt"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// ReadServerMetadata reads the answer of GET /v2.
func ReadServerMetadata(body []byte) (ServerMetadata, error) {
	var m ServerMetadata
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("cannot read the server's metadata: %w", err)
	}
	return m, nil
}

// ReadModelMetadata reads the answer of GET /v2/models/NAME. Of the keys it wants the name,
// and of each tensor name, datatype and shape; dimensions may be integers or, as some
// servers write them, strings of digits.
func ReadModelMetadata(body []byte) (ModelMetadata, error) {
	var wire struct {
		ModelMetadata
		Inputs  []wireTensor `json:"inputs"`
		Outputs []wireTensor `json:"outputs"`
		// Properties and whatever else is extra must not spoil what is needed.
		Properties json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return ModelMetadata{}, fmt.Errorf("cannot read the model's metadata: %w", err)
	}
	m := wire.ModelMetadata
	if m.Name == "" {
		return m, fmt.Errorf("cannot read the model's metadata: it has no 'name'")
	}
	if json.Unmarshal(wire.Properties, &m.Properties) != nil {
		m.Properties = nil
	}
	var err error
	if m.Inputs, err = plainTensors("input", wire.Inputs); err != nil {
		return m, err
	}
	m.Outputs, err = plainTensors("output", wire.Outputs)
	return m, err
}

type wireTensor struct {
	Name     string    `json:"name"`
	Datatype string    `json:"datatype"`
	Shape    []wireDim `json:"shape"`
}

type wireDim int64

func (d *wireDim) UnmarshalJSON(text []byte) error {
	if len(text) >= 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("dimension %s is no integer", fault.Shown(text))
	}
	*d = wireDim(v)
	return nil
}

func plainTensors(kind string, wire []wireTensor) ([]TensorMetadata, error) {
	out := make([]TensorMetadata, len(wire))
	for i, w := range wire {
		if w.Name == "" || len(w.Shape) > maxRank {
			return nil, fmt.Errorf("cannot read the model's metadata: %s %d has no name, or more than %d dimensions", kind, i, maxRank)
		}
		out[i] = TensorMetadata{Name: w.Name, Datatype: w.Datatype, Shape: make([]int64, len(w.Shape))}
		for axis, n := range w.Shape {
			out[i].Shape[axis] = max(int64(n), -1)
		}
	}
	return out, nil
}

// Specs turns tensors of metadata into specs. It fails for a datatype that the protocol
// does not have.
func Specs(tensors []TensorMetadata) ([]tensor.Spec, error) {
	specs := make([]tensor.Spec, len(tensors))
	for i, t := range tensors {
		kind := tensor.ParseDataType([]byte(t.Datatype))
		if kind == tensor.Invalid {
			return nil, fmt.Errorf("'%s' has the datatype '%s', which the protocol does not know", fault.Shown(t.Name), fault.Shown(t.Datatype))
		}
		specs[i] = tensor.Spec{Name: t.Name, Type: kind, Shape: t.Shape}
	}
	return specs, nil
}

// ReadIndex reads the answer of POST /v2/repository/index.
func ReadIndex(body []byte) ([]IndexEntry, error) {
	var index []IndexEntry
	if err := json.Unmarshal(body, &index); err != nil {
		return nil, fmt.Errorf("cannot read the repository index: %w", err)
	}
	return index, nil
}

// ReadModelList reads the answer of GET /v2/models or GET /v1/models, where a server has it.
func ReadModelList(body []byte) ([]string, error) {
	var list V1Models
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("cannot read the list of models: %w", err)
	}
	return list.Models, nil
}

// ErrorText is what the body of a refusal says: the text of its "error", or else the
// beginning of the body itself, fit to be quoted.
func ErrorText(body []byte) string {
	var refusal struct {
		Error  string          `json:"error"`
		Detail json.RawMessage `json:"detail"` // FastAPI's word for it
	}
	if json.Unmarshal(body, &refusal) == nil {
		if refusal.Error != "" {
			return fault.Printable(refusal.Error[:min(len(refusal.Error), 300)])
		}
		if len(refusal.Detail) > 0 {
			return fault.Shown([]byte(refusal.Detail))
		}
	}
	if len(body) == 0 {
		return "no text"
	}
	return fault.Shown(body)
}
