package compare

import (
	"math"
	"math/rand/v2"
	"time"

	"sluice/loadtest/engine"
)

// Marks in engine.Arrival.Group, which the engine copies to the sample. Target 0 is A, 1 is B.
const (
	// Guard marks what is sent but not analysed: the warm-up, the start of each block, and what
	// is left over at the end.
	Guard uint8 = 1 << iota
	// Control marks a request of the A/A control: its target is compared with itself.
	Control
	// Second tells the control's second label from its first.
	Second
)

// Design is how a run was laid out: what Analyse needs beside the samples.
type Design struct {
	Mode  Mode
	Block time.Duration
	// Warmup is when the measured window, and with it the first block, begins.
	Warmup time.Duration
	// Blocks is how many whole blocks are analysed.
	Blocks int
}

// block of an instant; false if it belongs to none.
func (d *Design) block(at time.Duration) (int, bool) {
	if at < d.Warmup {
		return 0, false
	}
	b := int((at - d.Warmup) / d.Block)
	return b, b < d.Blocks
}

// Plan assigns targets and marks to a schedule, which is not changed itself.
//
//   - Blocks come in quads, ABBA or BAAB at random, so that neither a trend nor the order favours a
//     side. The first two and the last two of a quad are pairs, and the second block of a pair
//     sends the payloads of the first in the same order. A fifth of the quads, spread over
//     the run at random, are the control: A alone, under two labels.
//   - By request, two arrivals that follow each other are a pair: both carry the payload of the
//     first, and their order is random. Of ten pairs one goes to A alone and one to B alone, at
//     random places: the control. It takes both, because a control of A alone would load A more than B.
//   - In mirror mode each arrival becomes a pair at the same instant: arrivals 2i and 2i+1 of the
//     answer. Pairs and control are as by request.
//
// All arrivals keep their instants and their order.
func Plan(arrivals []engine.Arrival, o Options) ([]engine.Arrival, *Design, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, nil, err
	}
	d := &Design{Mode: o.Mode, Block: o.Block, Warmup: o.Warmup, Blocks: int(o.Length / o.Block)}
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	if o.Mode == Block {
		d.Blocks -= d.Blocks % 4
		return planBlocks(arrivals, d, rng), d, nil
	}
	planned := make([]engine.Arrival, 0, 2*len(arrivals))
	for _, a := range arrivals {
		planned = append(planned, a)
		if o.Mode == Mirror {
			planned = append(planned, a)
		}
	}
	planRequests(planned, d, rng)
	return planned, d, nil
}

// role is what all arrivals of a block have in common.
type role struct{ target, group uint8 }

func planBlocks(arrivals []engine.Arrival, d *Design, rng *rand.Rand) []engine.Arrival {
	roles := blockRoles(d.Blocks/4, rng)
	guard := time.Duration(guardShare * float64(d.Block))
	planned := make([]engine.Arrival, len(arrivals))
	sent := make([][]uint16, d.Blocks) // variants by block
	for i, a := range arrivals {
		b, measured := d.block(a.At)
		if !measured {
			a.Target, a.Group = uint8(i%2), Guard
			planned[i] = a
			continue
		}
		// A second block with more arrivals than the first begins its payloads again.
		if n := len(sent[b]); b%2 == 1 && len(sent[b-1]) > 0 {
			a.Variant = sent[b-1][n%len(sent[b-1])]
		}
		sent[b] = append(sent[b], a.Variant)
		a.Target, a.Group = roles[b].target, roles[b].group
		if (a.At-d.Warmup)%d.Block < guard {
			a.Group |= Guard
		}
		planned[i] = a
	}
	return planned
}

// blockRoles draws the order of each quad and which of them are the control: one from each of
// as many equal parts of the run.
func blockRoles(quads int, rng *rand.Rand) []role {
	control := make([]bool, quads)
	controls := max(2, int(math.Round(controlShare*float64(quads))))
	for i := range controls {
		from, to := i*quads/controls, (i+1)*quads/controls
		control[from+rng.IntN(to-from)] = true
	}
	var roles []role
	for _, c := range control {
		one, other := role{target: 0}, role{target: 1}
		if c {
			one, other = role{group: Control}, role{group: Control | Second}
		}
		if rng.IntN(2) == 1 {
			one, other = other, one
		}
		roles = append(roles, one, other, other, one)
	}
	return roles
}

// planRequests assigns pairs of neighbours; one arrival that is left over is guard.
func planRequests(planned []engine.Arrival, d *Design, rng *rand.Rand) {
	const (
		run     = 10 // pairs
		alone   = int(controlShare * run / 2)
		twoEach = 2 * alone
	)
	var places [run]int
	pair := 0
	for i := 0; i < len(planned); {
		a := planned[i:]
		_, measured := d.block(a[0].At)
		if measured = measured && len(a) > 1; measured {
			_, measured = d.block(a[1].At)
		}
		if !measured {
			a[0].Target, a[0].Group = uint8(i%2), Guard
			i++
			continue
		}
		if pair%run == 0 {
			copy(places[:], rng.Perm(run))
		}
		one, other := role{target: 0}, role{target: 1}
		if place := places[pair%run]; place < twoEach {
			target := uint8(place / alone)
			one, other = role{target, Control}, role{target, Control | Second}
		}
		if rng.IntN(2) == 1 {
			one, other = other, one
		}
		a[0].Target, a[0].Group = one.target, one.group
		a[1].Target, a[1].Group = other.target, other.group
		a[1].Variant = a[0].Variant
		i += 2
		pair++
	}
}
