package serve

import (
	"sluice/gateway"
	httpfront "sluice/gateway/http"
	"sluice/gateway/http/admin"
	"sluice/internal/oip/target"
	"sluice/internal/telemetry"
)

// makePorts makes the HTTP servers; they listen nowhere yet.
func (s *Server) makePorts() (err error) {
	s.metrics.WatchFeatures(func() telemetry.Features { return featureMetrics(s.features.Stats()) })
	l := &s.cfg.Limits
	s.gateway, err = gateway.New(gateway.Options{
		Models: catalog{s.registry}, Ended: s.listeners(), KeepBody: s.keepBody(), Log: s.log,
		Limits: gateway.Limits{
			MaxInflatedBytes: int64(l.MaxDecompressedBytes), MaxBodiesBytes: int64(l.MaxBodiesBytes),
			MaxInputsBytes: int64(l.MaxInputsBytes), MaxAnswersBytes: int64(l.MaxAnswersBytes), MaxAnswerBytes: int64(l.MaxAnswerBytes),
			MaxBudget: l.MaxBudget,
			Decode: target.Limits{
				MaxElements: int64(l.MaxElements), MaxTensorBytes: int64(l.MaxDecompressedBytes), MaxDepth: l.MaxJSONDepth,
				MaxInputs: l.MaxInputs, MaxOutputs: l.MaxOutputs,
			},
		},
	})
	if err != nil {
		return err
	}
	s.front, err = httpfront.New(httpfront.Options{
		Gateway:  s.gateway,
		Observer: &s.metrics.HTTP, AccessLog: s.access,
		Log:      s.log,
		Version:  s.o.Version,
		BasePath: s.cfg.BasePath,
		Limits: httpfront.Limits{
			MaxBodyBytes: int64(l.MaxBodyBytes), MaxHeaderBytes: int(l.MaxHeaderBytes), MaxHeaders: l.MaxHeaders, MaxURIBytes: int(l.MaxURIBytes),
			MaxConnections: l.MaxConnections,
		},
		HeaderTimeout: l.HeaderTimeout, ReadTimeout: l.ReadTimeout, WriteTimeout: l.WriteTimeout, IdleTimeout: l.IdleTimeout,
		Ready: s.ready, Degraded: s.degraded,
		Workers: s.threads.cores, Run: s.batcher.Run, OnWorker: s.threads.worker,
	})
	if err != nil {
		return err
	}
	if s.cfg.MetricsListen != "" {
		s.metricsPort, err = admin.New(admin.Options{
			Front: s.front, Control: s.registry, Metrics: s.metrics.Handler(), Log: s.log, MetricsOnly: true,
		})
	}
	if err != nil || s.cfg.Admin == "" {
		return err
	}
	tokens, err := s.adminTokens()
	if err != nil {
		return err
	}
	s.admin, err = admin.New(admin.Options{
		Front: s.front, Control: s.registry, Metrics: s.metrics.Handler(), Log: s.log,
		Reopen: s.fleet.Reopen, Hosts: s.cfg.AdminHosts, Tokens: tokens, Roles: roleControl{s.registry, s.plans, s.mirror.Begin}, Review: newReviewer(s.registry),
		Shadows: shadowControl{s}, Features: func() any { return featureDocument(s.features.Stats()) },
	})
	return err
}
