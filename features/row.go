package features

import (
	"time"

	"sluice/features/store"
)

// Status is what became of a row.
type Status uint8

// The statuses. A row of the first two has values.
const (
	// Present: the store has values of the entity, and they are not too old.
	Present Status = iota
	// Stale: they are older than the group's MaxAge, or of unknown age though it has one.
	Stale
	// Missing: the store has nothing of the entity.
	Missing
	// TimedOut: the row had not come when the request left.
	TimedOut
	// Failed: the store failed, or its breaker is open, or too much waits for it.
	Failed
)

// String names the status.
func (s Status) String() string {
	return [...]string{"present", "stale", "missing", "timeout", "failed"}[s]
}

// UnknownAge is the age of a row whose store does not say when its values became true.
const UnknownAge = time.Duration(-1)

// Row is one row of a fetch that has ended.
type Row struct {
	// Values and States are those of store.Rows, with the group's layout. They are nil if the row has not come.
	Values []byte
	States []store.State
	Status Status
	// Cached says that the row was in the cache.
	Cached bool
	// Age counts from when the values became true. It is UnknownAge if that is not known or the row has no values.
	Age time.Duration
}

// Row is what came of a slot, once the fetch has ended. It is good until Release.
func (f *Fetch) Row(number int) Row {
	s := &f.slots[number]
	g := f.parts[s.part].group
	r := Row{Cached: s.outcome == hit}
	r.Status, r.Age = s.judge(g, f.wall)
	r.Values, r.States = f.valuesOf(s, g)
	return r
}

func (f *Fetch) valuesOf(s *slot, g *Group) ([]byte, []store.State) {
	switch s.outcome {
	case hit:
		return s.entry.row, s.entry.states
	case came:
		if s.whole != nil {
			return s.whole, g.allStates
		}
		row, states := s.rowAt+g.layout.RowBytes(), s.statesAt+len(g.noStates)
		return f.rows[s.rowAt:row:row], f.states[s.statesAt:states:states]
	}
	return nil, nil
}

// judge is the status of a slot's row and its age, by the wall clock.
func (s *slot) judge(g *Group, wall int64) (Status, time.Duration) {
	switch {
	case s.outcome == timedOut:
		return TimedOut, UnknownAge
	case s.outcome == failed:
		return Failed, UnknownAge
	case s.about == absent:
		return Missing, UnknownAge
	}
	age := UnknownAge
	if s.time != 0 {
		age = time.Duration(max(wall-s.time, 0))
	}
	if g.opt.MaxAge > 0 && (age == UnknownAge || age > g.opt.MaxAge) {
		return Stale, age
	}
	return Present, age
}
