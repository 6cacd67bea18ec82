package policy

import (
	"fmt"
	"math"
	"time"

	"sluice/internal/clock"
)

// Prefer says which of a model's devices an item goes to where several would make its deadline.
type Prefer uint8

// The rules.
const (
	PreferOrder    Prefer = iota // the first in the model's order
	PreferCheapest               // the one on which its rows cost least
	Prefers        = iota
)

var preferNames = [Prefers]string{PreferOrder: "order", PreferCheapest: "cheapest-in-budget"}

// String is the rule's name in a configuration.
func (p Prefer) String() string { return preferNames[p] }

// ParsePrefer reads a rule's name; the empty one is the default.
func ParsePrefer(name string) (Prefer, error) {
	if name == "" {
		return PreferOrder, nil
	}
	for p, known := range preferNames {
		if known == name {
			return Prefer(p), nil
		}
	}
	return 0, fmt.Errorf("prefer is %q; it must be order or cheapest-in-budget", name)
}

// cheaperBy is by which part a later place must be cheaper than an earlier one: predictions move by less from batch
// to batch.
const cheaperBy = 0.05

// cheapest is the place on which an item's rows cost least, of those that would finish it so early that nothing would be
// spilled from them; nil if there is none, or the model goes by order alone. What it returns is in time, so an item that the order
// would answer in time is answered in time. Detour is why it is there, if the order would have it at in, because of why.
func (m *model) cheapest(now clock.Instant, it *Item, in *instance, why Detour, room time.Duration) (*instance, forecast, Detour) {
	budget := it.Deadline.Sub(it.Arrived)
	if m.opts.Prefer != PreferCheapest || m.opts.Fallback != FallbackBudget || budget <= 0 {
		return nil, forecast{}, why
	}
	limit := min(it.safe()-clock.Instant(room), it.Deadline-clock.Instant(max(m.pressure.delta(budget), room)))
	arriving := m.arriving()
	var chosen *instance
	var f forecast
	least, home := math.Inf(1), false
	for rest := m.choices(); len(rest) > 0; {
		var peers []*instance
		peers, rest = place(rest)
		other, o := best(now, it, peers, nil)
		if other == nil || o.finish > limit {
			continue
		}
		home = home || peers[0] == in.peers[0]
		if cost := other.perRow(arriving/float64(len(peers)), it.Rows); cost < least*(1-cheaperBy) {
			chosen, f, least = other, o, cost
		}
	}
	switch {
	case chosen == nil || chosen.peers[0] == in.peers[0]:
	case home:
		why = Cheaper
	case why == Direct || why == Absent:
		why = Spilled
	}
	return chosen, f, why
}

// arriving is the rate of the model's rows on all its devices: what each of them is weighed by. By what it gets itself,
// a device that gets nothing would look dear for ever, since its batches would be small.
func (m *model) arriving() (rate float64) {
	for _, in := range m.on {
		rate += in.arrivals.rising()
	}
	return rate
}

// perRow is what a row costs in the batch that it would be in, if rows came at such a rate: in the device's price for the time in
// which one lane runs it, by the lanes that run at once.
func (in *instance) perRow(rate float64, rows int) float64 {
	d := in.device
	servers := float64(d.servers())
	batch := max(in.cost.Smallest(rate/(servers*in.share), in.limit), min(in.totalRows()+rows, in.limit), rows)
	return d.price() * in.cost.Mean(batch).Seconds() / (float64(batch) * servers)
}

// price is what a second of the device costs.
func (d *device) price() float64 {
	if d.opts.Price == 0 {
		return 1
	}
	return d.opts.Price
}
