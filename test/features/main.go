// Command features holds what is said of feature stores against real servers on this machine, which it starts on loopback
// and ends by process id:
//
//   - reads: what 50 entities of 100 features cost, beside the bare client for the same bytes.
//   - fill: how long requests wait for 20 entities, beside bare reads of as many at the same rate.
//   - memory: how many bytes a Redis needs for the same features in each layout.
//   - faults: what requests get from a gateway whose store is stalled, cut off, killed, resharded, or has lost or spoiled rows.
//
// A goal that is missed makes the exit status 1. `-write` puts the tables into a page. The figures are good for something if nothing else runs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// plan is how much is done.
type plan struct {
	rounds, reads int
	seed          uint64
	entities      int64
	// Of the fill and the faults: the gateway, turns of a slice with features and one without, and of the faults requests per second of each of three kinds.
	binary string
	turns  int
	slice  time.Duration
	rate   float64
}

// parts are what is held against what, by name.
var parts = []struct {
	name string
	run  func(p plan, dir string) (text string, held bool, err error)
}{
	{"reads", reads},
	{"fill", fills},
	{"memory", memories},
	{"faults", trials},
}

func main() {
	var p plan
	only := flag.String("only", "", "these parts alone, such as reads,memory")
	flag.IntVar(&p.rounds, "rounds", 40, "rounds in which each way of reading has a turn")
	flag.IntVar(&p.reads, "reads", 2000, "reads of a turn")
	flag.Int64Var(&p.entities, "entities", 1_000_000, "entities whose memory is measured")
	flag.StringVar(&p.binary, "sluice", "bin/sluice", "the gateway's binary")
	flag.IntVar(&p.turns, "turns", 10, "turns of slices with features and without, for each fault")
	flag.DurationVar(&p.slice, "slice", 3*time.Second, "length of a slice")
	flag.Float64Var(&p.rate, "rate", 150, "requests per second of each of the three models while a fault happens")
	flag.Uint64Var(&p.seed, "seed", 1, "of orders and of the instants of requests")
	write := flag.String("write", "", "replace the sections of this page")
	flag.Parse()
	held, err := run(p, *only, *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "features:", err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
}

func run(p plan, only, page string) (held bool, err error) {
	if p.rounds < 2 || p.reads < 8 || p.turns < 1 || p.entities < 1 || p.rate <= 0 {
		return false, errors.New("there are at least two rounds with 8 reads in a turn, one turn of slices, one entity, and requests")
	}
	dir, err := os.MkdirTemp("", "sluice-features-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system's temporary folder
	held = true
	for _, part := range parts {
		if only != "" && !slices.Contains(strings.Split(only, ","), part.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", part.name)
		own, err := folder(dir, part.name)
		if err != nil {
			return false, err
		}
		text, kept, err := part.run(p, own)
		if err != nil {
			return false, fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Println(text)
		held = held && kept
		if page == "" {
			continue
		}
		if err := writeSection(page, part.name, text); err != nil {
			return false, err
		}
	}
	return held, nil
}
