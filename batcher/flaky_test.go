package batcher

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// flaky is a runner on one device that takes random times, fails and panics at random, and always fails
// on a poisoned row. It knows when a lane is used twice at once and when it is used after
// its model was closed.
type flaky struct {
	t       *testing.T
	inUse   [stressLanes]atomic.Bool
	out     [stressLanes][]byte
	closed  atomic.Bool
	stuck   *atomic.Int32   // runs to come that take far too long
	wrote   []atomic.Bool   // by row: its answer has been written
	unlucky []atomic.Uint32 // by row: runs of its request alone that failed
}

var (
	errFlaky = errors.New("the device hiccuped")
	errGone  = errors.New("the device is gone") // its runs fail all who are with it
)

func (f *flaky) Run(lane int, parts []task.Part, _ clock.Instant) (task.Timing, error) {
	failed := true
	defer func() {
		if failed && len(parts) == 1 {
			f.blame(parts)
		}
	}()
	if f.closed.Load() {
		f.t.Error("a run after the model was closed")
	}
	if f.inUse[lane].Swap(true) {
		f.t.Error("two runs on one lane at once")
	}
	defer f.inUse[lane].Store(false)
	gathered := clock.Now()
	f.out[lane] = f.out[lane][:0]
	bad, rows := false, 0
	for _, p := range parts {
		for r := p.From; r < p.To; r++ {
			row := binary.LittleEndian.Uint64(p.Task.Inputs[0].Data[8*r:])
			bad = bad || poisoned(row)
			f.out[lane] = binary.LittleEndian.AppendUint64(f.out[lane], answerTo(row))
			rows++
		}
	}
	if rows > stressBatch {
		f.t.Errorf("a run of %d rows", rows)
	}
	if f.stuck.Add(-1) >= 0 {
		time.Sleep(15 * time.Millisecond)
	}
	for until := gathered.Add(time.Duration(rand.IntN(200)) * time.Microsecond); clock.Now() < until; {
		runtime.Gosched()
	}
	switch {
	case bad:
		return task.Timing{}, fault.Wrap(fault.InferenceFailed, errFlaky, "the run failed")
	case rand.IntN(100) == 0:
		return task.Timing{}, fault.Wrap(fault.InferenceFailed, errFlaky, "the run failed")
	case rand.IntN(2000) == 0:
		panic("the runner broke")
	case rand.IntN(200) == 0:
		if rand.IntN(20) == 0 {
			return task.Timing{}, &task.DeviceError{Cause: errGone, Sticky: true}
		}
		return task.Timing{}, &task.DeviceError{Cause: errFlaky}
	}
	failed = false
	return task.Timing{Gathered: gathered, Done: clock.Now()}, nil
}

func (f *flaky) blame(parts []task.Part) {
	for _, p := range parts {
		for r := range p.Task.Rows {
			f.unlucky[binary.LittleEndian.Uint64(p.Task.Inputs[0].Data[8*r:])].Add(1)
		}
	}
}

func (f *flaky) Scatter(lane int, parts []task.Part) error {
	at := 0
	for _, p := range parts {
		n := 8 * p.Rows()
		if p.Task != nil {
			for r := p.From; r < p.To; r++ {
				if row := binary.LittleEndian.Uint64(p.Task.Inputs[0].Data[8*r:]); f.wrote[row].Swap(true) {
					f.t.Errorf("row %d was written twice", row)
				}
			}
			if err := p.Task.SetRows(0, &rowSpec, nil, p.From, p.To, f.out[lane][at:at+n]); err != nil {
				return err
			}
		}
		at += n
	}
	return nil
}
