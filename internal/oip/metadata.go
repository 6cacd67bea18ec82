package oip

import (
	"cmp"
	"slices"
	"strings"

	"sluice/internal/tensor"
)

// ServerMetadata is the answer of GET /v2.
type ServerMetadata struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

// Extensions are the protocol extensions that this package carries in full.
var Extensions = []string{"classification", "model_repository", "model_configuration", "binary_tensor_data", "parameters", "statistics"}

// ModelMetadata describes a model. Properties may be nil.
type ModelMetadata struct {
	Name       string            `json:"name"`
	Versions   []string          `json:"versions"`
	Platform   string            `json:"platform"`
	Inputs     []TensorMetadata  `json:"inputs"`
	Outputs    []TensorMetadata  `json:"outputs"`
	Properties map[string]string `json:"properties,omitempty"`
}

// TensorMetadata describes an input or output; a leading -1 is the batch, and a leading 1 in a
// model that batches is an input that is given once per request, or an output that has one row.
type TensorMetadata struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// Platform is the name by which the protocol knows models of ONNX Runtime.
const Platform = "onnxruntime_onnx"

// NewModelMetadata describes a model whose ready versions are given in ascending order.
func NewModelMetadata(name string, versions []string, schema *tensor.Schema) ModelMetadata {
	return ModelMetadata{
		Name:     name,
		Versions: append([]string{}, versions...),
		Platform: Platform,
		Inputs:   tensors(slices.DeleteFunc(slices.Clone(schema.Inputs), func(s tensor.Spec) bool { return s.MayMiss() })),
		Outputs:  tensors(schema.Outputs),
	}
}

func tensors(specs []tensor.Spec) []TensorMetadata {
	out := make([]TensorMetadata, len(specs))
	for i, spec := range specs {
		out[i] = TensorMetadata{spec.Name, spec.Type.String(), append([]int64{}, spec.OnWire()...)}
	}
	return out
}

// ModelConfig is the answer of the model configuration extension. Of the many
// settings that the extension knows it has those that are true of every model here.
type ModelConfig struct {
	Name            string           `json:"name"`
	Platform        string           `json:"platform"`
	Backend         string           `json:"backend"`
	VersionPolicy   VersionPolicy    `json:"version_policy"`
	MaxBatchSize    int              `json:"max_batch_size"`
	Input           []InputConfig    `json:"input"`
	Output          []OutputConfig   `json:"output"`
	DynamicBatching *DynamicBatching `json:"dynamic_batching,omitempty"`
	// Parameters is what the extension has no setting for. ParameterOnce is there if the
	// model has such inputs.
	Parameters map[string]ConfigParameter `json:"parameters,omitempty"`
}

// ParameterOnce is the parameter of a model's configuration that names, with commas between
// them, the inputs that a request gives once for all its rows.
const ParameterOnce = "once"

// ConfigParameter is a parameter of a model's configuration.
type ConfigParameter struct {
	StringValue string `json:"string_value"`
}

// VersionPolicy says which versions are served.
type VersionPolicy struct {
	Latest struct {
		NumVersions int `json:"num_versions"`
	} `json:"latest"`
}

// InputConfig describes an input; Dims are without the batch, but whole if the file has a value for it.
type InputConfig struct {
	Name             string  `json:"name"`
	DataType         string  `json:"data_type"`
	Format           string  `json:"format"`
	Dims             []int64 `json:"dims"`
	IsShapeTensor    bool    `json:"is_shape_tensor"`
	AllowRaggedBatch bool    `json:"allow_ragged_batch"`
	Optional         bool    `json:"optional"`
}

// OutputConfig describes an output; Dims are without the batch.
type OutputConfig struct {
	Name          string  `json:"name"`
	DataType      string  `json:"data_type"`
	Dims          []int64 `json:"dims"`
	LabelFilename string  `json:"label_filename"`
	IsShapeTensor bool    `json:"is_shape_tensor"`
}

// DynamicBatching is there for every model whose requests share batches. Its
// parameters would be knobs that this scheduler does not have.
type DynamicBatching struct{}

// NewModelConfig describes a model.
func NewModelConfig(name string, schema *tensor.Schema) ModelConfig {
	c := ModelConfig{
		Name:         name,
		Platform:     Platform,
		Backend:      "onnxruntime",
		MaxBatchSize: schema.MaxRows,
		Input:        make([]InputConfig, 0, len(schema.Inputs)+len(schema.Optional)),
		Output:       make([]OutputConfig, len(schema.Outputs)),
	}
	c.VersionPolicy.Latest.NumVersions = 1
	var once []string
	for i := range schema.Inputs {
		spec := &schema.Inputs[i]
		in := inputConfig(spec, rowDims(schema, spec))
		in.Optional = spec.MayMiss()
		c.Input = append(c.Input, in)
		if spec.Once {
			once = append(once, spec.Name)
		}
	}
	for i := range schema.Optional {
		spec := &schema.Optional[i]
		in := inputConfig(spec, append([]int64{}, spec.Shape...))
		in.Optional = true
		c.Input = append(c.Input, in)
	}
	if len(once) > 0 {
		c.Note(map[string]string{ParameterOnce: strings.Join(once, ",")})
	}
	for k := range schema.Outputs {
		spec := &schema.Outputs[k]
		c.Output[k] = OutputConfig{Name: spec.Name, DataType: configType(spec.Type), Dims: rowDims(schema, spec)}
	}
	if schema.Batchable() {
		c.DynamicBatching = &DynamicBatching{}
	}
	return c
}

// Note adds parameters.
func (c *ModelConfig) Note(parameters map[string]string) {
	if c.Parameters == nil && len(parameters) > 0 {
		c.Parameters = make(map[string]ConfigParameter, len(parameters))
	}
	for name, value := range parameters {
		c.Parameters[name] = ConfigParameter{value}
	}
}

func inputConfig(spec *tensor.Spec, dims []int64) InputConfig {
	return InputConfig{Name: spec.Name, DataType: configType(spec.Type), Format: cmp.Or(spec.Format, "FORMAT_NONE"), Dims: dims}
}

// configType is the configuration's name of a type.
func configType(kind tensor.DataType) string {
	if kind == tensor.Bytes {
		return "TYPE_STRING"
	}
	return "TYPE_" + kind.String()
}

func rowDims(schema *tensor.Schema, spec *tensor.Spec) []int64 {
	dims := spec.OnWire()
	if schema.Batchable() && len(dims) > 0 {
		dims = dims[1:]
	}
	return append([]int64{}, dims...)
}
