package telemetry

import (
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/fault"
)

// The names that dashboards and load testers for Triton read. Durations are in
// microseconds, summed over requests.
var (
	nvSuccess = describe("nv_inference_request_success", "Answered requests.", byModel...)
	nvFailure = describe("nv_inference_request_failure", "Requests without a result, by reason.", "model", "version", "reason")
	nvCount   = describe("nv_inference_count", "Rows of answered requests.", byModel...)
	nvExec    = describe("nv_inference_exec_count", "Batches that were run.", byModel...)
	nvRequest = describe("nv_inference_request_duration_us", "Time of answered requests from arrival to answer, in microseconds.", byModel...)
	nvQueue   = describe("nv_inference_queue_duration_us", "Time of answered requests in the queue, in microseconds.", byModel...)
	nvInput   = describe("nv_inference_compute_input_duration_us", "Time that answered requests took to gather, in microseconds.", byModel...)
	nvInfer   = describe("nv_inference_compute_infer_duration_us", "Time that answered requests took in the session, in microseconds.", byModel...)
	nvOutput  = describe("nv_inference_compute_output_duration_us", "Time that answered requests took to scatter, in microseconds.", byModel...)
	nvPending = describe("nv_inference_pending_request_count", "Requests that wait for a batch.", byModel...)
	nvLoad    = describe("nv_model_load_duration_secs", "Time from finding the model version to its being ready, in seconds.", byModel...)
)

// nvReasons are all the failure reasons; each has a series from the start.
var nvReasons = []string{"REJECTED", "CANCELED", "BACKEND", "OTHER"}

func nvReason(kind fault.Kind) string {
	switch kind {
	case fault.Overloaded, fault.BudgetTooShort, fault.NoCapacity, fault.Draining, fault.DeadlineExceeded:
		return "REJECTED"
	case fault.ClientClosed:
		return "CANCELED"
	case fault.InferenceFailed, fault.ModelRejectedInput, fault.NonFiniteOutput:
		return "BACKEND"
	default:
		return "OTHER"
	}
}

func collectNV(ch chan<- prometheus.Metric, m *Model, queue QueueState) {
	s := m.Stats()
	failures := make([]uint64, len(nvReasons))
	for _, kind := range fault.Kinds() {
		failures[slices.Index(nvReasons, nvReason(kind))] += m.faults(kind)
	}
	for i, reason := range nvReasons {
		counter(ch, nvFailure, float64(failures[i]), m.name, m.version, reason)
	}
	micros := func(desc *prometheus.Desc, c Count) {
		counter(ch, desc, float64(c.Total.Microseconds()), m.name, m.version)
	}
	counter(ch, nvSuccess, float64(s.Success.Count), m.name, m.version)
	counter(ch, nvCount, float64(s.Rows), m.name, m.version)
	counter(ch, nvExec, float64(s.Batches), m.name, m.version)
	micros(nvRequest, s.Success)
	micros(nvQueue, s.Queue)
	micros(nvInput, s.Input)
	micros(nvInfer, s.Run)
	micros(nvOutput, s.Output)
	gauge(ch, nvPending, float64(queue.Requests), m.name, m.version)
	gauge(ch, nvLoad, math.Float64frombits(m.loadSeconds.Load()), m.name, m.version)
}
