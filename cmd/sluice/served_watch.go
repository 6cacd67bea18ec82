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

// batchingNotes tells, in the model's configuration, how its rows share runs and what that rests on.
func (s *server) batchingNotes(v *models.Version) map[string]string {
	how := v.Report.Batching
	if now, known := s.registry.Batching(v); known {
		how = now
	}
	return map[string]string{"batching": string(how.Mode), "batching_basis": string(how.Basis), "batching_reason": how.Text}
}

// compared is what the version's live answers were compared with.
func (s *served) compared() telemetry.Compared {
	w := s.version.Watch
	return telemetry.Compared{Batching: comparisons(w.Batches()), Parity: comparisons(w.Devices()), Alone: s.version.Alone()}
}

func comparisons(w models.WatchStats) telemetry.Comparisons {
	return telemetry.Comparisons{Compared: w.Compared, Differed: w.Differed, Failed: w.Failed, Deferred: w.Deferred, Worst: w.Worst}
}
