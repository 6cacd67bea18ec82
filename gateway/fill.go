package gateway

import (
	"math"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip/target"
	"sluice/internal/tensor"
)

// A fill makes the inputs of a run of those of a decoded task, with values from a store. ModelInfo.Fill begins it and
// returns, so that it may take its time. While the exchange is pending, a timer checks its deadline and its client. If the
// deadline has passed or the client has gone, the exchange is left: it is answered, and its memory belongs to the
// fill alone until the fill reports. The rules for a fill are:
//
//   - It may read the exchange's id, model, arrival and task until it calls Filled.
//   - Before it writes to the task it claims it with TryTake. Without a claim it writes nothing.
//   - It calls Filled exactly once, in either case, and does not touch the exchange afterwards.
//
// An exchange that was left returns to the pool when its fill has reported and its answer has been written.
// Each rung of a ladder has a fill of its own, which begins when the one before has reported. A check that was about to
// run then may look at the next one instead: the deadline and the client are the same.
//
// Options.MaxAbandoned bounds the fills that are left behind: when there are as many, requests are refused before
// their fill begins. Those that are pending at that moment may still be left.

// What has happened to an exchange whose fill is pending.
const (
	pended   uint32 = 1 << iota // Fill has returned, and nobody's stack holds the exchange
	taken                       // the fill writes: the exchange is not left any more
	reported                    // Filled was called
	left                        // it is answered without its fill
	over                        // End was called
)

// checkEvery is how often the client of a pending exchange is asked for.
const checkEvery = 5 * time.Millisecond

// Filled counts the values of an exchange's filled inputs, a list as one and each row's own.
type Filled struct {
	// Stored are the values of stores, Cached those of them that were in the cache, Stale those that were older than they
	// may be. Default are those in whose place a default stands, and Late those of them that did not come in time.
	Stored, Cached, Default, Stale, Late int
	// Below says that fewer are stored than the model wants, so that its ladder is gone down.
	Below bool
}

// Degraded reports whether the inputs are worse than the stores could have made them.
func (f *Filled) Degraded() bool { return f.Default > 0 || f.Stale > 0 }

// Target is the exchange's task, to be held against the schema of its runs.
func (x *Exchange) Target() target.Target {
	info := x.Model.Info()
	return target.Resume(info.Schema, info.Name, &x.g.opt.Limits.Decode, x.Task)
}

// Schema is the one that the task's inputs follow now: the clients' until they have been filled.
func (x *Exchange) Schema() *tensor.Schema {
	info := x.Model.Info()
	if info.Client.Fills && len(x.Task.Inputs) == len(info.Client.Inputs) {
		return info.Client
	}
	return info.Schema
}

// fill begins the fill, if there is one.
func (g *Gateway) fill(x *Exchange) Step {
	fill := x.Model.Info().Fill
	if fill == nil {
		return GoesOn
	}
	if n := g.abandoned.Load(); n >= int64(g.opt.MaxAbandoned) {
		return x.fails(fault.Newf(fault.NoCapacity, "%d requests were answered without inputs that are still being fetched; try again when the store answers", n))
	}
	if x.Fall.From != nil {
		x.state.Store(0) // that of the fill before has reported
	}
	t, front := x.Task, x.Front
	t.Retain() // for the fill
	s, err := fill(x)
	if s != Pending {
		t.Release()
		return x.filled(err)
	}
	x.arm()
	if x.state.Or(pended)&reported != 0 {
		x.disarm()
		return x.filled(x.report)
	}
	if front != nil {
		return Pending // x may be another's
	}
	<-x.wake
	if x.state.Load()&left != 0 {
		return Ends
	}
	return x.filled(x.report)
}

// filled goes on after a fill.
func (x *Exchange) filled(err error) Step {
	if err != nil {
		return x.fails(err)
	}
	return GoesOn
}

// TryTake claims the task for its fill to write to. It is false if the exchange has been left.
func (x *Exchange) TryTake() bool {
	for {
		s := x.state.Load()
		if s&left != 0 {
			return false
		}
		if x.state.CompareAndSwap(s, s|taken) {
			return true
		}
	}
}

// Filled is a fill's report. The exchange goes on with the goroutine that calls it, unless it has been left.
func (x *Exchange) Filled(err error) {
	g, t, front := x.g, x.Task, x.Front
	x.report = err
	was := x.state.Or(reported)
	switch {
	case was&reported != 0:
		panic("BUG: a fill has reported twice")
	case was&left != 0:
		g.abandoned.Add(-1)
		t.Release()
		if was&over != 0 {
			x.recycle()
		}
		return
	case was&pended == 0: // the goroutine that called Fill goes on
		t.Release()
		return
	}
	t.Release()
	x.disarm()
	if front == nil {
		x.wake <- struct{}{}
		return
	}
	x.Err = err
	if g.walk(x) == Pending {
		front.Submitted()
		return
	}
	ready(front, x)
}

func ready(front Front, x *Exchange) {
	if w := front.Ready(x); w != nil {
		w.Wake()
	}
}

// arm starts the checks of the client and the deadline.
func (x *Exchange) arm() {
	if x.due == 0 { // or a check of a fill before may read it now
		x.due = x.Task.Deadline
	}
	if x.timer == nil { // it is there before it can fire
		x.timer = time.AfterFunc(math.MaxInt64, x.check)
	}
	x.timer.Reset(x.untilCheck())
}

// untilCheck is the time to the next check.
func (x *Exchange) untilCheck() time.Duration {
	return max(min(x.due.Sub(clock.Now()), checkEvery), 0)
}

// disarm ends the checks. If one goes on at this moment the exchange cannot be pooled.
func (x *Exchange) disarm() {
	if !x.timer.Stop() {
		x.unpooled = true
	}
}

// check leaves an exchange whose deadline has passed or whose client has gone. All that it reads, it reads before
// it changes the state: the exchange may be another's as soon as the fill has reported and the timer is stopped.
func (x *Exchange) check() {
	why, next := x.lost(), x.untilCheck()
	for {
		s := x.state.Load()
		switch {
		case s&(taken|reported|left|over) != 0:
			return
		case why == nil || s&pended == 0:
			if x.state.CompareAndSwap(s, s) { // what was read above comes before the report
				x.timer.Reset(max(next, time.Microsecond))
				return
			}
		case x.state.CompareAndSwap(s, s|left):
			x.leave(why)
			return
		}
	}
}

// lost is why nobody waits for the exchange any more; nil if somebody does.
func (x *Exchange) lost() *fault.Error {
	switch {
	case clock.Now() >= x.due:
		return fault.New(fault.DeadlineExceeded, "the deadline passed before the request's inputs were complete")
	case x.Peer != nil && x.Peer.Gone():
		return fault.New(fault.ClientClosed, "the client closed the connection")
	}
	return nil
}

// leave ends an exchange without its fill.
func (x *Exchange) leave(why *fault.Error) {
	x.g.abandoned.Add(1)
	x.Err = why
	if x.Front == nil {
		x.wake <- struct{}{}
	} else {
		ready(x.Front, x)
	}
}
