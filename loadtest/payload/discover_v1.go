package payload

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

// DiscoverV1 is Discover for the V1 predict route. A server that also speaks the Open
// Inference Protocol is asked in it; of one that does not, as TensorFlow Serving, the model
// must be named and describes itself by its default signature.
func DiscoverV1(ctx context.Context, url, model, version string) (*Model, error) {
	d, err := discoverAt(url)
	if err != nil {
		return nil, err
	}
	if status, _, err := d.get(ctx, "/v2/health/ready"); err != nil {
		return nil, err
	} else if status != http.StatusNotFound && status != http.StatusBadRequest && status != http.StatusMethodNotAllowed {
		return Discover(ctx, url, model, version)
	}
	if model == "" {
		return nil, usagef("target %s does not list its models: name one with --model", d.target.URL)
	}
	m := &Model{Target: d.target, Name: model, Version: version}
	path := modelPath("v1", model, version)
	status, body, err := d.get(ctx, path)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, notReadyf("target has no %s that is ready: status %d, %s", m.label(), status, client.ErrorText(body))
	}
	if m.Versions = availableVersions(body); len(m.Versions) == 0 {
		return nil, notReadyf("%s is not ready: no version of it is AVAILABLE", m.label())
	}
	if status, body, err = d.get(ctx, path+"/metadata"); err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, notReadyf("target does not describe %s: status %d, %s; a request template can test it", m.label(), status, client.ErrorText(body))
	}
	if err := readSignature(m, body); err != nil {
		return nil, err
	}
	return m, nil
}

// availableVersions reads the answer to a V1 status request.
func availableVersions(body []byte) []string {
	var status struct {
		Versions []struct {
			Version string `json:"version"`
			State   string `json:"state"`
		} `json:"model_version_status"`
	}
	if json.Unmarshal(body, &status) != nil {
		return nil
	}
	var versions []string
	for _, v := range status.Versions {
		if v.State == "AVAILABLE" {
			versions = append(versions, v.Version)
		}
	}
	return versions
}

// v1Tensor is an input or output of a signature of TensorFlow Serving's metadata.
type v1Tensor struct {
	Type  string `json:"dtype"`
	Shape struct {
		Dims []struct {
			Size string `json:"size"`
		} `json:"dim"`
		UnknownRank bool `json:"unknown_rank"`
	} `json:"tensor_shape"`
}

var v1Types = map[string]tensor.DataType{
	"DT_BOOL": tensor.Bool, "DT_UINT8": tensor.Uint8, "DT_UINT16": tensor.Uint16, "DT_UINT32": tensor.Uint32, "DT_UINT64": tensor.Uint64,
	"DT_INT8": tensor.Int8, "DT_INT16": tensor.Int16, "DT_INT32": tensor.Int32, "DT_INT64": tensor.Int64,
	"DT_FLOAT": tensor.FP32, "DT_DOUBLE": tensor.FP64, "DT_HALF": tensor.FP16, "DT_BFLOAT16": tensor.BF16, "DT_STRING": tensor.Bytes,
}

// readSignature fills in what the default signature says.
func readSignature(m *Model, body []byte) error {
	type signature struct {
		Inputs  map[string]v1Tensor `json:"inputs"`
		Outputs map[string]v1Tensor `json:"outputs"`
	}
	var document struct {
		Metadata struct {
			Definition struct {
				Signatures map[string]signature `json:"signature_def"`
			} `json:"signature_def"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return &NotReadyError{"cannot read the metadata of " + m.label(), err}
	}
	s, ok := document.Metadata.Definition.Signatures["serving_default"]
	if !ok {
		return notReadyf("%s has no signature serving_default; a request template can test it", m.label())
	}
	var err error
	if m.Inputs, err = v1Specs(m, s.Inputs); err != nil {
		return err
	}
	m.Outputs, err = v1Specs(m, s.Outputs)
	return err
}

func v1Specs(m *Model, tensors map[string]v1Tensor) ([]tensor.Spec, error) {
	specs := []tensor.Spec{}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		spec := tensor.Spec{Name: name, Type: v1Types[t.Type], Shape: []int64{}}
		if spec.Type == tensor.Invalid || t.Shape.UnknownRank {
			return nil, notReadyf("%s cannot be tested from its metadata: %q is %.40s, or its rank is not known; a request template can test it", m.label(), name, t.Type)
		}
		for _, dim := range t.Shape.Dims {
			n, err := strconv.ParseInt(dim.Size, 10, 64)
			if err != nil {
				return nil, notReadyf("%s cannot be tested from its metadata: %q has the dimension %.40q", m.label(), name, dim.Size)
			}
			spec.Shape = append(spec.Shape, max(n, -1))
		}
		specs = append(specs, spec)
	}
	return specs, nil
}
