package main

import (
	"context"
	"fmt"
	"os"

	"go.uber.org/zap"

	"sluice/internal/accesslog"
	"sluice/internal/remedy"
	"sluice/internal/telemetry"
)

// startAccessLog begins the access log that the settings ask for, if they do.
func (s *server) startAccessLog() (err error) {
	a := &s.cfg.AccessLog
	if a.File == "" {
		return nil
	}
	s.access, err = accesslog.Start(accesslog.Options{File: a.File, Sample: a.Sample, Slow: a.Slow, MaxPerSecond: a.MaxPerSecond, Log: s.log})
	if err != nil {
		return s.cfg.Fault("access_log.file", fmt.Errorf("cannot open the access log %s: %w", a.File, remedy.Written(err)))
	}
	s.metrics.WatchAccessLog(func() telemetry.AccessLog { return telemetry.AccessLog(s.access.Stats()) })
	return nil
}

// followLogs opens the access log again, if there is one, at each signal.
func (s *server) followLogs(hangups <-chan os.Signal) {
	for range hangups {
		if s.access != nil {
			s.access.Follow()
		}
	}
}

// stopAccessLog writes the last lines, once nothing is answered any more.
func (s *server) stopAccessLog() {
	if s.access == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), accessStop)
	defer cancel()
	if err := s.access.Close(ctx); err != nil {
		s.log.Warn("the access log was left incomplete", zap.Error(err))
	}
}
