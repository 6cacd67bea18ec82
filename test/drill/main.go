// Command drill holds a gateway against its promises, P1 to P20: one experiment each, with a figure.
// It starts bin/sluice on free loopback ports, breaks things around it while traffic runs whose
// every answer is compared, and stops what it started by process id. A promise that is missed
// is printed as missed, and makes the exit status 1. `-write` puts the table into docs/promises.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/loadtest/watch"
)

var (
	binary = flag.String("sluice", "bin/sluice", "the gateway's binary")
	only   = flag.String("only", "", "run these promises only, as P1,P6")
	quick  = flag.Bool("quick", false, "a fifth of the length: a look, and no figures to quote")
	write  = flag.String("write", "", "replace the table of this page")
	probes = flag.String("probe", "", "used by itself: ask the two addresses for their health")
	soaks  = flag.Duration("soak", 0, "in place of the promises: everything at once, for so long")
)

// promise is a row of the table.
type promise struct {
	id, text string
	// experiment is what is done, in words.
	experiment string
	run        func(*trial) verdict
}

// drill is what the experiments share.
type drill struct {
	dir  string // for models and settings
	self string // this program
	// probes are the health checks that were made during the experiments that P15 names.
	probes []probe
}

func main() {
	flag.Parse()
	held, err := true, error(nil)
	if *probes != "" {
		err = asProbe(*probes)
	} else {
		held, err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
}

func run() (held bool, err error) {
	if _, err := os.Stat(*binary); err != nil {
		return false, fmt.Errorf("%w: run make build", err)
	}
	dir, err := os.MkdirTemp("", "sluice-drill-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)                                  //nolint:errcheck // the system's temporary folder
	os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state")) // of the gateways that it starts
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	d := &drill{dir: dir, self: self}
	if *soaks > 0 {
		v, err := d.try(func(t *trial) verdict { return t.soakFor(*soaks) })
		return v.held, err
	}
	var rows []row
	held = true
	for _, p := range promises {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.id) {
			continue
		}
		fmt.Printf("%-4s %s ...\n", p.id, p.text)
		begun := time.Now()
		v, err := d.try(p.run)
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			v.held, v.figure = false, "the experiment failed: "+first
		}
		fmt.Printf("     %s in %.0f s: %s\n", verdictWord(v.held), time.Since(begun).Seconds(), v.figure)
		if err != nil {
			fmt.Println(err)
		}
		held = held && v.held
		rows = append(rows, row{p, v})
	}
	if *write != "" && *quick {
		return held, errors.New("figures of -quick are not written")
	}
	if *write != "" {
		err = writePage(*write, rows)
	}
	return held, err
}

func verdictWord(held bool) string {
	if held {
		return "held"
	}
	return "missed"
}

// scaled is a length, less with -quick.
func scaled(d time.Duration) time.Duration {
	if *quick {
		return d / 5
	}
	return d
}

// times is a number of repetitions, less with -quick.
func times(n int) int {
	if *quick {
		return max(1, n/5)
	}
	return n
}

// machine is a line about where the figures come from.
func machine() string {
	e := watch.Environment("")
	return fmt.Sprintf("%s, %d cores, %s", e.CPU, e.Cores, time.Now().UTC().Format(time.DateOnly))
}
