package main

import (
	"context"

	"sluice/batcher"
	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/task"
	"sluice/internal/telemetry"
	"sluice/models"
)

// served is a proven model version joined to the scheduler, the edge and the metrics. It is
// what the registry keeps as Version.Served and what the gateway pins.
type served struct {
	info     *gateway.ModelInfo
	version  *models.Version
	queue    *batcher.Model
	metrics  *telemetry.Model
	registry *telemetry.Metrics
}

var (
	_ gateway.Model = (*served)(nil)
	_ models.Served = (*served)(nil)
)

func (s *served) Info() *gateway.ModelInfo           { return s.info }
func (s *served) Admit(deadline clock.Instant) error { return s.queue.Admit(deadline) }
func (s *served) Predict(t *task.Task) error         { return s.queue.Predict(t) }
func (s *served) Submit(t *task.Task) error          { return s.queue.Submit(t) }
func (s *served) Release()                           { s.version.Release() }

// Close drains the version and takes its series out of the metrics.
func (s *served) Close(ctx context.Context) error {
	err := s.queue.Close(ctx)
	s.registry.Retire(s.metrics)
	return err
}

// Stats puts the telemetry's sums in the protocol's words.
func (s *served) Stats() oip.ModelStatistics {
	sums := s.metrics.Stats()
	stats := oip.NewModelStatistics(s.info.Name, s.info.Version)
	stats.LastInference = sums.LastBatch
	stats.InferenceCount, stats.ExecutionCount = sums.Rows, sums.Batches
	stats.InferenceStats = oip.InferenceStatistics{
		Success: duration(sums.Success), Fail: duration(sums.Fail), Queue: duration(sums.Queue),
		ComputeInput: duration(sums.Input), ComputeInfer: duration(sums.Run), ComputeOutput: duration(sums.Output),
	}
	for _, size := range sums.Sizes {
		stats.BatchStats = append(stats.BatchStats, oip.BatchStatistics{
			BatchSize: size.Rows, ComputeInput: duration(size.Input), ComputeInfer: duration(size.Run), ComputeOutput: duration(size.Output),
		})
	}
	return stats
}

func duration(c telemetry.Count) oip.Duration { return oip.Duration{Count: c.Count, Total: c.Total} }

// publish joins a proven version to the scheduler; it is the registry's Publish.
func (s *server) publish(v *models.Version) (models.Served, error) {
	maxBatch := max(v.Schema.MaxBatch, 1)
	metrics := s.metrics.NewModel(v.Name, v.Version, maxBatch)
	metrics.SetLoadDuration(v.Report.Took)
	cpu := metrics.Device(deviceCPU)
	queue, err := s.batcher.Add(batcher.Spec{
		Name: v.Name, MaxBatch: maxBatch, Outputs: len(v.Schema.Outputs), Budget: v.Config.Budget,
		Placements: placements(v),
		QueueRows:  s.cfg.Queue.MaxRows, QueueBytes: int64(s.cfg.Queue.MaxBytes),
		Observe: func(r *batcher.BatchReport) { observeBatch(cpu, r) },
		Dropped: func(reason batcher.Reason) { metrics.DropNamed(reason.String()) },
	})
	if err != nil {
		s.metrics.Retire(metrics)
		return nil, err
	}
	metrics.WatchQueue(func() telemetry.QueueState {
		q := queue.Queue()
		return telemetry.QueueState{Requests: q.Requests, Rows: q.Rows, Bytes: q.Bytes, Oldest: q.Oldest}
	})
	return &served{
		info: gateway.NewModelInfo(gateway.ModelInfo{
			Name: v.Name, Version: v.Version, Digest: v.Digest, Schema: v.Schema, Budget: v.Config.Budget,
			Versions: func() []string { return s.registry.ReadyVersions(v.Name) },
		}),
		version: v, queue: queue, metrics: metrics, registry: s.metrics,
	}, nil
}

// placements are the version's sessions as the scheduler takes them.
func placements(v *models.Version) []batcher.Placement {
	var all []batcher.Placement
	for _, p := range v.Placements() {
		all = append(all, batcher.Placement{Device: p.Device, Runner: p.Session, Curve: p.Curve, Sizes: p.Sizes})
	}
	return all
}

func observeBatch(d *telemetry.Device, r *batcher.BatchReport) {
	d.ObserveBatch(&telemetry.Batch{
		Rows:      r.Rows,
		Input:     r.Timing.Gathered.Sub(r.Sealed),
		Run:       r.Timing.Done.Sub(r.Timing.Gathered),
		Output:    r.End.Sub(r.Timing.Done),
		Predicted: r.Predicted,
		Failed:    r.Err != nil,
	})
}

// catalog is the registry as the gateway sees it.
type catalog struct{ registry *models.Registry }

func (c catalog) Acquire(name, version string) (gateway.Model, error) {
	v, err := c.registry.Acquire(name, version)
	if err != nil {
		return nil, err
	}
	return v.Served.(*served), nil
}

// states are the registry's states in the protocol's words.
var states = map[models.State]string{
	models.Discovered: oip.StateUnavailable,
	models.Loading:    oip.StateLoading,
	models.Ready:      oip.StateReady,
	models.Draining:   oip.StateUnloading,
	models.Unloaded:   oip.StateUnavailable,
	models.Failed:     oip.StateUnavailable,
}

func (c catalog) List() []gateway.ModelStatus {
	index := c.registry.Index()
	list := make([]gateway.ModelStatus, len(index))
	for i, s := range index {
		list[i] = gateway.ModelStatus{Name: s.Name, Version: s.Version, State: states[s.State], Reason: s.Reason}
		if s.State == models.Ready {
			list[i].Stats = func() oip.ModelStatistics { return c.stats(s.Name, s.Version) }
		}
	}
	return list
}

// stats are those of a version that was ready when it was listed.
func (c catalog) stats(name, version string) oip.ModelStatistics {
	v, err := c.registry.Acquire(name, version)
	if err != nil {
		return oip.NewModelStatistics(name, version)
	}
	defer v.Release()
	return v.Served.(*served).Stats()
}

// observer turns the gateway's account of each request into metrics.
type observer struct{ http *telemetry.HTTP }

func (o observer) Predicted(m gateway.Model, out *gateway.Outcome) {
	metrics := m.(*served).metrics
	if out.Fault != 0 {
		metrics.ObserveFault(out.Fault, out.Total)
		return
	}
	t := &out.Trace
	metrics.ObserveRequest(&telemetry.Request{
		Rows: out.Rows, Late: out.Late, Total: out.Total, Decode: out.Decode, Encode: out.Encode,
		Queue: t.Sealed.Sub(t.Queued), Input: t.RunStart.Sub(t.Sealed), Run: t.RunEnd.Sub(t.RunStart), Output: t.Done.Sub(t.RunEnd),
	})
}

func (o observer) Refused(kind fault.Kind) { o.http.Fault(kind) }
func (o observer) Answered(status int)     { o.http.Response(status) }

func (o observer) Connected(delta int) {
	if delta > 0 {
		o.http.Opened()
	} else {
		o.http.Closed()
	}
}
