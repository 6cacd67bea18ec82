package main

import "encoding/json"

// The types are those of /openapi.json, written down as a Go program would.

type errorBody struct {
	Error string `json:"error"`
	Code  string `json:"code"`
}

type namedTensor struct {
	Name     string          `json:"name"`
	Datatype string          `json:"datatype"`
	Shape    []int64         `json:"shape"`
	Data     json.RawMessage `json:"data"`
}

type inferRequest struct {
	ID     string        `json:"id,omitempty"`
	Inputs []namedTensor `json:"inputs"`
}

type inferResponse struct {
	ID           string        `json:"id"`
	ModelName    string        `json:"model_name"`
	ModelVersion string        `json:"model_version"`
	Outputs      []namedTensor `json:"outputs"`
}

// rowPredictions has its rows as they are: a number for a model of one output per row, lists, or
// objects by output.
type rowPredictions struct {
	Predictions []json.RawMessage `json:"predictions"`
}

type columnPredictions struct {
	Outputs json.RawMessage `json:"outputs"`
}

type serverMetadata struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

type tensorMetadata struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

type modelMetadata struct {
	Name       string            `json:"name"`
	Versions   []string          `json:"versions"`
	Platform   string            `json:"platform"`
	Inputs     []tensorMetadata  `json:"inputs"`
	Outputs    []tensorMetadata  `json:"outputs"`
	Properties map[string]string `json:"properties"`
}

type inputConfig struct {
	Name             string  `json:"name"`
	DataType         string  `json:"data_type"`
	Format           string  `json:"format"`
	Dims             []int64 `json:"dims"`
	IsShapeTensor    bool    `json:"is_shape_tensor"`
	AllowRaggedBatch bool    `json:"allow_ragged_batch"`
	Optional         bool    `json:"optional"`
}

type outputConfig struct {
	Name          string  `json:"name"`
	DataType      string  `json:"data_type"`
	Dims          []int64 `json:"dims"`
	LabelFilename string  `json:"label_filename"`
	IsShapeTensor bool    `json:"is_shape_tensor"`
}

type modelConfig struct {
	Name            string           `json:"name"`
	Platform        string           `json:"platform"`
	Backend         string           `json:"backend"`
	VersionPolicy   map[string]any   `json:"version_policy"`
	MaxBatchSize    int              `json:"max_batch_size"`
	Input           []inputConfig    `json:"input"`
	Output          []outputConfig   `json:"output"`
	DynamicBatching *struct{}        `json:"dynamic_batching"`
	Parameters      map[string]value `json:"parameters"`
}

type value struct {
	StringValue string `json:"string_value"`
}

type timing struct {
	Count uint64 `json:"count"`
	NS    uint64 `json:"ns"`
}

type batchStatistics struct {
	BatchSize     int    `json:"batch_size"`
	ComputeInput  timing `json:"compute_input"`
	ComputeInfer  timing `json:"compute_infer"`
	ComputeOutput timing `json:"compute_output"`
}

type statistics struct {
	ModelStats []struct {
		Name           string            `json:"name"`
		Version        string            `json:"version"`
		LastInference  int64             `json:"last_inference"`
		InferenceCount uint64            `json:"inference_count"`
		ExecutionCount uint64            `json:"execution_count"`
		InferenceStats inferenceStats    `json:"inference_stats"`
		ResponseStats  struct{}          `json:"response_stats"`
		BatchStats     []batchStatistics `json:"batch_stats"`
		MemoryUsage    []struct{}        `json:"memory_usage"`
	} `json:"model_stats"`
}

type inferenceStats struct {
	Success       timing `json:"success"`
	Fail          timing `json:"fail"`
	Queue         timing `json:"queue"`
	ComputeInput  timing `json:"compute_input"`
	ComputeInfer  timing `json:"compute_infer"`
	ComputeOutput timing `json:"compute_output"`
	CacheHit      timing `json:"cache_hit"`
	CacheMiss     timing `json:"cache_miss"`
}

type modelStatusV1 struct {
	Name     string `json:"name"`
	Ready    bool   `json:"ready"`
	Versions []struct {
		Version string `json:"version"`
		State   string `json:"state"`
		Status  struct {
			ErrorCode    string `json:"error_code"`
			ErrorMessage string `json:"error_message"`
		} `json:"status"`
	} `json:"model_version_status"`
}

type indexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	// Unpinned is an addition of Sluice.
	Unpinned bool `json:"unpinned"`
}

type readiness struct {
	Live     bool     `json:"live"`
	Ready    bool     `json:"ready"`
	Degraded []string `json:"degraded"`
}

type modelReady struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
}

type modelList struct {
	Models []string `json:"models"`
}
