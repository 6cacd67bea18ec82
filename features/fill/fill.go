package fill

import (
	"slices"
	"sync"

	"sluice/features"
	"sluice/features/spec"
	"sluice/features/store"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip/target"
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
	claimed int // bytes of the fetch
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
	f.Counts, f.For, f.Trail, f.fetch, f.task, f.waiter, f.claimed, f.refusal = Counts{}, nil, nil, nil, nil, nil, 0, nil
	f.filler.pool.Put(f)
}

// Begin asks for the rows that a decoded task needs; d is the task and the session's schema. If they are all there at once it is true.
// Otherwise the waiter hears when they have come or until has passed, perhaps before Begin returns: the fill is not the caller's any
// more. Tensors that would be too large, and rows for which there is no memory, are an error: nothing is read for them.
func (f *Fill) Begin(d *target.Target, until clock.Instant, w Waiter) (ready bool, err error) {
	f.task, f.waiter = d.Task, w
	for i := range f.filler.plan.Inputs {
		in := &f.filler.plan.Inputs[i]
		if f.given(in.Index) {
			continue
		}
		spec := &f.filler.plan.Session.Inputs[in.Index]
		if !spec.Once { // or one row may do, which Complete sees
			if err := d.Bounded(spec.Name, int64(max(f.task.Rows, 1))*int64(in.RowBytes)); err != nil {
				return false, err
			}
		}
		for k := range in.Groups {
			if g := in.Groups[k].Group; len(f.slots[g]) == 0 {
				if err := f.ask(d, g); err != nil {
					return false, err
				}
			}
		}
	}
	if f.fetch == nil {
		return true, nil
	}
	if err := f.claim(d, 1); err != nil {
		return false, err
	}
	return f.fetch.Start(until, f), nil
}

// Fetched is the engine's word that it is done.
func (f *Fill) Fetched() { f.waiter.Fetched(f) }

// given tells whether the request has an input.
func (f *Fill) given(input int) bool { return f.task.Inputs[input].Type != tensor.Invalid }

// ask adds the keys of a group.
func (f *Fill) ask(d *target.Target, g int) error {
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
			if in.Type == tensor.Bytes && len(element) > textHead+store.MaxText {
				return fault.Newf(fault.InvalidInputs, "row %d of input '%s', which names an entity, has %d bytes; the limit is %d", len(f.slots[g]), in.Name, len(element)-textHead, store.MaxText)
			}
			f.key = append(f.key, element...)
		}
		f.slots[g] = append(f.slots[g], f.fetch.Add(f.filler.groups[g], f.key))
		if err := f.claim(d, claimEach); err != nil {
			return err
		}
	}
	return nil
}

// claimEach is of how many bytes more memory is counted while keys are added.
const claimEach = 64 << 10

// claim counts the memory of the fetch that is not counted yet, if it is that much.
func (f *Fill) claim(d *target.Target, least int) error {
	n := f.fetch.Bytes() - f.claimed
	if n < least {
		return nil
	}
	f.claimed += n
	return d.Claim(n)
}

// textHead is the bytes of its length before an element of a tensor of texts.
const textHead = 4

// elementAt is the bytes of the element that begins at a byte of a tensor's data.
func elementAt(in *tensor.Tensor, at int) []byte {
	size := in.Type.Size()
	if in.Type == tensor.Bytes {
		size = textHead + int(tensor.UintAt(tensor.Uint32, in.Data[at:]))
	}
	return in.Data[at : at+size]
}
