package serve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"sluice/batcher"
	"sluice/batcher/policy"
	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/rows"
	"sluice/internal/task"
	"sluice/internal/telemetry"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// served is a proven model version joined to the scheduler, the edge and the metrics. It is
// what the registry keeps as Version.Served and what the gateway pins.
type served struct {
	info     *gateway.ModelInfo
	version  *models.Version
	queue    *batcher.Model
	metrics  *telemetry.Model
	registry *telemetry.Metrics
	unloaded func()                     // told when it has closed
	away     func(device string) string // why the version runs nothing there; empty if it does
	alone    atomic.Uint64              // shape keys of requests that run alone, counted up
	filled   *filled                    // nil if no input is filled
	rates    *featureRates              // nil then, too
	ladder   []*rung                    // what answers where too little is filled; none then, too
}

var (
	_ gateway.Model = (*served)(nil)
	_ models.Served = (*served)(nil)
)

func (s *served) Info() *gateway.ModelInfo { return s.info }
func (s *served) Refusing() bool           { return s.queue.Refusing() }
func (s *served) Release()                 { s.version.Release() }

// Admit asks the queue.
func (s *served) Admit(arrived, deadline clock.Instant) error {
	return s.queue.Admit(arrived, deadline)
}

// Split asks the version, whose canary is joined to the scheduler like itself.
func (s *served) Split(bucket int) (share int, canary gateway.Model) {
	share, v := s.version.Split(bucket)
	if v == nil {
		return share, nil
	}
	return share, v.Served.(*served)
}

// Ready asks the devices that requests may go to.
func (s *served) Ready() error {
	places := s.version.Placements()
	if s.version.Fallback() == bundle.FallbackNever {
		places = places[:1]
	}
	if why := allAway(places, s.away); why != "" {
		return fault.Newf(fault.ModelNotReady, "model '%s' version %s is not ready: %s", s.info.Name, s.info.Version, why)
	}
	return nil
}

// allAway says why none of the devices runs anything; empty if one does.
func allAway(places []*gates.Placement, away func(device string) string) string {
	var all []string
	for _, p := range places {
		why := away(p.Device)
		if why == "" {
			return ""
		}
		all = append(all, why)
	}
	return strings.Join(all, "; ")
}

// Predict has the queue answer a task.
func (s *served) Predict(t *task.Task) error {
	if err := s.prepare(t); err != nil {
		return err
	}
	return s.queue.Predict(t)
}

// Submit is Predict for event loops.
func (s *served) Submit(t *task.Task) error {
	if err := s.prepare(t); err != nil {
		return err
	}
	return s.queue.Submit(t)
}

