package worker

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/backends"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/rows"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/internal/usage"
)

// Session is a model version in a worker process.
type Session struct {
	device *Device
	id     uint32
	spec   Spec
	layout *rows.Layout
	places places
	lanes  []lane
	// remote is the session in the process that serves; nil if none does. Who swaps it out
	// releases it.
	remote atomic.Pointer[remote]
	lost   atomic.Bool // the serving process has refused to load it
	// sizes are the batch sizes of a warm-up, and which of them have run.
	sizes []int
	ran   []atomic.Bool
	use   usage.Count
	once  sync.Once
}

var _ backends.Session = (*Session)(nil)

// lane is what one batch needs on this side. It belongs to whoever may use its number.
type lane struct {
	slab    *slab // where the last batch lies; a reference of the lane's own
	batch   rows.Batch
	ran     uint64      // outputs that the last run produced; 0 after a failure
	inputs  []region    // of the batch, those that are not fixed
	outputs []region    // of the last run, by output; without dims if in place
	dims    []int64     // backing of the inputs' dims
	outDims []int64     // backing of the outputs' dims
	shape   []int64     // scratch of Scatter
	crop    []byte      // scratch of Scatter
	single  task.Part   // scratch of gatherOptional
	parts   []task.Part // scratch of gatherOptional
	text    []byte      // strings of an output
	timer   *time.Timer
}

func newSession(d *Device, spec Spec) (*Session, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	layout, err := rows.New(spec.Schema, spec.sizes())
	if err != nil {
		return nil, err
	}
	orDefault(&spec.Lanes, 1)
	s := &Session{device: d, id: d.nextID.Add(1), spec: spec, layout: layout, lanes: make([]lane, spec.Lanes)}
	if s.places, err = newPlaces(layout, d.o.FreeBytes); err != nil {
		return nil, err
	}
	for i := range s.lanes {
		s.lanes[i].outputs = make([]region, len(layout.Out))
	}
	s.sizes = cost.Sizes(spec.Schema.MaxBatch)
	s.ran = make([]atomic.Bool, len(s.sizes))
	s.use.Init()
	return s, nil
}

// Schema describes the model; it must not be changed.
func (s *Session) Schema() *tensor.Schema { return s.spec.Schema }

// Lanes is the number of lanes.
func (s *Session) Lanes() int { return len(s.lanes) }

var errClosed = fault.New(fault.ModelNotReady, "the model version is being unloaded")

// note remembers that a batch size is in use, for the warm-up of the next process.
func (s *Session) note(n int) {
	if i, found := slices.BinarySearch(s.sizes, n); found && !s.ran[i].Load() {
		s.ran[i].Store(true)
	}
}

// used is the batch sizes in use, ascending.
func (s *Session) used() (sizes []int) {
	for i, n := range s.sizes {
		if s.ran[i].Load() {
			sizes = append(sizes, n)
		}
	}
	return sizes
}

// adopt makes the lane's slab the one that the serving process has, and returns that process.
func (s *Session) adopt(l *lane, n int) (*remote, error) {
	r := s.remote.Load()
	if r == nil && s.lost.Load() {
		return nil, errLost
	}
	if r == nil {
		return nil, errDown
	}
	now := r.slabs[n]
	if l.slab == now {
		return r, nil
	}
	if !now.retain() { // the process has just ended
		return nil, errDown
	}
	l.letGo()
	l.slab = now
	return r, nil
}

// letGo gives up the memory of the last batch.
func (l *lane) letGo() {
	if l.slab != nil {
		l.slab.release()
		l.slab = nil
	}
}

// Rest lets go of the lane's memory until its next run, whose caller has the lane: a lane that is
// seldom used would keep that of a process which has ended.
func (s *Session) Rest(n int) {
	if !s.use.Enter() {
		return
	}
	defer s.use.Leave()
	l := &s.lanes[n]
	l.ran = 0
	l.letGo()
}

// What a run ends with that never began.
var (
	errDown = notThere(true, ErrDown, "the process that runs the model is being started again")
	errLost = notThere(false, ErrLost, "the process that runs the model has started again and could not load it: it is tried again")
)

// Run gathers the parts into the lane's slab and has the process run them. It is task.Runner's
// Run. While it waits it holds no processor. A run that passes its limit ends the process.
func (s *Session) Run(n int, parts []task.Part, limit clock.Instant) (t task.Timing, err error) {
	if !s.use.Enter() {
		return t, errClosed
	}
	defer s.use.Leave()
	l := &s.lanes[n]
	l.ran = 0
	r, err := s.adopt(l, n)
	if err != nil {
		return t, err
	}
	if err := s.gather(l, parts); err != nil {
		return t, rows.AsFault(err)
	}
	t.Gathered = clock.Now()
	err = s.exchange(r.link, n, limit)
	t.Done = clock.Now()
	if err == nil {
		s.note(l.batch.Rows)
	}
	return t, err
}

// exchange runs what the lane has gathered.
func (s *Session) exchange(link *link, n int, limit clock.Instant) error {
	l, st := &s.lanes[n], link.runner(n)
	if err := st.acquire(link, limit, &l.timer); err != nil {
		return err
	}
	defer st.release()
	q := &st.request
	q.reset(runBatch)
	q.session, q.lane, q.rows, q.wanted = s.id, uint32(n), uint32(l.batch.Rows), l.batch.Wanted
	q.tensors = append(q.tensors, l.inputs...)
	if err := link.roundTrip(st, limit); err != nil {
		return err
	}
	if err := st.answer.failure(); err != nil {
		return err
	}
	if err := s.accept(l, &st.answer); err != nil {
		link.fail(fmt.Errorf("%w: %w", ErrMalformed, err))
		return link.down()
	}
	l.ran = l.batch.Wanted
	return nil
}

// RunRaw runs a batch of that many rows on whatever the process's memory holds.
func (s *Session) RunRaw(n, batch int) error {
	if !s.use.Enter() {
		return errClosed
	}
	defer s.use.Leave()
	if most := max(s.spec.Schema.MaxBatch, 1); batch < 1 || batch > most {
		return fmt.Errorf("cannot run a batch of %d rows; it must have 1 to %d", batch, most)
	}
	l := &s.lanes[n]
	l.ran = 0
	r, err := s.adopt(l, n)
	if err != nil {
		return err
	}
	if err = r.link.blank(s.id, n, batch, clock.Now().Add(s.device.o.OpenLimit)); err == nil {
		s.note(batch)
	}
	return err
}

// Close waits for running calls, closes the session in the process and gives its memory back.
// Later calls fail; a second Close does nothing.
func (s *Session) Close() (err error) {
	s.once.Do(func() {
		s.use.Close()
		err = s.device.forget(s)
		for i := range s.lanes {
			s.lanes[i].letGo()
		}
	})
	return err
}
