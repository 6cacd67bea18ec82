package fill

import (
	"slices"
	"sync"

	"sluice/features"
	"sluice/features/spec"
	"sluice/features/store"
	"sluice/internal/clock"
	"sluice/internal/origin"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Filler fills the inputs of one model version.
type Filler struct {
	plan   *spec.Plan
	model  string // in error texts only
	engine *features.Engine
	groups []*features.Group
	pool   sync.Pool
	tally  tally
}

// New makes a filler that reads groups, which are the plan's in its order.
func New(plan *spec.Plan, model string, engine *features.Engine, groups []*features.Group) *Filler {
	f := &Filler{plan: plan, model: model, engine: engine, groups: groups}
	f.makeTally()
	f.pool.New = func() any { return &Fill{filler: f, slots: make([][]int, len(groups))} }
	return f
}

// Waiter hears of a fill whose rows have come as far as they will. It is called once, on any goroutine, and must be quick.
type Waiter interface{ Fetched(f *Fill) }

// Counts are values: a list counts as one, and each row's own.
type Counts struct {
	// Stored are those of stores, Cached those of them that were in the cache, Stale those that were older than they may
	// be. Default are those in whose place a default stands, and Late those of them that did not come in time.
	Stored, Cached, Default, Stale, Late int
	// Below says that fewer are stored than the model wants (min_present).
	Below bool
}

// Fill is one request's.
type Fill struct {
	Counts Counts
	// For is the caller's.
	For any
	// Trail is where to say what became of each value; nil if nobody asks.
	Trail *origin.Trail

	filler *Filler
	fetch  *features.Fetch
	task   *task.Task
	waiter Waiter
	// slots are the rows that were asked for, by group: one for each row of the request, or one for all; none if nothing was.
	slots   [][]int
	key     store.Key
	cursors []int
	dims    []int64
	// filled are the inputs that Complete has begun to fill.
	filled []int
	// refusal is why the request is refused unless it has so little that its ladder is gone down; nil if it is not.
	refusal error
	// whole and counts are of the part that is being filled: rows that had all columns, and the values of the others.
	whole  uint64
	counts []columnCount
}

// Get returns an empty fill.
func (f *Filler) Get() *Fill { return f.pool.Get().(*Fill) }

// Release gives the fill back.
func (f *Fill) Release() {
	if f.fetch != nil {
		f.fetch.Release()
	}
	for g := range f.slots {
		f.slots[g] = f.slots[g][:0]
	}
	f.Counts, f.For, f.Trail, f.fetch, f.task, f.waiter, f.refusal = Counts{}, nil, nil, nil, nil, nil, nil
	f.filler.pool.Put(f)
}

// Begin asks for the rows that a decoded task needs. If they are all there at once it is true. Otherwise the waiter hears
// when they have come or until has passed, perhaps before Begin returns: the fill is not the caller's any more.
func (f *Fill) Begin(t *task.Task, until clock.Instant, w Waiter) (ready bool) {
	f.task, f.waiter = t, w
	for i := range f.filler.plan.Inputs {
		in := &f.filler.plan.Inputs[i]
		if f.given(in.Index) {
			continue
		}
		for k := range in.Groups {
			if g := in.Groups[k].Group; len(f.slots[g]) == 0 {
				f.ask(g)
			}
		}
	}
	return f.fetch == nil || f.fetch.Start(until, f)
}

// Fetched is the engine's word that it is done.
func (f *Fill) Fetched() { f.waiter.Fetched(f) }

// given tells whether the request has an input.
func (f *Fill) given(input int) bool { return f.task.Inputs[input].Type != tensor.Invalid }

// ask adds the keys of a group.
func (f *Fill) ask(g int) {
	if f.fetch == nil {
		f.fetch = f.filler.engine.Fetch()
	}
	inputs, rows := f.filler.plan.Groups[g].Keys, 1
	for _, i := range inputs {
		rows = max(rows, int(f.task.Inputs[i].Shape[0]))
	}
	f.cursors = slices.Grow(f.cursors[:0], len(inputs))[:len(inputs)]
	clear(f.cursors)
	for range rows {
		f.key = f.key[:0]
		for k, i := range inputs {
			in := &f.task.Inputs[i]
			element := in.Data
			if in.Shape[0] > 1 {
				element = elementAt(in, f.cursors[k])
				f.cursors[k] += len(element)
			}
			f.key = append(f.key, element...)
		}
		f.slots[g] = append(f.slots[g], f.fetch.Add(f.filler.groups[g], f.key))
	}
}

// elementAt is the bytes of the element that begins at a byte of a tensor's data.
func elementAt(in *tensor.Tensor, at int) []byte {
	size := in.Type.Size()
	if in.Type == tensor.Bytes {
		size = 4 + int(tensor.UintAt(tensor.Uint32, in.Data[at:]))
	}
	return in.Data[at : at+size]
}
