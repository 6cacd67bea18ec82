package main

import (
	"fmt"
	"net"

	"sluice/gateway"
	httpfront "sluice/gateway/http"
	"sluice/internal/oip"
	"sluice/internal/remedy"
)

// openPorts makes the two HTTP servers.
func (s *server) openPorts() (err error) {
	l := &s.cfg.Limits
	s.gateway, err = gateway.New(gateway.Options{
		Models: catalog{s.registry}, Ended: s.listeners(), KeepBody: s.keepBody(), Log: s.log,
		Limits: gateway.Limits{
			MaxInflatedBytes: int64(l.MaxDecompressedBytes), MaxBodiesBytes: int64(l.MaxBodiesBytes),
			MaxInputsBytes: int64(l.MaxInputsBytes), MaxAnswersBytes: int64(l.MaxAnswersBytes), MaxAnswerBytes: int64(l.MaxAnswerBytes),
			MaxBudget: l.MaxBudget,
			Decode: oip.Limits{
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
		Observer: observer{&s.metrics.HTTP}, AccessLog: s.access,
		Log:      s.log,
		Version:  version,
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
		s.metricsPort, err = httpfront.NewAdmin(httpfront.AdminOptions{
			Models: catalog{s.registry}, Control: s.registry, Metrics: s.metrics.Handler(), Server: s.front, Log: s.log, MetricsOnly: true,
		})
	}
	if err != nil || s.cfg.Admin == "" {
		return err
	}
	token, err := s.adminToken()
	if err != nil {
		return err
	}
	s.admin, err = httpfront.NewAdmin(httpfront.AdminOptions{
		Models: catalog{s.registry}, Control: s.registry, Metrics: s.metrics.Handler(), Server: s.front, Log: s.log,
		Reopen: s.fleet.reopen, Hosts: s.cfg.AdminHosts, Token: token,
	})
	return err
}

// openAdmin opens one of the ports that are not for predictions, if there is to be one. What ends it
// goes to failed.
func openAdmin(port *httpfront.Admin, address, what, setting string, failed chan<- error) (net.Addr, error) {
	if port == nil {
		return nil, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", what, remedy.Listen(err, address, setting))
	}
	go func() { failed <- port.Serve(ln) }()
	return ln.Addr(), nil
}
