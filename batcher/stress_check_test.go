package batcher

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// judge wants each row's own answer in its place, or a fault that can have happened.
func (s *stress) judge(tk *task.Task, first uint64, err error) {
	hasPoison := false
	for i := range tk.Rows {
		hasPoison = hasPoison || poisoned(first+uint64(i))
	}
	if err != nil {
		s.answers[1].Add(1)
		kind := fault.Of(err).Kind
		n, _ := s.kinds.LoadOrStore(kind, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		switch kind {
		case fault.Overloaded, fault.BudgetTooShort, fault.DeadlineExceeded, fault.NoCapacity:
		case fault.ModelRejectedInput:
			if !hasPoison && s.unlucky[first].Load() < 2 {
				s.t.Errorf("the request of %d rows from %d was blamed for another: %v", tk.Rows, first, err)
			}
		case fault.InferenceFailed, fault.Internal:
			if !hasPoison && s.unlucky[first].Load() < 1 && !errors.Is(err, errGone) {
				s.t.Errorf("the request of %d rows from %d shares a failure that is not its own: %v", tk.Rows, first, err)
			}
		case fault.ClientClosed:
			if tk.Peer == nil {
				s.t.Error("a client that stayed was taken for gone")
			}
		default:
			s.t.Errorf("a request ended with %v", err)
		}
		return
	}
	s.answers[0].Add(1)
	if hasPoison {
		s.t.Errorf("a request with a poisoned row among the %d from %d was answered", tk.Rows, first)
	}
	out := tk.Outputs[0].Data
	if len(out) != 8*tk.Rows {
		s.t.Errorf("%d bytes for %d rows", len(out), tk.Rows)
		return
	}
	for i := range tk.Rows {
		if got, want := binary.LittleEndian.Uint64(out[8*i:]), answerTo(first+uint64(i)); got != want {
			s.t.Errorf("row %d came back as the answer %d, want %d", first+uint64(i), got, want)
		}
	}
}

func (s *stress) checkBooks(last *Model, reloads int) {
	t := s.t
	ok, faults := s.answers[0].Load(), s.answers[1].Load()
	if ok+faults != stressRequests {
		t.Errorf("%d answers to %d requests", ok+faults, stressRequests)
	}
	var kinds []any
	s.kinds.Range(func(k, n any) bool {
		kinds = append(kinds, k.(fault.Kind).Code(), n.(*atomic.Int64).Load())
		return true
	})
	t.Logf("%d answered, %d faults %v, %d reloads", ok, faults, kinds, reloads)
	if ok < stressRequests/4 || reloads < stressRequests/reloadEvery/4 || len(kinds) < 2*5 {
		t.Errorf("the test was no stress: %d answered, faults %v, %d reloads", ok, kinds, reloads)
	}
	if err := s.b.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	s.b.awaitRuns(last)
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	stats, _ := s.b.mu.sched.ModelStats(clock.Now(), last.id)
	dropped, refused := uint64(0), uint64(0)
	for r := range stats.Dropped {
		dropped, refused = dropped+stats.Dropped[r], refused+stats.Refused[r]
	}
	if stats.Items != 0 || stats.Rows != 0 || stats.Bytes != 0 {
		t.Errorf("%d items of %d rows and %d bytes still wait", stats.Items, stats.Rows, stats.Bytes)
	}
	if stats.Arrived != stats.Admitted+refused || stats.Admitted != dropped+stats.Completed+stats.Failed {
		t.Errorf("the books do not close: %+v", stats.Counts)
	}
}
