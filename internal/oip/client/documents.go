package client

import (
	"encoding/json"
	"fmt"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/oip/v1"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// read reads a document that the error's text calls what.
func read[T any](body []byte, what string) (document T, err error) {
	if err = json.Unmarshal(body, &document); err != nil {
		err = fmt.Errorf("cannot read %s: %w", what, err)
	}
	return document, err
}

// ReadServerMetadata reads the answer of GET /v2.
func ReadServerMetadata(body []byte) (oip.ServerMetadata, error) {
	return read[oip.ServerMetadata](body, "the server's metadata")
}

// ReadIndex reads the answer of POST /v2/repository/index.
func ReadIndex(body []byte) ([]oip.IndexEntry, error) {
	return read[[]oip.IndexEntry](body, "the repository index")
}

// ReadModelList reads the answer of GET /v2/models or GET /v1/models, where a server has it.
func ReadModelList(body []byte) ([]string, error) {
	list, err := read[v1.Models](body, "the list of models")
	return list.Models, err
}

// ReadModelMetadata reads the answer of GET /v2/models/NAME. Of the keys it wants the name,
// and of each tensor name, datatype and shape; dimensions may be integers or, as some
// servers write them, strings of digits.
func ReadModelMetadata(body []byte) (oip.ModelMetadata, error) {
	sent, err := read[sentMetadata](body, "the model's metadata")
	if err != nil {
		return oip.ModelMetadata{}, err
	}
	m := sent.ModelMetadata
	if m.Name == "" {
		return m, fmt.Errorf("cannot read the model's metadata: it has no 'name'")
	}
	if json.Unmarshal(sent.Properties, &m.Properties) != nil {
		m.Properties = nil
	}
	if m.Inputs, err = plainTensors("input", sent.Inputs); err != nil {
		return m, err
	}
	m.Outputs, err = plainTensors("output", sent.Outputs)
	return m, err
}

// sentMetadata is a model's metadata as servers send it.
type sentMetadata struct {
	oip.ModelMetadata
	Inputs  []sentTensor `json:"inputs"`
	Outputs []sentTensor `json:"outputs"`
	// Properties and whatever else is extra must not spoil what is needed.
	Properties json.RawMessage `json:"properties"`
}

type sentTensor struct {
	Name     string    `json:"name"`
	Datatype string    `json:"datatype"`
	Shape    []sentDim `json:"shape"`
}

type sentDim int64

func (d *sentDim) UnmarshalJSON(text []byte) error {
	if len(text) >= 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("dimension %s is no integer", fault.Shown(text))
	}
	*d = sentDim(v)
	return nil
}

func plainTensors(kind string, sent []sentTensor) ([]oip.TensorMetadata, error) {
	out := make([]oip.TensorMetadata, len(sent))
	for i, w := range sent {
		if w.Name == "" || len(w.Shape) > wire.MaxRank {
			return nil, fmt.Errorf("cannot read the model's metadata: %s %d has no name, or more than %d dimensions", kind, i, wire.MaxRank)
		}
		out[i] = oip.TensorMetadata{Name: w.Name, Datatype: w.Datatype, Shape: make([]int64, len(w.Shape))}
		for axis, n := range w.Shape {
			out[i].Shape[axis] = max(int64(n), -1)
		}
	}
	return out, nil
}

// Specs turns tensors of metadata into specs. It fails for a datatype that the protocol
// does not have.
func Specs(tensors []oip.TensorMetadata) ([]tensor.Spec, error) {
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
