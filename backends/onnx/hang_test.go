package onnx

import (
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/onnxfile"
	"sluice/internal/task"
)

// hangLimit is far below the time that a slowTask takes for its 1.9 billion multiplications.
const hangLimit = time.Millisecond

func slowTask(s *Session, value float32) *task.Task {
	var x [96]float32
	for i := range x {
		x[i] = value
	}
	return newTask(s, 1, input(dims(1, 1, 96), x))
}

// wantCut fails unless the model was stopped between two of its operators.
func wantCut(t *testing.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.InferenceFailed) || !strings.Contains(err.Error(), "cut short") || !strings.Contains(err.Error(), "terminate flag") {
		t.Errorf("the hung run ended with %v", err)
	}
}

func TestHungRunIsCutShort(t *testing.T) {
	s := openModel(t, "slow", onnxfile.Rules{MaxBatch: 2}, nil)
	for range 3 {
		_, err := s.Run(0, []task.Part{whole(slowTask(s, 1))}, clock.Now().Add(hangLimit))
		wantCut(t, err)
		// The flag is taken back: the lane's next run ends well.
		mustRun(t, s, whole(slowTask(s, 1)))
	}
	_, err := s.Run(0, []task.Part{whole(slowTask(s, 1))}, 0) // a limit that is over already
	wantCut(t, err)
}

func TestOnlyTheHungLaneIsCut(t *testing.T) {
	s := openModel(t, "slow", onnxfile.Rules{MaxBatch: 2}, func(o *Options) { o.Lanes = 3 })
	limit := clock.Now().Add(hangLimit)
	limits := []clock.Instant{limit, clock.Never, limit.Add(time.Hour)}
	errs := make([]error, len(limits))
	var wg sync.WaitGroup
	for lane := range limits {
		wg.Go(func() { _, errs[lane] = s.Run(lane, []task.Part{whole(slowTask(s, 1))}, limits[lane]) })
	}
	wg.Wait()
	wantCut(t, errs[0])
	if errs[1] != nil || errs[2] != nil {
		t.Errorf("with a limit on lane 0 alone, the others ended with %v", errs[1:])
	}
}

// TestLimitsThatNearlyHold runs with limits about as long as the runs, so that cuts race
// with ends: each run must end with a right answer or with the fault of a cut.
func TestLimitsThatNearlyHold(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 8}, func(o *Options) { o.Lanes = 4 })
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				a := simpleTask(s, 1+i%8, int32(i))
				parts := []task.Part{whole(a)}
				_, err := s.Run(lane, parts, clock.Now().Add(time.Duration(i%40)*time.Microsecond))
				if err == nil {
					err = s.Scatter(lane, parts)
					wantSimple(t, a, int32(i))
				} else if fault.Is(err, fault.InferenceFailed) {
					err = nil
				}
				if err != nil {
					t.Error(err)
				}
				a.Release()
			}
		})
	}
	wg.Wait()
	for lane := range 4 { // no flag is left behind
		if err := s.RunRaw(lane, 8); err != nil {
			t.Errorf("lane %d: %v", lane, err)
		}
	}
}

func TestLanesRunAtOnce(t *testing.T) {
	s := openModel(t, "simple", onnxfile.Rules{MaxBatch: 8}, func(o *Options) { o.Lanes = 4 })
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			for i := range 500 {
				base := int32(1000*lane + i)
				a, b := simpleTask(s, 1+i%4, base), simpleTask(s, 1+i%3, -base)
				parts := []task.Part{whole(a), whole(b)}
				if _, err := s.Run(lane, parts, clock.Never); err != nil {
					t.Error(err)
					return
				}
				if err := s.Scatter(lane, parts); err != nil {
					t.Error(err)
				}
				wantSimple(t, a, base)
				wantSimple(t, b, -base)
				a.Release()
				b.Release()
			}
		})
	}
	wg.Wait()
}

func TestCloseWaitsForRuns(t *testing.T) {
	s := openModel(t, "slow", onnxfile.Rules{MaxBatch: 2}, func(o *Options) { o.Lanes = 2 })
	began := make(chan struct{})
	var err error
	var ended clock.Instant
	var wg sync.WaitGroup
	wg.Go(func() {
		s.use.Enter() // as Run does, but known to have happened before Close starts
		close(began)
		_, err = s.Run(0, []task.Part{whole(slowTask(s, 1))}, clock.Never)
		ended = clock.Now()
		s.use.Leave()
	})
	<-began
	for range 2 {
		wg.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if closed := clock.Now(); ended == 0 || closed < ended {
				t.Error("Close returned while a lane was running")
			}
		})
	}
	wg.Wait()
	if err != nil && !fault.Is(err, fault.ModelNotReady) {
		t.Errorf("the running batch ended with %v", err)
	}
	if _, err := s.Run(1, nil, clock.Never); !fault.Is(err, fault.ModelNotReady) {
		t.Errorf("a run after Close ended with %v", err)
	}
	if err := s.Scatter(1, nil); !fault.Is(err, fault.ModelNotReady) {
		t.Errorf("a scatter after Close ended with %v", err)
	}
	if err := s.RunRaw(1, 1); !fault.Is(err, fault.ModelNotReady) {
		t.Errorf("a raw run after Close ended with %v", err)
	}
}
