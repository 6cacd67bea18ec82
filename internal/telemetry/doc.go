// Package telemetry is how the gateway tells what it does: metric handles and logs.
//
// Metrics owns one Prometheus registry and no global. A handle (Model, Device, HTTP)
// is resolved once, when a model version is loaded; observing through it takes some
// atomic additions, no lock, no label lookup and no allocation. All cells of a handle
// lie in shards, and one observation picks one shard, so that cores do not share
// cache lines. Reading sums the shards without stopping the writers: a scrape may see
// a request's count before its duration, and never loses one.
//
// The same cells serve three readers: the `sluice_...` series with native histograms,
// the `nv_inference_...` series that dashboards for Triton expect, and the statistics
// endpoint of the Open Inference Protocol (Model.Stats).
//
// A log's lines go through a Spool, so that nothing that logs ever waits for whoever reads.
//
// A Model lives from NewModel to Retire; a retired handle may still be written to by
// requests that finish late, and no longer shows in a scrape.
package telemetry
