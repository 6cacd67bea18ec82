package main

import (
	"go.uber.org/zap"

	"sluice/internal/task"
	"sluice/internal/telemetry"
	"sluice/models"
)

// unshare is the registry's OnBatching: requests run alone from now on, in a queue of their own;
// those that came before are answered.
func (s *server) unshare(v *models.Version, _ models.Verdict) {
	m, ok := v.Served.(*served)
	if !ok {
		return
	}
	m.queue.Load().SetSingle()
	if err := s.renewQueue(m); err != nil {
		s.log.Warn("requests from before batching was switched off are left", zap.String("model", v.Name), zap.String("version", v.Version), zap.Error(err))
	}
}

// prepare has a task run as live answers have shown that it must: alone, and unpadded. It is
// called after the queue is loaded: a version is made to run alone before its queue is replaced,
// so that the new queue holds no task that shares.
func (s *served) prepare(t *task.Task) error {
	if !s.version.Alone() {
		return nil
	}
	if err := s.version.Takes(t.Rows); err != nil {
		return err
	}
	t.Unpadded = s.version.Unpadded()
	t.ShapeKey = s.alone.Add(1) // like no other: it shares no batch
	return nil
}

// compared is what the version's live answers were compared with.
func (s *served) compared() telemetry.Compared {
	w := s.version.Watch
	return telemetry.Compared{Batching: comparisons(w.Batches()), Parity: comparisons(w.Devices()), Alone: s.version.Alone()}
}

func comparisons(w models.WatchStats) telemetry.Comparisons {
	return telemetry.Comparisons{Compared: w.Compared, Differed: w.Differed, Failed: w.Failed, Deferred: w.Deferred, Worst: w.Worst}
}
