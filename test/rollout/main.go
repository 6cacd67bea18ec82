// Command rollout holds a gateway against its promises about versions: what clients get while one takes another's
// place, while versions come that cannot serve, while a canary gets its share, and while somebody goes back. It starts the gateway on free loopback
// ports with two versions of a model whose answers differ, sends open-loop traffic of which every answer is compared
// with the known one of each version, and prints a line for each promise: what, limit, measured, held or missed. A
// promise that is missed makes the exit status 1. `-write` puts the table into a page.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// plan is how much is done.
type plan struct {
	binary string
	// length is that of the traffic during which versions take each other's place, each other phase of it.
	length time.Duration
	// every is the time between two swaps.
	every time.Duration
	// rate is requests per second; 0 is a part of what a closed loop gets, see capacityPart.
	rate      float64
	rollbacks int
	units     int // that are split between a live version and a canary
	seed      uint64
}

// row is a line of the table.
type row struct {
	what, limit, measured string
	held                  bool
	// timed is set if it depends on how fast the machine is.
	timed bool
}

// phases are what is tried, in order. Each begins with version 1 live and version 2 the previous one, and all but the last
// leave it so.
var phases = []struct {
	name string
	run  func(*stage) ([]row, error)
}{
	{"swaps under load", (*stage).swaps},
	{"versions that cannot serve", (*stage).refusals},
	{"a canary", (*stage).canary},
	{"rollbacks", (*stage).rollbacks},
}

func main() {
	var p plan
	minutes := flag.Float64("minutes", 10, "how long versions take each other's place")
	write := flag.String("write", "", "replace the section of this page")
	flag.StringVar(&p.binary, "sluice", "bin/sluice", "the gateway's binary")
	flag.DurationVar(&p.every, "every", 2*time.Second, "the time between two promotes")
	flag.Float64Var(&p.rate, "rate", 0, "requests per second; 0 is 60 % of what 32 clients in a closed loop get")
	flag.IntVar(&p.rollbacks, "rollbacks", 20, "how often version 2 is promoted and taken back")
	flag.IntVar(&p.units, "units", 200_000, "how many units are asked about at each share of a canary")
	flag.Uint64Var(&p.seed, "seed", 1, "of the order of phases and of the instants of requests")
	flag.Parse()
	p.length = time.Duration(*minutes * float64(time.Minute))
	held, err := run(p, *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rollout:", err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
}

func run(p plan, page string) (held bool, err error) {
	if _, err := os.Stat(p.binary); err != nil {
		return false, fmt.Errorf("%w: run make build", err)
	}
	if p.length < 4*p.every || p.every < 100*time.Millisecond || p.rollbacks < 1 || p.units < 1 {
		return false, errors.New("there is at least one rollback and one unit, -every is at least 100ms, and -minutes holds four of it: two phases with a promote and two without")
	}
	dir, err := os.MkdirTemp("", "sluice-rollout-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system's temporary folder
	rows, setting, err := try(p, dir)
	if err != nil {
		return false, err
	}
	text := markdown(rows)
	fmt.Print(text)
	held = true
	for _, r := range rows {
		held = held && r.held
	}
	if page != "" {
		err = writePage(page, setting, text)
	}
	return held, err
}

// try goes through the phases with a gateway whose folders lie in dir. setting says what was tried, in a sentence.
func try(p plan, dir string) (rows []row, setting string, err error) {
	s, err := newStage(p, filepath.Join(dir, "gateway"))
	if err != nil {
		return nil, "", err
	}
	defer func() { s.End() }() // another one than at first, after a restart
	for _, phase := range phases {
		fmt.Fprintf(os.Stderr, "%s ...\n", phase.name)
		more, err := phase.run(s)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w\n%s", phase.name, err, s.Log())
		}
		rows = append(rows, more...)
	}
	if _, err := s.Stop(stopLimit); err != nil {
		return nil, "", fmt.Errorf("the gateway ended with %w\n%s", err, s.Log())
	}
	return rows, s.setting(), nil
}
