package oip

import "time"

// Statistics is the answer of the statistics extension.
type Statistics struct {
	ModelStats []ModelStatistics `json:"model_stats"`
}

// ModelStatistics counts what one version has done since it was loaded. Everything
// in it only grows. Clients rely on every field being there.
type ModelStatistics struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// LastInference is wall-clock time in milliseconds since 1970.
	LastInference int64 `json:"last_inference"`
	// InferenceCount is rows, ExecutionCount is runs of the model.
	InferenceCount uint64              `json:"inference_count"`
	ExecutionCount uint64              `json:"execution_count"`
	InferenceStats InferenceStatistics `json:"inference_stats"`
	ResponseStats  struct{}            `json:"response_stats"`
	BatchStats     []BatchStatistics   `json:"batch_stats"`
	MemoryUsage    []struct{}          `json:"memory_usage"`
}

// InferenceStatistics is per request.
type InferenceStatistics struct {
	Success       Duration `json:"success"`
	Fail          Duration `json:"fail"`
	Queue         Duration `json:"queue"`
	ComputeInput  Duration `json:"compute_input"`
	ComputeInfer  Duration `json:"compute_infer"`
	ComputeOutput Duration `json:"compute_output"`
	CacheHit      Duration `json:"cache_hit"`
	CacheMiss     Duration `json:"cache_miss"`
}

// BatchStatistics is per run, for one batch size.
type BatchStatistics struct {
	BatchSize     int      `json:"batch_size"`
	ComputeInput  Duration `json:"compute_input"`
	ComputeInfer  Duration `json:"compute_infer"`
	ComputeOutput Duration `json:"compute_output"`
}

// Duration is how often something took place and how long it took altogether.
type Duration struct {
	Count uint64        `json:"count"`
	Total time.Duration `json:"ns"`
}

// NewModelStatistics returns the statistics of a version that has done nothing, with
// empty lists where nil would be written as null.
func NewModelStatistics(name, version string) ModelStatistics {
	return ModelStatistics{Name: name, Version: version, BatchStats: []BatchStatistics{}, MemoryUsage: []struct{}{}}
}
