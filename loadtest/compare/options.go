package compare

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Mode is how the two targets share a run.
type Mode uint8

const (
	// Block gives all requests of a stretch of time to one side: a target that forms batches
	// sees its whole rate. The default.
	Block Mode = iota
	// Request gives each request to a side at random: the closest comparison, but each target
	// sees half of the rate.
	Request
	// Mirror sends each request to both sides at the same instant: each sees the whole rate, and
	// where both share a machine it carries twice the load.
	Mirror
)

func (m Mode) String() string { return [...]string{"block", "request", "mirror"}[m] }

// ParseMode reads block, block:500ms, request or mirror. The length is 0 if none is given.
func ParseMode(text string) (Mode, time.Duration, error) {
	name, length, long := strings.Cut(text, ":")
	for _, m := range []Mode{Block, Request, Mirror} {
		switch {
		case name != m.String():
		case !long:
			return m, 0, nil
		case m != Block:
			return 0, 0, fmt.Errorf("cannot read the mode %q: only block takes a length, such as block:1s", text)
		default:
			d, err := time.ParseDuration(length)
			if err != nil || d < shortest {
				return 0, 0, fmt.Errorf("cannot read the mode %q: the length must be a duration of at least %v, such as block:1s", text, shortest)
			}
			return m, d, nil
		}
	}
	return 0, 0, fmt.Errorf("cannot read the mode %q: it must be block, block:LENGTH, request or mirror", text)
}

// Options are the settings of a comparison. Zero stands for the default.
type Options struct {
	Mode Mode
	// Block is the length of a block (default 1 s). In the other modes it is the time that is
	// taken as one observation. Shorter blocks are disturbed more by what the other side has
	// left behind, longer ones are fewer.
	Block time.Duration
	// Warmup is how much of the schedule comes before the measured window, Length how long that
	// window is. Both must be given to Plan; what lies outside is sent but not analysed.
	Warmup, Length time.Duration
	// Seed decides orders and places, and the resamples of the analysis.
	Seed uint64
	// Resamples of the bootstrap (default 10,000).
	Resamples int
	// CPU is what the targets' processes used in each block of the measured window, for
	// Analyse; nil if that is not known.
	CPU []CPU
}

// CPU are the CPU seconds of both targets in a block.
type CPU struct{ A, B float64 }

const (
	// shortest block that is not all guard and start-up.
	shortest = 50 * time.Millisecond
	// guardShare of a block, at its start, is left out: answers of the block before are still
	// under way, and caches are the other side's.
	guardShare = 0.2
	// controlShare of the blocks or requests compare a target with itself.
	controlShare = 0.2
	// leastQuads: two of them are the control, and with two of each kind there are four pairs
	// from which to tell how much pairs differ.
	leastQuads = 4
)

func (o Options) withDefaults() Options {
	o.Block, o.Resamples = cmp.Or(o.Block, time.Second), cmp.Or(o.Resamples, 10_000)
	return o
}

// validate wants the defaults filled in.
func (o Options) validate() error {
	least := leastQuads * 4 * o.Block
	switch {
	case o.Mode > Mirror:
		return fmt.Errorf("cannot compare in mode %d; it must be block, request or mirror", o.Mode)
	case o.Block < shortest:
		return fmt.Errorf("cannot compare in blocks of %v; they must be at least %v long", o.Block, shortest)
	case o.Warmup < 0:
		return fmt.Errorf("cannot warm up for %v; it must be 0 or more", o.Warmup)
	case o.Length < least:
		return fmt.Errorf("cannot compare in %v: with blocks of %v it takes at least %v; make the run longer or the blocks shorter", o.Length, o.Block, least)
	}
	return nil
}
