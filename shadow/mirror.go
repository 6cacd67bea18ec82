package shadow

import (
	"context"
	"encoding/binary"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/unit"
)

// Live is what the mirror has to know of the live requests.
type Live interface {
	// Waiting reports whether a live request waits for a device. It is asked before each mirrored request.
	Waiting() bool
	// Load is the share of the capacity that live requests need, of the device that has most to do.
	Load() float64
}

// Tax judges what candidates cost live requests. It is called by one goroutine at a time.
type Tax interface {
	// Add counts a pair of slices. exceeded says why the candidates have to be stopped; empty if they need not be.
	Add(p *TaxPair) (exceeded string)
	// Report is what goes into the answer of the admin port, as JSON.
	Report() any
}

// Options are what a mirror needs. All but Log are required.
type Options struct {
	// Sample is the share of the units that are mirrored, from 0 to 1, in whole buckets of package unit.
	Sample float64
	// Again is the share of the mirrored requests that the primary's version is asked again.
	Again float64
	// Rows and Bytes bound what waits for a candidate.
	Rows, Bytes int
	// Memory is what a candidate's processes may have resident together, in bytes.
	Memory int64
	// InFlight is how many requests are with a candidate at once.
	InFlight int
	// Timeout is how long a candidate may take to answer before it is ended.
	Timeout time.Duration

	// Dir is where the state of comparisons lies; empty keeps none. It is written only while Keeps says so.
	Dir   string
	Keeps func() bool

	Live Live
	// Command makes the command of a candidate's process, which answers at the path of the socket. Its standard output begins
	// with a Greeting. It must leave SysProcAttr alone.
	Command func(s *Subject, socket string) (*exec.Cmd, error)
	// NewStudy begins a comparison, and goes on with a saved one if there is one. Its error is about what was saved.
	NewStudy func(s *Subject, sums, units []byte) (Study, error)
	// NewTax begins an account of what candidates cost; nil for none.
	NewTax func() Tax
	Log    *zap.Logger
}

// Mirror has the candidates of all models.
type Mirror struct {
	o       Options
	buckets int
	arms    atomic.Pointer[map[string][]*candidate] // by model
	level   atomic.Uint32
	frozen  atomic.Bool
	halts   atomic.Uint64 // how often it was frozen
	live    traffic
	stop    context.CancelFunc
	ctx     context.Context //nolint:containedctx // the mirror's own life
	running sync.WaitGroup
	changed chan struct{} // of size 1: there are candidates, or others

	slice, settles time.Duration // of a switchback

	mu struct {
		sync.Mutex
		all       []*candidate
		closed    bool
		freezes   int // who wants everything frozen: a switchback, a person
		paused    bool
		tax       Tax
		taxReport any
		sockets   *sockets // of the processes; nil before the first
		started   int      // processes so far
	}
}

// New makes a mirror without candidates.
func New(o Options) *Mirror {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	m := &Mirror{o: o, changed: make(chan struct{}, 1), slice: slice, settles: settles}
	m.buckets, _ = unit.Share(o.Sample)
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.arms.Store(&map[string][]*candidate{})
	if o.NewTax != nil {
		m.running.Go(m.switchback)
	}
	return m
}

// salt is that of the mirror: with the one of canaries, the units of a 5 % mirror would be those of a 5 % canary.
const salt = "mirror"

// Active reports whether anything is mirrored now, for callers that want to save the work of describing a request.
func (m *Mirror) Active() bool { return len(*m.arms.Load()) > 0 }

// Offer mirrors a request to the candidates of its version, if it is sampled. Nothing of it is kept. It allocates nothing in the
// steady state.
func (m *Mirror) Offer(q *Request) {
	arms, hash := m.sampled(q.Model, q.ID, q.Known, q.Unit)
	if len(arms) == 0 {
		return
	}
	now := clock.Now()
	for _, c := range arms {
		if p := &c.subject.Primary; p.Digest != q.Digest || p.Version != q.Version {
			continue
		}
		if c.subject.Mode == Pipeline && len(q.Sent) == 0 {
			continue // it was filled before the comparison began
		}
		if level := Level(m.level.Load()); c.now.Load() == nil {
			c.ring.refuse(level, NotRunning)
		} else {
			c.ring.offer(q, hash, level, now)
		}
	}
}

