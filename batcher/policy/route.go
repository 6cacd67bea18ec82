package policy

import (
	"fmt"
	"math/bits"
	"time"

	"sluice/internal/clock"
)

// Fallback says when a model may use devices after the first one in its list.
type Fallback uint8

// The policies.
const (
	FallbackBudget  Fallback = iota // when the first would miss the deadline, or is down
	FallbackFailure                 // when the first is down, or fails
	FallbackNever                   // never
	Fallbacks       = iota
)

var fallbackNames = [Fallbacks]string{FallbackBudget: "budget", FallbackFailure: "failure", FallbackNever: "never"}

// String is the policy's name in a configuration.
func (f Fallback) String() string { return fallbackNames[f] }

// ParseFallback reads a policy's name; the empty one is the default.
func ParseFallback(name string) (Fallback, error) {
	if name == "" {
		return FallbackBudget, nil
	}
	for f, known := range fallbackNames {
		if known == name {
			return Fallback(f), nil
		}
	}
	return 0, fmt.Errorf("fallback is %q; it must be budget, failure or never", name)
}

// Detour is why an item is on a device that its model does not prefer; the set is closed.
type Detour uint8

// The detours.
const (
	Direct  Detour = iota // it is on the first, or on one of its peers
	Spilled               // the first was predicted to be late, or nearly so
	Rescued               // it was queued elsewhere, and would have been lost there
	Hedged                // its batch elsewhere is stuck
	Tripped               // the first one's breaker is open
	Shut                  // the first has been closed
	Absent                // the device that the model prefers has no session of it
	Cheaper               // its rows cost less there, and it will be in time
	Detours = iota
)

var detourNames = [Detours]string{Spilled: "spill", Rescued: "rescue", Hedged: "hedge", Tripped: "breaker", Shut: "closed", Absent: "unavailable", Cheaper: "cheaper"}

// String is the detour's name in a response and as a metric label; empty for none.
func (d Detour) String() string { return detourNames[d] }

// A request spills before its first device would be late, by a part of its budget: at 1.3
// times the capacity of a GPU, spilling only when it is late recovers a quarter to a half
// of what the CPU can do beside it, spilling early nine tenths. Under pressure, when the
// budget's second half is needed anyway, it spills earlier. That what the other device
// takes is predicted to be done in time is held with a reserve.
const (
	spillNormal   = 0.3
	spillPressed  = 0.5
	spillReserve  = 0.02
	pressedShare  = 0.5 // an arrival with less of its budget left than this is tight
	pressedOf     = 3   // so many tight ones of the last eight are pressure
	relaxedShare  = 0.6 // with more left than this it is calm
	relaxedAfter  = 20  // so many calm ones in a row, and
	pressedAtMost = 50 * time.Millisecond
)

// pressure tells whether a model's first device is short of time: one of two modes, with
// hysteresis, which changes at most once in 50 ms.
type pressure struct {
	on      bool
	tight   uint8 // a bit for each of the last eight arrivals
	calm    int   // arrivals in a row
	since   clock.Instant
	changed clock.Instant
	changes uint64
}

// note takes in an arrival that is predicted to be done so long before its deadline.
func (p *pressure) note(now clock.Instant, left, budget time.Duration) {
	p.tight <<= 1
	if left < time.Duration(pressedShare*float64(budget)) {
		p.tight |= 1
	}
	settled := p.changes == 0 || now.Sub(p.changed) >= pressedAtMost
	if !p.on {
		if settled && bits.OnesCount8(p.tight) >= pressedOf {
			*p = pressure{on: true, changed: now, changes: p.changes + 1}
		}
		return
	}
	if left <= time.Duration(relaxedShare*float64(budget)) {
		p.calm = 0
		return
	}
	if p.calm == 0 {
		p.since = now
	}
	p.calm++
	if settled && p.calm >= relaxedAfter && now.Sub(p.since) >= pressedAtMost {
		*p = pressure{changed: now, changes: p.changes + 1}
	}
}

// delta is by how much of its budget an item spills early.
func (p *pressure) delta(budget time.Duration) time.Duration {
	if p.on {
		return time.Duration(spillPressed * float64(budget))
	}
	return time.Duration(spillNormal * float64(budget))
}

// confined reports whether the model may use its first device only.
func (m *model) confined() bool { return m.opts.Fallback == FallbackNever || m.alone }

// choices are the instances that the model may use, in order of preference.
func (m *model) choices() []*instance {
	if m.confined() {
		return m.on[:1]
	}
	return m.on
}

// first is where an item goes by preference: to the best of the first place with a device that
// takes work. It comes with its forecast, and why it is not the model's very first place. If no
// device takes work it is the very first, without a forecast.
func (m *model) first(now clock.Instant, it *Item) (*instance, forecast, Detour) {
	why := m.direct()
	for rest := m.choices(); len(rest) > 0; {
		var peers []*instance
		peers, rest = place(rest)
		if in, f := best(now, it, peers, nil); in != nil {
			return in, f, why
		}
		why = m.on[0].device.detour()
	}
	return m.on[0], forecast{start: now, likely: now, finish: now}, Direct
}

// direct is why items are on the first device: there is a reason if another is preferred that
// could not load the model.
func (m *model) direct() Detour {
	if m.opts.Displaced {
		return Absent
	}
	return Direct
}

// divert is where an item goes that the instance would finish as forecast: to a later
// place that will surely make the deadline if this one may not.
func (m *model) divert(now clock.Instant, it *Item, in *instance, f forecast, why Detour, room time.Duration) (*instance, forecast, Detour) {
	on := m.choices()
	if len(on) == 1 || m.opts.Fallback == FallbackFailure {
		return in, f, why
	}
	budget := it.Deadline.Sub(it.Arrived)
	if budget <= 0 || f.finish <= it.Deadline-clock.Instant(max(m.pressure.delta(budget), room)) {
		return in, f, why
	}
	past := false
	for len(on) > 0 {
		var peers []*instance
		peers, on = place(on)
		if !past {
			past = peers[0] == in.peers[0]
			continue
		}
		if other, o := best(now, it, peers, nil); other != nil && o.finish <= it.safe() {
			if why == Direct || why == Absent {
				why = Spilled
			}
			return other, o, why
		}
	}
	return in, f, why
}

// safe is by when another device must be predicted to finish an item to be given it.
func (it *Item) safe() clock.Instant {
	return it.Deadline - clock.Instant(spillReserve*float64(it.Deadline.Sub(it.Arrived)))
}

// latest is until when an item that the instance queues may be predicted to take.
func (in *instance) latest(it *Item) clock.Instant {
	if in.guest {
		return it.safe()
	}
	return it.Deadline - clock.Instant(in.headroom(it))
}
