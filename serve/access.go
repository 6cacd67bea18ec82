package serve

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"sluice/internal/accesslog"
	"sluice/internal/remedy"
	"sluice/internal/telemetry"
)

// startAccessLog begins the access log that the settings ask for, if they do.
func (s *Server) startAccessLog() (err error) {
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

// ReopenLogs opens the access log again, if there is one, as those who rotate logs want it.
func (s *Server) ReopenLogs() {
	if s.access != nil {
		s.access.Follow()
	}
}

// accessStop is how long a reader may take for the last lines of the access log when the server ends.
const accessStop = 100 * time.Millisecond

// stopAccessLog writes the last lines, once nothing is answered any more.
func (s *Server) stopAccessLog() {
	if s.access == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), accessStop)
	defer cancel()
	if err := s.access.Close(ctx); err != nil {
		s.log.Warn("the access log was left incomplete", zap.Error(err))
	}
}
