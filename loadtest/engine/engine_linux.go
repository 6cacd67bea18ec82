package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/loadtest/sample"
)

// Engine is one run. Its exported methods may be called from any goroutine; all else belongs
// to the one that runs it.
type Engine struct {
	opt      Options
	begin    clock.Instant
	now      clock.Instant // of the present round
	epoll    int
	event    [maxEvents]unix.EpollEvent
	conns    []*conn
	servers  []server
	in       []byte // what a socket gave
	arrivals reader
	answer   Answer // that is being checked
	ids      identities
	thread   thread
	plan     plan
	stopped  bool // by its context, or for want of memory: nothing more is due

	samples []sample.Sample
	holder  []int32         // of a request that is on its way: its connection
	ended   []uint32        // in the order in which they ended
	all     []sample.Sample // the memory of samples and ended, whole: others read what is published of it
	order   []uint32
	oldest  int // the first request that may not have ended
	devices deviceNames
	checks  int  // how many answers were compared
	found   int  // sockets in the round before, of a closed loop
	large   bool // a request or an answer was more than a socket holds

	published struct {
		begun, noticed, written, ended, extra, reopened, conns, checking, looking, stopped atomic.Int64
	}
	cancelled atomic.Bool
}

// maxEvents is how many sockets a round looks at.
const maxEvents = 128

// New prepares a run: it draws memory and opens nothing.
func New(o Options) (*Engine, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("cannot prepare the load: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	switch {
	case o.Gather == 0:
		o.Gather = DefaultGather
	case o.Gather < 0:
		o.Gather = 0
	}
	e := &Engine{opt: o, in: make([]byte, readSize)}
	e.plan = newPlan(&e.opt)
	room := e.plan.room()
	if err := e.reserve(room); err != nil {
		return nil, err
	}
	e.all, e.order = e.samples[:room], e.ended[:room]
	e.ids = identities{upper: uint64(o.Identity) << 32, seen: make([]uint64, (room+63)/64)}
	e.servers = make([]server, len(o.Targets))
	for i := range e.servers {
		e.servers[i].open(&o.Targets[i], o.Connections)
	}
	return e, nil
}

// Run sends and receives until all that was planned has ended, or until the context ends: then
// nothing more falls due, and what was has a second to be answered. It takes a whole processor
// of the Go scheduler and raises GOMAXPROCS to 2 if it is less, so that there is one for others.
func (e *Engine) Run(ctx context.Context) (err error) {
	if e.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("cannot make a poller: %w", err)
	}
	defer func() { _ = unix.Close(e.epoll) }()
	if _, errno := e.ask(0); errno == unix.ENOSYS {
		return errors.New("load tests need Linux 5.11 or later: this kernel has no epoll_pwait2")
	}
	stop := context.AfterFunc(ctx, func() { e.cancelled.Store(true) })
	defer stop()
	e.thread.take(&e.opt)
	defer e.thread.release()
	for i := range e.servers {
		for range e.servers[i].atStart(&e.opt) {
			e.open(i)
		}
	}
	e.connectAll()
	e.arrivals.align()
	e.begin = clock.Now()
	e.published.begun.Store(int64(e.begin) + 1)
	e.loop()
	for _, c := range e.conns {
		e.closeConn(c)
	}
	return nil
}

// afterStop is how long what is on its way may take once the run is told to end.
const afterStop = time.Second

func (e *Engine) loop() {
	over := clock.Never
	for {
		e.now = clock.Now()
		if e.thread.account(e.now) {
			e.arrivals.align()
		}
		if e.cancelled.Load() && !e.stopped {
			over = e.now.Add(afterStop)
			e.stop()
		}
		if !e.stopped {
			e.notice()
		}
		sent := e.sendDue()
		e.expire()
		e.dropStuck()
		next := e.nextDue()
		if next == clock.Never && e.idle() {
			return
		}
		if e.now >= over {
			e.giveUp()
			return
		}
		n := e.wait(min(next, e.patience(), e.stuck(), over), sent)
		for i := range e.event[:n] {
			e.happened(&e.event[i])
		}
	}
}

// stop ends the plan: nothing more falls due.
func (e *Engine) stop() {
	e.stopped = true
	e.published.stopped.Store(int64(max(e.now.Sub(e.begin), 1)))
}

// notice takes what is due from the plan.
func (e *Engine) notice() {
	since := e.now.Sub(e.begin)
	count := len(e.samples)
	for {
		a, ok := e.plan.due(since)
		if !ok {
			break
		}
		if len(e.samples) == cap(e.samples) { // a closed loop beyond all bounds
			e.stop()
			break
		}
		e.samples = append(e.samples, sample.Sample{
			Intended: a.At, Noticed: since, Variant: a.Variant, Target: a.Target, Group: a.Group,
		})
		e.holder = append(e.holder, -1)
		e.servers[a.Target].queue.push(uint32(len(e.samples) - 1))
	}
	if len(e.samples) > count {
		e.published.noticed.Store(int64(len(e.samples)))
	}
}

// nextDue is when the plan has something to send.
func (e *Engine) nextDue() clock.Instant {
	if e.stopped {
		return clock.Never
	}
	at, ok := e.plan.next()
	if !ok {
		return clock.Never
	}
	return e.begin.Add(at)
}

// idle says that everything that was noticed has ended.
func (e *Engine) idle() bool { return len(e.ended) == len(e.samples) }

// patience is when the oldest request is given up.
func (e *Engine) patience() clock.Instant {
	for e.oldest < len(e.samples) && e.samples[e.oldest].Outcome != sample.None {
		e.oldest++
	}
	if e.oldest == len(e.samples) {
		return clock.Never
	}
	return e.begin.Add(e.samples[e.oldest].Intended + e.opt.Timeout)
}

// expire gives up what has waited for too long. Requests are in the order of their instants,
// and so of their ends of patience.
func (e *Engine) expire() {
	for e.patience() <= e.now {
		e.abandon(e.oldest)
	}
}

// giveUp ends what has not ended when the run does.
func (e *Engine) giveUp() {
	for ; e.oldest < len(e.samples); e.oldest++ {
		if e.samples[e.oldest].Outcome == sample.None {
			e.abandon(e.oldest)
		}
	}
}

// abandon ends a request that has no answer; what was written cannot be taken back, so its
// connection goes.
func (e *Engine) abandon(i int) {
	k := e.holder[i]
	if k < 0 {
		e.finish(i, sample.Unsent)
		return
	}
	c := e.conns[k]
	outcome := sample.Timeout
	if e.samples[i].Written == 0 {
		outcome = sample.Unsent
	}
	e.closeConn(c)
	e.finish(i, outcome)
}

// refusedPause is how long a worker of a closed loop waits after a refusal, or it would do
// nothing but knock.
const refusedPause = 10 * time.Millisecond

// finish gives a request its one outcome.
func (e *Engine) finish(i int, outcome sample.Outcome) {
	s := &e.samples[i]
	if s.Outcome != sample.None {
		panic("BUG: a request ended twice")
	}
	s.Outcome = outcome
	e.holder[i] = -1
	free := max(e.now.Sub(e.begin), s.Last)
	if outcome == sample.Refused {
		free += refusedPause
	}
	e.plan.ended(free)
	e.ended = append(e.ended, uint32(i))
	e.published.ended.Store(int64(len(e.ended)))
}
