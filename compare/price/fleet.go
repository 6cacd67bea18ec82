package price

import (
	"cmp"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"
)

const (
	minRate     = 1e-6 // rows/s, of a device and of a load's peak
	maxRate     = 1e12
	minPrice    = 1e-6 // an hour
	maxPrice    = 1e6
	minHeadroom = 0.01
	maxFloor    = 1000 // replicas that always run
	maxReplicas = 10_000
	maxName     = 64 // bytes of a device's name

	// exact is the relative difference below which two figures are the same: what comes of adding floats. Without it
	// a load of exactly two replicas could take three.
	exact = 1e-9
)

// Device is a kind of replica: what one of it can do, and what an hour of it costs.
type Device struct {
	Name string
	// RowsPerSecond is the highest rate at which one replica meets the objective, or 0 if it meets it at no rate.
	RowsPerSecond float64
	// PricePerHour is what a replica costs, in Currency, or 0 if nobody knows.
	PricePerHour float64
	// Currency is the code of the price's currency, such as USD.
	Currency string
	// Fixed says that nothing scales the device: at every hour there are as many replicas as the busiest hour takes.
	Fixed bool
}

func (d Device) validate() error {
	switch {
	case !nameable(d.Name):
		return fmt.Errorf("the device's name %.80q must have 1 to %d bytes, all printable", d.Name, maxName)
	case !(d.RowsPerSecond == 0 || d.RowsPerSecond >= minRate && d.RowsPerSecond <= maxRate):
		return fmt.Errorf("%s: the rows per second are %v: they must be from %g to %g, or 0 if it meets the objective at no rate", d.Name, d.RowsPerSecond, minRate, maxRate)
	case !(d.PricePerHour == 0 || d.PricePerHour >= minPrice && d.PricePerHour <= maxPrice):
		return fmt.Errorf("%s: the price per hour is %v: it must be from %g to %g, or 0 if it is not known", d.Name, d.PricePerHour, minPrice, maxPrice)
	case d.PricePerHour > 0 && !isCurrency(d.Currency):
		return fmt.Errorf("%s: the currency %.20q must be three capital letters, such as USD", d.Name, d.Currency)
	}
	return nil
}

// nameable tells whether a name can be printed in a table.
func nameable(name string) bool {
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return name != "" && len(name) <= maxName && utf8.ValidString(name)
}

func isCurrency(code string) bool {
	for _, c := range []byte(code) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(code) == 3
}

// FullLoadCost is what a million rows cost on a replica that is never idle: the least that is possible, and no plan.
func (d Device) FullLoadCost() float64 { return 1e6 * d.PricePerHour / (3600 * d.RowsPerSecond) }

// Fleet is the rule for how many replicas a load takes.
type Fleet struct {
	// Headroom is the share of its highest rate that a replica is given, from 0.01 to 1. Bursts and the loss
	// of a replica live on the rest.
	Headroom float64
	// Replicas is how many there are at least, from 1: with 2, one may fail.
	Replicas int
}

// DefaultFleet gives a replica 60 % of its highest rate, and does with one.
func DefaultFleet() Fleet { return Fleet{Headroom: 0.6, Replicas: 1} }

func (f Fleet) validate() error {
	switch {
	case !(f.Headroom >= minHeadroom && f.Headroom <= 1):
		return fmt.Errorf("headroom is %v: it must be from %v to 1", f.Headroom, minHeadroom)
	case f.Replicas < 1 || f.Replicas > maxFloor:
		return fmt.Errorf("replicas is %d: it must be from 1 to %d", f.Replicas, maxFloor)
	}
	return nil
}

// Needed is how many replicas of a device a rate in rows/s takes: a whole number, and infinite where the device meets the
// objective at no rate.
func (f Fleet) Needed(d Device, rate float64) float64 {
	return replicas(rate, f.Headroom*d.RowsPerSecond, float64(f.Replicas))
}

// replicas is the number for a rate where each replica is given a capacity.
func replicas(rate, capacity, floor float64) float64 {
	return max(floor, math.Ceil(rate/capacity*(1-exact)))
}

// DeviceSeconds is how long replicas run for a million rows at a rate, idle or not.
func (f Fleet) DeviceSeconds(d Device, rate float64) float64 { return 1e6 * f.Needed(d, rate) / rate }

// CostPerMillion is what a million rows cost at a rate, in the device's currency.
func (f Fleet) CostPerMillion(d Device, rate float64) float64 {
	return f.DeviceSeconds(d, rate) * d.PricePerHour / 3600
}

// Idle is the share of what the replicas could do at the objective that a rate leaves unused, though it is billed.
func (f Fleet) Idle(d Device, rate float64) float64 {
	return 1 - rate/(f.Needed(d, rate)*d.RowsPerSecond)
}

// SmoothBreakEven is the rate at which two devices cost the same if replicas of the one with the lower price could be
// had in parts, while the other one has its fewest replicas. It is a rule of thumb beside the break-even points of the
// staircases. It is false where those replicas of the dearer device are not enough for that rate, or a price is unknown.
func (f Fleet) SmoothBreakEven(a, b Device) (rate float64, ok bool) {
	dear, low := a, b
	if cmp.Or(cmp.Compare(a.PricePerHour, b.PricePerHour), cmp.Compare(a.RowsPerSecond, b.RowsPerSecond)) < 0 {
		dear, low = b, a
	}
	if !(low.PricePerHour > 0 && low.RowsPerSecond > 0) {
		return 0, false
	}
	r := float64(f.Replicas)
	rate = r * dear.PricePerHour / low.PricePerHour * f.Headroom * low.RowsPerSecond
	return rate, rate <= r*f.Headroom*dear.RowsPerSecond*(1+exact)
}
