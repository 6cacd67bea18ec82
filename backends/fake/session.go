// Package fake has a session without a model: deterministic, with a settable cost curve
// and settable faults, for tests of whatever stands above a session and for measuring
// the gateway's own cost. It needs neither cgo nor a library and is never chosen by
// itself.
//
// Outputs are a function of inputs, row by row, so that a test can tell whether a
// caller got the answer to its own rows. Time passes by sleeping (which a fake clock
// understands) or by burning, as a CPU session does. Faults come from a seeded generator
// of each lane, so a lane that sees the same batches fails the same way again.
//
// A Session is safe for concurrent use as task.Runner says: one call per lane at a time.
package fake

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sluice/backends"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/internal/usage"
)

// Options say what a session does.
type Options struct {
	// Schema describes the model; nil means Echo. Function decides what it must allow.
	Schema *tensor.Schema
	// Function fills the outputs; nil means Identity.
	Function Function
	// Lanes is how many batches may run at once; 0 means 1.
	Lanes int
	// Curve is what a batch costs, by rows; empty means nothing.
	Curve cost.Curve
	// Burn keeps a core busy for the cost instead of sleeping.
	Burn bool
	// Faults may be nil.
	Faults *Faults
}

// Faults are rates of what may go wrong, each between 0 and 1.
type Faults struct {
	Seed   uint64
	Errors float64 // runs that fail after their cost
	Hangs  float64 // runs that last until their limit, and then fail
	Delays float64 // runs that take Delay longer
	Delay  time.Duration
	// Rejects reports whether a row makes its whole batch fail, as a value out of range
	// does; nil rejects none.
	Rejects func(t *task.Task, row int) bool
}

// Session is a fake model version.
type Session struct {
	o     Options
	lanes []lane
	mu    struct {
		sync.Mutex
		curve  cost.Curve
		faults Faults
	}
	use  usage.Count
	done chan struct{}
	once sync.Once
}

type lane struct {
	random *rand.Rand
	ok     bool // the last run ended well
	batch  batch
}

var _ backends.Session = (*Session)(nil)

// New makes a session.
func New(o Options) *Session {
	if o.Schema == nil {
		o.Schema = Echo(64)
	}
	if o.Function == nil {
		o.Function = Identity
	}
	s := &Session{o: o, lanes: make([]lane, max(o.Lanes, 1)), done: make(chan struct{})}
	s.use.Init()
	s.mu.curve = o.Curve
	if o.Faults != nil {
		s.mu.faults = *o.Faults
	}
	for i := range s.lanes {
		s.lanes[i].random = rand.New(rand.NewPCG(s.mu.faults.Seed, uint64(i)))
	}
	return s
}

// Echo is a batchable schema of four numbers a row, in and out.
func Echo(maxBatch int) *tensor.Schema {
	return &tensor.Schema{
		MaxBatch: maxBatch, MaxRows: 1024,
		Inputs:  []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}}},
		Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 4}}},
	}
}

// Schema describes the model.
func (s *Session) Schema() *tensor.Schema { return s.o.Schema }

// Lanes is the number of lanes.
func (s *Session) Lanes() int { return len(s.lanes) }

// SetCurve changes what batches cost from the next run on.
func (s *Session) SetCurve(c cost.Curve) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.curve = c
}

// SetFaults changes the faults from the next run on; the generators go on.
func (s *Session) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.faults = f
}

// Run is task.Runner's Run.
func (s *Session) Run(n int, parts []task.Part, limit clock.Instant) (t task.Timing, err error) {
	l := &s.lanes[n]
	l.ok = false
	if !s.use.Enter() {
		return t, errClosed
	}
	defer s.use.Leave()
	curve, faults := s.behaviour()
	if err := l.batch.gather(s.o.Schema, parts); err != nil {
		return t, fault.Wrap(fault.InferenceFailed, err, "the model could not be run on this batch")
	}
	t.Gathered = clock.Now()
	err = s.compute(l, parts, curve.At(l.batch.rows), faults, limit)
	t.Done = clock.Now()
	l.ok = err == nil
	return t, err
}

var errClosed = fault.New(fault.ModelNotReady, "the model version is being unloaded")

// compute lets the batch's time pass and its faults happen.
func (s *Session) compute(l *lane, parts []task.Part, takes time.Duration, f Faults, limit clock.Instant) error {
	// All three are drawn each time: one rate must not shift what the others draw.
	hangs, fails, late := l.random.Float64() < f.Hangs, l.random.Float64() < f.Errors, l.random.Float64() < f.Delays
	if late {
		takes += f.Delay
	}
	end := clock.Now().Add(takes)
	if hangs || end > limit {
		s.spend(limit, false)
		return fault.New(fault.InferenceFailed, "the model ran longer than its hang limit and was cut short")
	}
	s.spend(end, s.o.Burn)
	if fails {
		return fault.New(fault.InferenceFailed, "the model failed to run")
	}
	if f.Rejects != nil && anyRow(parts, f.Rejects) {
		return fault.New(fault.ModelRejectedInput, "the model rejected a value of the request's inputs, such as an index out of range or a string that is no number")
	}
	return s.o.Function(s.o.Schema, l.batch.inputs, l.batch.outputs)
}

func anyRow(parts []task.Part, reject func(*task.Task, int) bool) bool {
	for _, p := range parts {
		for row := p.From; row < p.To; row++ {
			if reject(p.Task, row) {
				return true
			}
		}
	}
	return false
}

// spend waits until the instant, or until the session is closed: a hang without a limit
// would otherwise never end.
func (s *Session) spend(until clock.Instant, burn bool) {
	if burn {
		for clock.Now() < until { // burning time is the purpose
		}
		return
	}
	wait := until.Sub(clock.Now())
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
}

// Scatter is task.Runner's Scatter.
func (s *Session) Scatter(n int, parts []task.Part) error {
	if !s.use.Enter() {
		return errClosed
	}
	defer s.use.Leave()
	l := &s.lanes[n]
	if !l.ok {
		return fault.New(fault.Internal, "no result to hand out: the last run failed")
	}
	return l.batch.scatter(s.o.Schema, parts)
}

// RunRaw lets a batch's cost pass, without rows or faults.
func (s *Session) RunRaw(_, rows int) error {
	if !s.use.Enter() {
		return errClosed
	}
	defer s.use.Leave()
	if most := max(s.o.Schema.MaxBatch, 1); rows < 1 || rows > most {
		return fmt.Errorf("cannot run a batch of %d rows; it must have 1 to %d", rows, most)
	}
	curve, _ := s.behaviour()
	s.spend(clock.Now().Add(curve.At(rows)), s.o.Burn)
	return nil
}

// behaviour is what batches cost now, and what goes wrong.
func (s *Session) behaviour() (cost.Curve, Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.curve, s.mu.faults
}

// Close ends sleeping runs early, waits for them, and refuses later calls.
func (s *Session) Close() error {
	s.once.Do(func() {
		close(s.done)
		s.use.Close()
	})
	return nil
}
