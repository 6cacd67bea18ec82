package serve

import (
	"maps"
	"strconv"

	"sluice/compare/criteria"
	"sluice/internal/task"
	"sluice/internal/telemetry"
	"sluice/models"
	"sluice/models/gates"
)

// unshare is the registry's OnBatching: requests run alone from the next batch on. Those that come
// later are kept apart by prepare.
func (s *Server) unshare(v *models.Version, _ gates.Verdict) {
	if m, ok := v.Served.(*served); ok {
		m.queue.SetSingle()
	}
}

// prepare has a task run as live answers have shown that it must: alone, and unpadded. A version is
// made to run alone before its queue is told, and the queue itself seals no shared batch from then on.
func (s *served) prepare(t *task.Task) error {
	if !s.version.Alone() {
		return nil
	}
	if err := s.version.Takes(t.Rows, t.MostRows); err != nil {
		return err
	}
	t.Unpadded = s.version.Unpadded()
	t.ShapeKey = s.alone.Add(1) // like no other: it shares no batch
	return nil
}

// notes tells, in the model's configuration, how its rows share runs, what that rests on, and
// what budget requests have that name none, how far answers may be off, and how long rows may be.
func (s *Server) notes(v *models.Version) map[string]string {
	how := v.Report.Batching
	if now, known := s.registry.Batching(v); known {
		how = now
	}
	notes := map[string]string{
		"batching": string(how.Mode), "batching_basis": string(how.Basis), "batching_reason": how.Text,
		"budget": v.Report.Budget.String(), "budget_basis": string(v.Report.BudgetBasis),
		"tolerance_abs": strconv.FormatFloat(v.Config.Tolerance.Abs, 'g', -1, 64), "tolerance_rel": strconv.FormatFloat(v.Config.Tolerance.Rel, 'g', -1, 64),
	}
	if text := v.Config.Comparisons().Encode(v.Schema); text != "" {
		notes[criteria.Note] = text
	}
	maps.Copy(notes, v.Report.LengthNotes())
	return notes
}

// compared is what the version's live answers were compared with.
func (s *served) compared() telemetry.Compared {
	w := s.version.Comparer
	return telemetry.Compared{Batching: telemetry.Comparisons(w.Batches()), Parity: telemetry.Comparisons(w.Devices()), Alone: s.version.Alone()}
}
