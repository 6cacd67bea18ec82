package models

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"sluice/internal/agree"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Options is what a Registry and Check need from outside.
type Options struct {
	// Dir is the folder of models, see Discover; empty if only Paths are served.
	Dir string
	// Paths are single model files, or bundle folders, served beside Dir. They are not watched.
	Paths []string
	// Defaults stand in for what a bundle's model.yaml does not say.
	Defaults Defaults
	// KeepVersions is how many of a model's newest versions stay loaded, unless its config.pbtxt
	// says; 0 means 1. More make rolling back instant and cost their memory.
	KeepVersions int
	// Devices are what the server has, in its order of preference, the CPU last.
	Devices []Device

	// Copies is where the bundles' files are copied and loaded from, see Copies. nil loads them from
	// where they lie: what is loaded is then not surely what was hashed.
	Copies *Copies
	// Trial reads the bundle where nothing that its files do can harm, and then loads it there, see
	// TrialRunner; o has the defaults and the names of devices. nil reads the files in this process
	// and tries nothing, which is for tests.
	Trial func(ctx context.Context, b *Bundle, o *Options) (*Trial, error)
	// Inspect reads the model file's own description without running it, where Trial is nil; nil
	// means InspectONNX.
	Inspect func(b *Bundle) (*Graph, error)
	// Publish joins a proven version to what runs its requests; nil means that nothing
	// has to be joined. It is called once for a version, before it becomes READY.
	Publish func(v *Version) (Served, error)
	// OnPlacement joins a device to a version that serves already, see Registry.Attach. An
	// error keeps the device out and is logged. nil keeps every late device out.
	OnPlacement func(v *Version, p *Placement) error
	// OnParity is told once that a version's devices have been found to disagree on a live
	// row, or when a late device was joined: nothing may run on its fallback any more.
	// v.Fallback says FallbackNever from then on. It must not wait for the version to be
	// unloaded, which waits for it. nil means that nobody has to be told.
	OnParity func(v *Version, verdict Verdict)
	// OnBatching is told, once each, that live answers have refuted a version's batching or
	// its padding: from now on v.Alone and v.Unpadded say how its requests have to run. It may
	// wait until none runs otherwise, but not for the version to be unloaded. nil means that
	// nobody has to be told.
	OnBatching func(v *Version, verdict Verdict)
	// Require names the models without which the registry is not ready; RequireAll alone is all
	// that are there. nil: it is ready with any model.
	Require []string
	// State is a folder in which is remembered over restarts what live answers have refuted;
	// it is made when it is needed. Empty: it is forgotten when the process ends.
	State string
	// Log receives one line per state change; nil means no log.
	Log *zap.Logger

	// SkipProof and SkipTest leave out what shows, before a version serves, that its rows are
	// independent: the graph and the made-up rows. They are for tests of the watch, which then
	// has to find it out alone.
	SkipProof, SkipTest bool

	// WarmupBudget is the time that warm-up spends on a model when its runs are quick;
	// 0 means 400 ms. More makes the first cost estimates steadier and starting slower.
	WarmupBudget time.Duration
	// GateLimit bounds warm-up and batch invariance each for slow models, which then
	// leave out batch sizes; 0 means 2 s.
	GateLimit time.Duration
	// WatchLimit is how long one run of a live comparison may take; 0 means RunLimit. It should be
	// the scheduler's hang limit: a device that runs one batch at a time is held for as long.
	WatchLimit time.Duration
	// RunLimit is how long one run of a gate may take; 0 means 30 s.
	RunLimit time.Duration
	// CompareEvery is the rows of which one is run again to compare its answers, see Watch;
	// 0 means 10,000, and with a negative number nothing is compared live.
	CompareEvery int
	// MemoryCeiling is the most memory that the server may take, in bytes. One run may take an eighth
	// of it, which bounds the lengths of rows. 0 means what the system says.
	MemoryCeiling int64
	// LoadsAtOnce is how many versions load at the same time; 0 means 2.
	LoadsAtOnce int
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

// Defaults stand in for what model.yaml does not say.
type Defaults struct {
	// Budget is the latency budget of a request that names none; 0 means that each model gets
	// one by what its row takes.
	Budget time.Duration
	// MaxBudget bounds those; 0 means 10 minutes.
	MaxBudget time.Duration
	// MaxBatch is the most rows of one run; 0 means 64.
	MaxBatch int
	// MaxRows is the most rows of one request; 0 means the larger of MaxBatch and 1024.
	MaxRows int
	// rows is the most rows of a request to a model of which nothing else says it; 0 means 1024.
	rows int
	// Unproven says what becomes of a model that is neither proven nor refuted; empty means
	// UnprovenBatch.
	Unproven Unproven
	// UnfairRows lets short requests crowd out long ones.
	UnfairRows bool
	// Tolerance bounds how far two answers for one row may differ; zero means
	// 1e-4 + 1e-3 of the value.
	Tolerance agree.Tolerance
	// Devices are where a model runs; nil means every device of the server.
	Devices []string
	// Fallback is when requests leave the preferred device; empty means FallbackBudget.
	Fallback Fallback
	// Isolation is where sessions on the CPU live; empty leaves it to Device.Open.
	Isolation Isolation
}

// Session is a bundle loaded on a device.
type Session interface {
	task.Runner
	Schema() *tensor.Schema
	Close() error
}

// Served is a version joined to the scheduler. Close lets what is queued end, refuses
// what comes later, and returns when no batch of the version runs any more.
type Served interface {
	Close(ctx context.Context) error
}

// unjoined is the Served of a registry without Publish.
type unjoined struct{}

func (unjoined) Close(context.Context) error { return nil }

const defaultMaxRows = 1024

// withDefaults fills in the documented defaults.
func (o Options) withDefaults() Options {
	if o.Inspect == nil {
		o.Inspect = InspectONNX
	}
	if o.Publish == nil {
		o.Publish = func(*Version) (Served, error) { return unjoined{}, nil }
	}
	if o.OnPlacement == nil {
		o.OnPlacement = func(*Version, *Placement) error { return errors.New("nothing can join it while the version serves") }
	}
	if o.OnParity == nil {
		o.OnParity = func(*Version, Verdict) {}
	}
	if o.OnBatching == nil {
		o.OnBatching = func(*Version, Verdict) {}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.refutations == nil {
		o.refutations = openRefutations(o.State, o.Log)
	}
	orDefault(&o.KeepVersions, 1)
	o.Devices = slices.Clone(o.Devices)
	for i := range o.Devices {
		orDefault(&o.Devices[i].Lanes, 1)
	}
	orDefault(&o.CompareEvery, 10_000)
	orDefault(&o.LoadsAtOnce, 2)
	if o.MemoryCeiling == 0 {
		o.MemoryCeiling = memoryCeiling()
	}
	orDefault(&o.Defaults.MaxBudget, 10*time.Minute)
	orDefault(&o.Defaults.MaxBatch, 64)
	orDefault(&o.WarmupBudget, 400*time.Millisecond)
	orDefault(&o.GateLimit, 2*time.Second)
	orDefault(&o.RunLimit, 30*time.Second)
	orDefault(&o.WatchLimit, o.RunLimit)
	orDefault(&o.DrainDeadline, 30*time.Second)
	orDefault(&o.Settle, 500*time.Millisecond)
	orDefault(&o.RescanEvery, 10*time.Second)
	if o.Defaults.Tolerance == (agree.Tolerance{}) {
		o.Defaults.Tolerance = agree.Loading
	}
	return o
}

func orDefault[T int | time.Duration](value *T, standard T) {
	if *value == 0 {
		*value = standard
	}
}
