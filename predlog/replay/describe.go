package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sluice/internal/agree"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

// Description is what a gateway tells of a model.
type Description struct {
	Model Model
	// Schema has inputs and outputs with the shapes of requests and answers.
	Schema *tensor.Schema
	Digest string
	// Notes are the parameters of the model's configuration.
	Notes map[string]string
}

// Tolerance is how far answers may be off.
func (d *Description) Tolerance() (t agree.Tolerance, err error) {
	for _, part := range []struct {
		name string
		to   *float64
	}{{"tolerance_abs", &t.Abs}, {"tolerance_rel", &t.Rel}} {
		if *part.to, err = strconv.ParseFloat(d.Notes[part.name], 64); err != nil {
			return t, fmt.Errorf("the configuration of %s has no %s: is it served by an older Sluice?", d.Model.Name, part.name)
		}
	}
	return t, nil
}

// Describe asks for a model's description. Where m has no version it is the live one, and Model says which that is.
func (c *Client) Describe(ctx context.Context, m Model) (*Description, error) {
	var about struct {
		Versions   []string          `json:"versions"`
		Properties map[string]string `json:"properties"`
	}
	var config struct {
		MaxBatchSize int          `json:"max_batch_size"`
		Input        []sentTensor `json:"input"`
		Output       []sentTensor `json:"output"`
		Parameters   map[string]struct {
			Text string `json:"string_value"`
		} `json:"parameters"`
	}
	if err := c.document(ctx, m, "", &about); err != nil {
		return nil, err
	}
	if err := c.document(ctx, m, "config", &config); err != nil {
		return nil, err
	}
	d := &Description{Model: m, Digest: about.Properties["digest"], Notes: map[string]string{}}
	for name, p := range config.Parameters {
		d.Notes[name] = p.Text
	}
	s := &tensor.Schema{MaxBatch: config.MaxBatchSize, MaxRows: config.MaxBatchSize}
	for i := range config.Input {
		spec := config.Input[i].spec(config.MaxBatchSize > 0)
		spec.Once = strings.Contains(","+d.Notes["once"]+",", ","+spec.Name+",")
		s.Inputs = append(s.Inputs, spec)
	}
	for i := range config.Output {
		s.Outputs = append(s.Outputs, config.Output[i].spec(config.MaxBatchSize > 0))
	}
	d.Schema = s
	return d, nil
}

type sentTensor struct {
	Name     string  `json:"name"`
	DataType string  `json:"data_type"`
	Dims     []int64 `json:"dims"`
}

func (s *sentTensor) spec(batched bool) tensor.Spec {
	kind := strings.TrimPrefix(s.DataType, "TYPE_")
	if kind == "STRING" {
		kind = tensor.Bytes.String()
	}
	spec := tensor.Spec{Name: s.Name, Type: tensor.ParseDataType([]byte(kind)), Shape: s.Dims}
	if batched {
		spec.Shape = append([]int64{-1}, s.Dims...)
	}
	return spec
}

// document reads what a model's address has; what may be empty.
func (c *Client) document(ctx context.Context, m Model, what string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.url(m, what), "/"), nil)
	if err != nil {
		return err
	}
	text, _, status, err := c.do(request)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("cannot ask what %s is: status %d: %s", m, status, client.ErrorText(text))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("what the gateway says of %s is no document: %w", m, err)
	}
	return nil
}
