package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"sluice/gateway/http/admin"
)

// stop ends everything that runs, in the order that loses no accepted request. A part that is not there
// yet is passed over: a failed start ends here too.
func (s *Server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Drain.Deadline)
	defer cancel()
	err := s.drain(ctx)
	if s.endPlans != nil {
		s.endPlans()
	}
	if s.endWebhooks != nil {
		s.endWebhooks()
	}
	s.stopShadow()
	s.stopRecording()
	s.stopPredictionLog()
	s.stopAccessLog()
	if s.batcher != nil {
		s.batcher.Close()
	}
	last, cancelLast := context.WithTimeout(context.Background(), time.Second)
	defer cancelLast()
	if s.registry != nil {
		if err := s.registry.Close(last); err != nil {
			s.log.Warn("sessions were left open", zap.Error(err))
		}
	}
	if s.roles != nil {
		if err := s.roles.Close(); err != nil {
			s.log.Warn("the lease of the state folder was not given up: another gateway waits until it has expired", zap.Error(err))
		}
	}
	if s.usual != nil {
		s.usual.close()
	}
	if s.features != nil {
		if err := s.features.Close(); err != nil {
			s.log.Warn("feature stores were left open", zap.Error(err))
		}
	}
	if s.fleet != nil {
		if err := s.fleet.Close(last); err != nil {
			s.log.Warn("workers were left behind", zap.Error(err))
		}
	}
	if s.copies != nil {
		if err := s.copies.Close(); err != nil {
			s.log.Warn("private copies of the models' files were left behind", zap.Error(err))
		}
	}
	s.gpus.stop()
	s.ceiling.stop()
	if s.threads != nil {
		s.threads.giveBack()
	}
	return errors.Join(err, stopPort(last, s.admin, s.ports.admin), stopPort(last, s.metricsPort, s.ports.metrics))
}

// drain answers what has been accepted, until ctx ends, and refuses the rest.
func (s *Server) drain(ctx context.Context) (err error) {
	if s.front != nil {
		if err := s.front.Shutdown(ctx); err != nil {
			s.log.Warn("the drain deadline has passed; refusing what still waits", zap.Error(err))
		}
	}
	if s.batcher != nil {
		if err = s.batcher.Drain(ctx); err != nil {
			err = fmt.Errorf("some requests were refused at the drain deadline: %w", err)
		}
	}
	if s.front != nil {
		if err := s.front.Close(); err != nil {
			s.log.Warn("connections were cut", zap.Error(err))
		}
	}
	if s.ports.predict != nil {
		_ = s.ports.predict.Close() // it is closed already if it was served
	}
	return err
}

// stopPort ends one of the ports that are not for predictions.
func stopPort(ctx context.Context, port *admin.Port, ln net.Listener) error {
	if ln != nil {
		defer func() { _ = ln.Close() }() // it is closed already if it was served
	}
	if port == nil {
		return nil
	}
	return port.Shutdown(ctx)
}
