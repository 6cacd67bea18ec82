// Command features holds what is said of feature stores against real servers on this machine, which it starts on loopback
// and ends by process id:
//
//   - reads: what 50 entities of 100 features cost, beside the bare client for the same bytes.
//
// A goal that is missed makes the exit status 1. `-write` puts the tables into a page.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// plan is how much is done.
type plan struct {
	rounds, reads int
	seed          uint64
}

// parts are what is held against what, by name.
var parts = []struct {
	name string
	run  func(p plan, dir string) (text string, held bool, err error)
}{
	{"reads", reads},
}

func main() {
	var p plan
	only := flag.String("only", "", "these parts alone, such as reads,memory")
	flag.IntVar(&p.rounds, "rounds", 40, "rounds in which each way of reading has a turn")
	flag.IntVar(&p.reads, "reads", 2000, "reads of a turn")
	flag.Uint64Var(&p.seed, "seed", 1, "of orders and of the instants of requests")
	flag.Parse()
	held, err := run(p, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "features:", err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
}

func run(p plan, only string) (held bool, err error) {
	if p.rounds < 2 || p.reads < 8 {
		return false, errors.New("there are at least two rounds, and 8 reads in a turn")
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
	}
	return held, nil
}
