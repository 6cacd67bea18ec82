package models

import (
	"cmp"
	"context"
	"errors"
	"time"

	"sluice/models/gates"
	"sluice/models/roles"
)

// Options is what a Registry needs from outside.
type Options struct {
	gates.Options

	// Dir is the folder of models, see Discover; empty if only Paths are served.
	Dir string
	// Paths are single model files, or bundle folders, served beside Dir. They are not watched.
	Paths []string
	// Only chooses versions of Dir: no other is on record, whatever a model's own settings keep. nil chooses all.
	Only func(name, version string) bool
	// KeepVersions is how many of a model's newest versions stay loaded, unless its config.pbtxt
	// says; 0 means 1. More make rolling back instant and cost their memory.
	KeepVersions int

	// Roles is the record of which version is what; nil keeps one in memory.
	Roles *roles.Store
	// Promote says what becomes of a candidate, unless the model's own settings do; empty means
	// PromoteNewest.
	Promote Promotion
	// KeepPrevious keeps the version that was live before loaded, so that a way back needs no load, unless
	// the model's own settings say.
	KeepPrevious bool

	// Publish joins a proven version to what runs its requests; nil means that nothing
	// has to be joined. It is called once for a version, before it becomes READY.
	Publish func(v *Version) (Served, error)
	// OnPlacement joins a device to a version that serves already, see Registry.Attach. An
	// error keeps the device out and is logged. nil keeps every late device out.
	OnPlacement func(v *Version, p *gates.Placement) error
	// OnParity is told once that a version's devices have been found to disagree on a live
	// row, or when a late device was joined: nothing may run on its fallback any more.
	// v.Fallback says FallbackNever from then on. It must not wait for the version to be
	// unloaded, which waits for it. nil means that nobody has to be told.
	OnParity func(v *Version, verdict gates.Verdict)
	// OnLive is told that requests without a version go to another one from now on.
	OnLive func(from, to *Version)
	// OnBatching is told, once each, that live answers have refuted a version's batching or
	// its padding: from now on v.Alone and v.Unpadded say how its requests have to run. It may
	// wait until none runs otherwise, but not for the version to be unloaded. nil means that
	// nobody has to be told.
	OnBatching func(v *Version, verdict gates.Verdict)
	// Require names the models without which the registry is not ready; RequireAll alone is all
	// that are there. nil: it is ready with any model.
	Require []string
	// State is a folder in which is remembered over restarts what live answers have refuted;
	// it is made when it is needed. Empty: it is forgotten when the process ends.
	State string

	// CompareLimit is how long one run of a live comparison may take; 0 means RunLimit. It should be
	// the scheduler's hang limit: a device that runs one batch at a time is held for as long.
	CompareLimit time.Duration
	// CompareEvery is the rows of which one is run again to compare its answers, see Comparer;
	// 0 means 10,000, and with a negative number nothing is compared live.
	CompareEvery int
	// DrainDeadline is how long a retired version waits for its requests; 0 means 30 s.
	DrainDeadline time.Duration
	// Settle is how long a new version's files must stay unchanged before it is loaded;
	// 0 means 500 ms. Too low loads half-copied bundles (and again when they are whole).
	Settle time.Duration
	// RescanEvery is how often Dir is read even if the system reports no change; 0 means
	// 10 s. It is the safety net for network file systems.
	RescanEvery time.Duration

	refutations *refutations // of State
}

// Served is a version joined to the scheduler. Close lets what is queued end, refuses
// what comes later, and returns when no batch of the version runs any more.
type Served interface {
	Close(ctx context.Context) error
}

// unjoined is the Served of a registry without Publish.
type unjoined struct{}

func (unjoined) Close(context.Context) error { return nil }

// withDefaults fills in the documented defaults.
func (o Options) withDefaults() Options {
	o.Options = o.Options.WithDefaults()
	if o.Publish == nil {
		o.Publish = func(*Version) (Served, error) { return unjoined{}, nil }
	}
	if o.OnPlacement == nil {
		o.OnPlacement = func(*Version, *gates.Placement) error {
			return errors.New("nothing can join it while the version serves")
		}
	}
	if o.OnParity == nil {
		o.OnParity = func(*Version, gates.Verdict) {}
	}
	if o.OnLive == nil {
		o.OnLive = func(_, _ *Version) {}
	}
	if o.OnBatching == nil {
		o.OnBatching = func(*Version, gates.Verdict) {}
	}
	if o.Roles == nil {
		o.Roles, _ = roles.Open(roles.Options{Log: o.Log}) // without a folder nothing can fail
	}
	o.Promote = cmp.Or(o.Promote, PromoteNewest)
	if o.refutations == nil {
		o.refutations = openRefutations(o.State, o.Log)
	}
	o.Refuted = o.refutations.refuted
	o.KeepVersions = cmp.Or(o.KeepVersions, 1)
	o.CompareEvery = cmp.Or(o.CompareEvery, 10_000)
	o.CompareLimit = cmp.Or(o.CompareLimit, o.RunLimit)
	o.DrainDeadline = cmp.Or(o.DrainDeadline, 30*time.Second)
	o.Settle = cmp.Or(o.Settle, 500*time.Millisecond)
	o.RescanEvery = cmp.Or(o.RescanEvery, 10*time.Second)
	return o
}
