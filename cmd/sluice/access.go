package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

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
	s.hangups = make(chan os.Signal, 1)
	signal.Notify(s.hangups, syscall.SIGHUP) // what tools that rotate logs send
	go func() {
		for range s.hangups {
			s.access.Follow()
		}
	}()
	s.metrics.WatchAccessLog(func() telemetry.AccessLog { return telemetry.AccessLog(s.access.Stats()) })
	return nil
}

// accessStop is how long a disk or a pipe may take for the last lines when the server stops.
const accessStop = 2 * time.Second

// stopAccessLog writes the last lines, once nothing is answered any more.
func (s *server) stopAccessLog() {
	if s.access == nil {
		return
	}
	signal.Stop(s.hangups)
	close(s.hangups)
	ctx, cancel := context.WithTimeout(context.Background(), accessStop)
	defer cancel()
	if err := s.access.Close(ctx); err != nil {
		s.log.Warn("the access log was left incomplete", zap.Error(err))
	}
}
