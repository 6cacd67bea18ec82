package models

import (
	"context"
	"sync/atomic"
	"time"

	"sluice/internal/tensor"
)

// Version is a proven version of a model. All but its pins is immutable.
type Version struct {
	Name, Version string
	// Digest is the bundle's identity, as 64 hexadecimal digits.
	Digest  string
	Schema  *tensor.Schema
	Config  Config
	Report  *Report
	Session Session
	// Served is what Publish returned; whoever published it knows its type.
	Served Served
	// Loaded is when the version became ready, on the wall clock, for people.
	Loaded time.Time

	// pins counts requests inside, plus retired once no more may come.
	pins atomic.Int64
	idle chan struct{} // wakes drain; one token is enough, since drain looks again
}

// retired is far below any number of requests, so that its sign alone tells.
const retired = -1 << 40

func newVersion(b *Bundle, session Session, report *Report) *Version {
	return &Version{
		Name: b.Name, Version: b.Version, Digest: b.Digest, Schema: b.Schema, Config: b.Config,
		Report: report, Session: session, Loaded: time.Now(), idle: make(chan struct{}, 1),
	}
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