// Close drains the version and takes its series out of the metrics.
func (s *served) Close(ctx context.Context) error {
	defer s.unloaded()
	err := s.queue.Close(ctx)
	s.registry.Retire(s.metrics)
	if s.filled != nil {
		s.rates.end()
		s.filled.release()
	}
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
func (s *Server) publish(v *models.Version) (models.Served, error) {
	if s.o.Whole {
		v.Features = nil
	}
	filled, err := s.newFilled(v)
	if err != nil {
		return nil, err
	}
	metrics := s.metrics.NewModel(v.Name, v.Version, max(v.Schema.MaxBatch, 1))
	metrics.SetLoadDuration(v.Report.Took)
	queue, err := s.newQueue(v, metrics)
	if err != nil {
		s.metrics.Retire(metrics)
		if filled != nil {
			filled.release()
		}
		return nil, err
	}
	ladder := s.newLadder(v)
	rungs, names := rungs(ladder)
	m := &served{
		info: gateway.NewModelInfo(gateway.ModelInfo{
			Name: v.Name, Version: v.Version, Digest: v.Digest, Schema: v.Schema, Client: v.Client(), Fill: filled.fill(), Columns: filled.columns(), Ladder: rungs, Budget: v.Config.Budget,
			NullNonFinite: v.Config.Nonfinite == bundle.NonfiniteNull,
			Coupled:       v.Report.Batching.Mode == bundle.Coupled,
			Unit:          v.Config.Unit,
			Versions:      func() []string { return s.registry.ReadyVersions(v.Name) },
			Notes:         func() map[string]string { return s.notes(v) },
		}),
		version: v, queue: queue, metrics: metrics, registry: s.metrics, unloaded: s.ceiling.loaded, filled: filled, ladder: ladder,
		away: func(device string) string { return s.fleet.Find(device).Away(apart(&v.Config)) },
	}
	if filled != nil {
		filled.queue = queue
	}
	metrics.WatchQueue(func() telemetry.QueueState { return telemetry.QueueState(queue.Queue()) })
	metrics.WatchRouting(m.routing)
	metrics.WatchCompared(m.compared)
	if filled != nil {
		m.rates = watchRates(filled, v, s.usual, s.log)
		metrics.WatchFeatures(m.rates.metrics)
		if len(names) > 0 {
			metrics.SetLadder(names)
		}
	}
	s.ceiling.loaded()
	return m, nil
}

// placed is the registry's OnPlacement: a device joins a version that serves.
func (s *Server) placed(v *models.Version, p *gates.Placement) error {
	m, ok := v.Served.(*served)
	if !ok {
		return errors.New("the version is not in service")
	}
	return m.queue.Place(slices.Index(v.Placements(), p), s.place(v, p, m.metrics), v.Displaced())
}

// succeed is the registry's OnLive: what the scheduler has learned of the requests holds for the version that they go to.
func succeed(from, to *models.Version) {
	a, b := from.Served.(*served), to.Served.(*served)
	a.queue.Succeed(b.queue)
}

// newQueue adds the version with the devices that it has now.
func (s *Server) newQueue(v *models.Version, metrics *telemetry.Model) (*batcher.Model, error) {
	fallback, err := policy.ParseFallback(string(v.Fallback()))
	if err != nil {
		return nil, err
	}
	prefer, err := policy.ParsePrefer(cmp.Or(string(v.Config.Prefer), s.cfg.Scheduler.Prefer))
	if err != nil {
		return nil, err
	}
	var places []batcher.Placement
	for _, p := range v.Placements() {
		places = append(places, s.place(v, p, metrics))
	}
	return s.batcher.Add(batcher.Spec{
		Name: v.Name, MaxBatch: max(v.Schema.MaxBatch, 1), Outputs: len(v.Schema.Outputs), Budget: v.Config.Budget, Weight: v.Config.Weight,
		Placements: places, Fallback: fallback, Prefer: prefer, Displaced: v.Displaced(), UnfairRows: !v.Config.FairRows,
		QueueRows: s.cfg.Queue.MaxRows, QueueBytes: int64(s.cfg.Queue.MaxBytes),
		Dropped: func(reason policy.Reason) { metrics.Drop(reason.String()) },
	})
}

// place is a version's session on a device as the scheduler takes it.
func (s *Server) place(v *models.Version, p *gates.Placement, metrics *telemetry.Model) batcher.Placement {
	device := metrics.Device(p.Device)
	return batcher.Placement{
		Device: p.Device, Runner: p.Session, Curve: p.Curve, Guess: !p.Measured, Sizes: p.Sizes, Remote: s.fleet.Find(p.Device).Remote(apart(&v.Config)),
		Observe: func(r *batcher.BatchReport) {
			observeBatch(device, r)
			if errors.Is(r.Err, rows.ErrMisfit) {
				v.Comparer.Misfit(r.Device, r.Rows, r.Err)
			}
		},
	}
}

// routing is where the version's requests went.
func (s *served) routing() telemetry.Routing {
	var r telemetry.Routing
	stats, ok := s.queue.Stats()
	if !ok {
		return r
	}
	r.Pressed = stats.Pressed
	for _, d := range stats.Devices {
		for detour, n := range d.Sent {
			r.Sent = append(r.Sent, telemetry.Sent{Device: d.Name, Reason: policy.Detour(detour).String(), Count: n})
		}
	}
	return r
}

func observeBatch(d *telemetry.Device, r *batcher.BatchReport) {
	d.ObserveBatch(&telemetry.Batch{
		Rows:      r.Rows,
		Input:     r.Timing.Gathered.Sub(r.Sealed),
		Run:       r.Timing.Done.Sub(r.Timing.Gathered), // 0 of a batch that never ran
		Output:    r.End.Sub(r.Timing.Done),
		Predicted: r.Predicted,
		Bound:     r.Bound,
		Failed:    r.Err != nil,
	})
}
