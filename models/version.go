package models

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/features/spec"
	"sluice/internal/tensor"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// Version is a proven version of a model. It does not change, but for its pins, for
// devices that join it late, and for what live answers switch off.
type Version struct {
	Name, Version string
	// Digest is the bundle's identity, as 64 hexadecimal digits.
	Digest string
	Schema *tensor.Schema
	Config bundle.Config
	// Features is how inputs are filled; nil if none is.
	Features *spec.Plan
	// Report is what the load gates found; Registry.Index has it with what came later.
	Report *gates.Report
	// Comparer compares live answers; it does nothing where there is nothing to compare.
	Comparer *Comparer
	// Served is what Publish returned; whoever published it knows its type.
	Served Served
	// Loaded is when the version became ready, on the wall clock, for people.
	Loaded time.Time

	loaded *gates.Loaded
	life   context.Context //nolint:containedctx // the version's own life, not a request's
	end    context.CancelFunc
	beside sync.WaitGroup // the goroutine of Comparer
	// placements are in order of preference; each list is immutable.
	placements atomic.Pointer[[]*gates.Placement]
	noFallback atomic.Bool
	split      atomic.Pointer[split] // nil unless the version is live and has a canary
	off        atomic.Uint32         // what live answers have switched off, a sharing
	// joining holds a token while a late device is proven: two at once would not be
	// compared with each other.
	joining chan struct{}
	mu      struct {
		sync.Mutex
		closed bool // no placement may join any more
	}

	// pins counts requests inside, plus retired once no more may come.
	pins atomic.Int64
	idle chan struct{} // wakes drain; one token is enough, since drain looks again
}

// retired is far below any number of requests, so that its sign alone tells.
const retired = -1 << 40

func newVersion(l *gates.Loaded, placements []*gates.Placement, report *gates.Report) *Version {
	b := l.Bundle
	v := &Version{
		Name: b.Name, Version: b.Version, Digest: b.Digest, Schema: b.Schema, Config: b.Config,
		Report: report, Loaded: time.Now(), loaded: l, joining: make(chan struct{}, 1), idle: make(chan struct{}, 1),
	}
	v.life, v.end = context.WithCancel(context.Background())
	v.placements.Store(&placements)
	v.Comparer = newComparer(v)
	return v
}

// Client is the schema that clients see.
func (v *Version) Client() *tensor.Schema {
	if v.Features != nil {
		return v.Features.Client
	}
	return v.Schema
}

// Placements are the version's sessions in order of preference; at least one. The caller
// must not change the list. Devices that join later are in later lists.
func (v *Version) Placements() []*gates.Placement { return *v.placements.Load() }

// Displaced tells whether the device that the model prefers could not load it, so that requests
// go to another one as long as it has not joined.
func (v *Version) Displaced() bool {
	if v.Report == nil || len(v.Report.Devices) == 0 || v.Preferred().Device == v.Report.Devices[0].Device {
		return false
	}
	d := &v.Report.Devices[0]
	last := len(d.Gates) - 1
	return d.State == gates.Down || last >= 0 && d.Gates[last].Gate == "open"
}

// Preferred is the placement that requests go to unless there is a reason against it.
func (v *Version) Preferred() *gates.Placement { return v.Placements()[0] }

// Fallback is when requests may leave the preferred device: what the settings say, until
// devices are found to disagree.
func (v *Version) Fallback() bundle.Fallback {
	if v.noFallback.Load() {
		return bundle.FallbackNever
	}
	return v.Config.Fallback
}

// join adds a placement. It returns false, and the session is the caller's to close, if
// the version has been closed.
func (v *Version) join(p *gates.Placement, rank func(device string) int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mu.closed {
		return false
	}
	all := append(slices.Clone(v.Placements()), p)
	slices.SortStableFunc(all, func(a, b *gates.Placement) int { return rank(a.Device) - rank(b.Device) })
	v.placements.Store(&all)
	return true
}

// remove takes a placement out again. It returns false if the version's closing has it.
func (v *Version) remove(p *gates.Placement) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mu.closed {
		return false
	}
	all := slices.DeleteFunc(slices.Clone(v.Placements()), func(q *gates.Placement) bool { return q == p })
	v.placements.Store(&all)
	return true
}

// closeSessions closes each session once and returns what went wrong. It is called once,
// after the last run.
func (v *Version) closeSessions() []zap.Field {
	v.mu.Lock()
	v.mu.closed = true
	v.mu.Unlock()
	var faults []zap.Field
	for _, p := range v.Placements() {
		if err := p.Session.Close(); err != nil {
			faults = append(faults, zap.NamedError(p.Device, err))
		}
	}
	return faults
}

// tryPin counts a request in, unless the version was retired.
func (v *Version) tryPin() bool {
	if v.pins.Add(1) > 0 {
		return true
	}
	v.Release()
	return false
}

// Release ends what Acquire began. The version must not be used afterwards.
func (v *Version) Release() {
	switch n := v.pins.Add(-1); {
	case n == retired:
		select {
		case v.idle <- struct{}{}:
		default:
		}
	case n < 0 && n > retired/2, n < retired:
		panic("BUG: version released more often than acquired")
	}
}

// drain refuses new pins and waits until the last is gone. It returns how many are left
// when ctx ends first. It is called once.
func (v *Version) drain(ctx context.Context) int64 {
	v.pins.Add(retired)
	for {
		left := v.pins.Load() - retired
		if left == 0 {
			return 0
		}
		select {
		case <-v.idle:
		case <-ctx.Done():
			return left
		}
	}
}

// sharesRuns tells whether rows of several requests may share runs and must not change each
// other. The report names no mode where no gate has looked at it.
func (v *Version) sharesRuns() bool {
	if v.Schema.MaxBatch <= 1 || v.Report == nil {
		return false
	}
	mode := v.Report.Batching.Mode
	return mode == bundle.Batched || mode == ""
}

// surelyApart tells whether the graph proves that rows keep apart, and no padding touches them.
func (v *Version) surelyApart() bool {
	return v.Report != nil && v.Report.Batching.Basis == bundle.Proven && v.Schema.Padding == nil
}
