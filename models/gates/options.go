package gates

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"sluice/models/bundle"
	"sluice/models/trial"
)

// Options is what the load gates need from outside.
type Options struct {
	// Defaults stand in for what a bundle's model.yaml does not say.
	Defaults bundle.Defaults
	// Devices are what the server has, in its order of preference, the CPU last.
	Devices []Device
	// Everywhere places each bundle on all Devices, whatever its settings say, and however far its answers
	// there are apart. It is for those who compare devices.
	Everywhere bool
	// Copies is where the bundles' files are copied and loaded from, see bundle.Copies. nil loads them from
	// where they lie: what is loaded is then not surely what was hashed.
	Copies *bundle.Copies
	// Trial reads the bundle where nothing that its files do can harm, and then loads it there, see
	// trial.Runner. nil reads the files in this process and tries nothing, which is for tests.
	Trial func(ctx context.Context, b *bundle.Bundle, o *trial.Options) (*trial.Trial, error)
	// Inspect reads the model file's own description without running it, where Trial is nil; nil
	// means bundle.InspectONNX.
	Inspect func(b *bundle.Bundle) (*bundle.Graph, error)
	// Refuted tells what live answers of a bundle have refuted before: batching or padding, and why in
	// a sentence. nil means that nothing is known.
	Refuted func(digest string) (batching, padding bool, text string)
	// Log receives one line per state change; nil means no log.
	Log *zap.Logger
	// SkipProof and SkipTest leave out what shows, before a version serves, that its rows are
	// independent: the graph and the made-up rows. They are for tests of live comparisons, which then
	// has to find it out alone.
	SkipProof, SkipTest bool
	// WarmupBudget is the time that warm-up spends on a model when its runs are quick;
	// 0 means 400 ms. More makes the first cost estimates steadier and starting slower.
	WarmupBudget time.Duration
	// GateLimit bounds warm-up and batch invariance each for slow models, which then
	// leave out batch sizes; 0 means 2 s.
	GateLimit time.Duration
	// RunLimit is how long one run of a gate may take; 0 means 30 s.
	RunLimit time.Duration
	// MemoryCeiling is the most memory that the server may take, in bytes. One run may take an eighth
	// of it, which bounds the lengths of rows. 0 means what the system says.
	MemoryCeiling int64
	// LoadsAtOnce is how many versions load at the same time; 0 means 2.
	LoadsAtOnce int
}

// WithDefaults fills in the documented defaults.
func (o Options) WithDefaults() Options {
	if o.Inspect == nil {
		o.Inspect = bundle.InspectONNX
	}
	if o.Refuted == nil {
		o.Refuted = func(string) (batching, padding bool, text string) { return false, false, "" }
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.Devices = slices.Clone(o.Devices)
	for i := range o.Devices {
		o.Devices[i].Lanes = cmp.Or(o.Devices[i].Lanes, 1)
	}
	if o.MemoryCeiling == 0 {
		o.MemoryCeiling = trial.MemoryCeiling()
	}
	o.LoadsAtOnce = cmp.Or(o.LoadsAtOnce, 2)
	o.WarmupBudget = cmp.Or(o.WarmupBudget, 400*time.Millisecond)
	o.GateLimit = cmp.Or(o.GateLimit, 2*time.Second)
	o.RunLimit = cmp.Or(o.RunLimit, 30*time.Second)
	o.Defaults = o.Defaults.WithDefaults()
	return o
}