// Resolves reports whether a request of the model is one whose candidates fill their inputs themselves, so that Offer wants what the client
// sent and what filling comes to. It allocates nothing.
func (m *Mirror) Resolves(model string, id []byte, known bool, hash uint64) bool {
	arms, _ := m.sampled(model, id, known, hash)
	return slices.ContainsFunc(arms, func(c *candidate) bool { return c.subject.Mode == Pipeline })
}

// sampled are the candidates of a model if a request is to be mirrored, and the hash of its unit.
func (m *Mirror) sampled(model string, id []byte, known bool, hash uint64) ([]*candidate, uint64) {
	arms := (*m.arms.Load())[model]
	if len(arms) == 0 || m.frozen.Load() {
		return nil, 0
	}
	if !known {
		hash = unit.Hash(model, id)
	}
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], hash)
	if unit.Bucket(unit.Hash(salt, bytes[:])) >= m.buckets {
		return nil, 0
	}
	return arms, hash
}

// Answered counts a live answer for what candidates cost.
func (m *Mirror) Answered(took time.Duration) { m.live.add(took) }

// Follow makes the candidates those of a list: it ends what is not in it, whose state is kept, and begins what is new.
func (m *Mirror) Follow(subjects []Subject) {
	m.mu.Lock()
	if m.mu.closed {
		m.mu.Unlock()
		return
	}
	var gone, all []*candidate
	for _, c := range m.mu.all {
		if slices.Contains(subjects, c.subject) {
			all = append(all, c)
		} else {
			gone = append(gone, c)
		}
	}
	fresh := len(gone) > 0
	for _, s := range subjects {
		if !slices.ContainsFunc(all, func(c *candidate) bool { return c.subject == s }) {
			all, fresh = append(all, newCandidate(m, s)), true
			if slices.ContainsFunc(gone, func(c *candidate) bool { return c.subject.same(&s) }) {
				m.o.Log.Info("a shadow comparison begins anew: the model's settings of comparisons have changed",
					zap.String("model", s.Model), zap.String("version", s.Name()))
			}
		}
	}
	m.mu.all = all
	m.publish()
	if fresh && m.o.NewTax != nil {
		m.mu.tax = m.o.NewTax()
		m.mu.taxReport = nil
	}
	m.mu.Unlock()
	for _, c := range gone {
		c.close()
	}
	if fresh {
		select {
		case m.changed <- struct{}{}:
		default:
		}
	}
}

// publish makes the candidates those that requests find. The caller holds the lock.
func (m *Mirror) publish() {
	arms := map[string][]*candidate{}
	for _, c := range m.mu.all {
		arms[c.subject.Model] = append(arms[c.subject.Model], c)
	}
	m.arms.Store(&arms)
}

// Begin has a candidate of a model that was stopped run again, by its Subject.Name. It reports whether there is such a one.
func (m *Mirror) Begin(model, name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.mu.all {
		if c.subject.Model == model && c.subject.Name() == name {
			select {
			case c.again <- struct{}{}:
			default:
			}
			return true
		}
	}
	return false
}

// Pause freezes everything until it is called with false.
func (m *Mirror) Pause(yes bool) {
	m.mu.Lock()
	same := m.mu.paused == yes
	m.mu.paused = yes
	m.mu.Unlock()
	if !same {
		m.freeze(yes)
	}
}

// freezeWait is how long freezing waits for answers that are under way, so that they are not cut.
const freezeWait = 200 * time.Millisecond

// freeze halts all candidates, or lets them go on once nobody wants them halted any more. While they are, nothing is
// mirrored.
func (m *Mirror) freeze(yes bool) {
	m.mu.Lock()
	if yes {
		m.mu.freezes++
	} else {
		m.mu.freezes--
	}
	turns := yes && m.mu.freezes == 1 || !yes && m.mu.freezes == 0
	all := slices.Clone(m.mu.all)
	if turns {
		if yes {
			m.halts.Add(1)
		}
		m.frozen.Store(yes)
	}
	m.mu.Unlock()
	if !turns {
		return
	}
	for until := time.Now().Add(freezeWait); yes && time.Now().Before(until) && slices.ContainsFunc(all, (*candidate).asking); {
		time.Sleep(time.Millisecond)
	}
	for _, c := range all {
		c.halt(yes)
	}
}

// Close ends all comparisons; their state is kept.
func (m *Mirror) Close() {
	m.Follow(nil)
	m.mu.Lock()
	m.mu.closed = true
	m.mu.Unlock()
	m.stop()
	m.running.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.sockets != nil {
		m.mu.sockets.remove()
		m.mu.sockets = nil
	}
}
