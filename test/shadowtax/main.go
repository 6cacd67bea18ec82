// Command shadowtax measures what shadow candidates cost live requests. It starts a gateway on free loopback ports with the model
// ranker, sends open-loop binary requests at half of its capacity, and compares slices of 5 seconds with a candidate with
// slices while it is frozen, in pairs of random order, for candidates that are well and for such as misbehave. It prints a
// line for each kind: the differences, their upper bounds, and the smallest tax that could have been seen. The exit status is 1 if
// a limit is shown to be missed, an answer was wrong, or the account of mirrored requests does not add up. `-write` puts the table into a page.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"sluice/loadtest/sample"
)

// plan is how much is done.
type plan struct {
	binary, models string
	// pairs are measured of each kind; up to most if they do not decide.
	pairs, most int
	slice       time.Duration
	settles     time.Duration
	rate        float64 // requests per second; 0 is half of the capacity
	sample      float64
	rows        int
	seed        uint64
	kinds       []string
	log         string // takes the gateway's log at the end
	raw         string // takes each pair
}

func main() {
	p := plan{settles: time.Second}
	write, kinds := flag.String("write", "", "replace the section of this page"), flag.String("kinds", "", "some of the kinds, with commas between; default all")
	flag.StringVar(&p.binary, "sluice", "bin/sluice", "the gateway's binary")
	flag.StringVar(&p.models, "models", "examples/models", "the folder with the model ranker")
	flag.IntVar(&p.pairs, "pairs", 40, "pairs of slices of each kind")
	flag.IntVar(&p.most, "most", 120, "pairs at most, where fewer do not decide")
	flag.DurationVar(&p.slice, "slice", 5*time.Second, "length of a slice, of which the first second is left out")
	flag.Float64Var(&p.rate, "rate", 0, "requests per second; 0 is half of what 32 clients in a closed loop get")
	flag.Float64Var(&p.sample, "sample", 0.05, "share of the requests that are mirrored")
	flag.IntVar(&p.rows, "rows", 32, "rows of a request")
	flag.StringVar(&p.raw, "raw", "", "write each pair to this file, as CSV")
	flag.StringVar(&p.log, "log", "", "write the gateway's log to this file at the end")
	flag.Uint64Var(&p.seed, "seed", 1, "of the order of slices and of the instants of requests")
	flag.Parse()
	if *kinds != "" {
		p.kinds = strings.Split(*kinds, ",")
	}
	held, err := run(p, *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "shadowtax:", err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
}

func run(p plan, page string) (held bool, err error) {
	if _, err := os.Stat(p.binary); err != nil {
		return false, fmt.Errorf("%w: run make build", err)
	}
	if p.pairs < 2 || p.slice < 2*p.settles {
		return false, errors.New("there are at least two pairs, and a slice has at least twice its first second")
	}
	p.most = max(p.most, p.pairs)
	dir, err := os.MkdirTemp("", "sluice-shadowtax-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system's temporary folder
	results, setting, err := measure(p, dir)
	if err != nil {
		return false, err
	}
	judge(results)
	text := markdown(results)
	fmt.Print(text)
	held = true
	for i := range results {
		held = held && results[i].verdict != missed && results[i].wrong == 0 && results[i].unaccounted == 0
	}
	if page != "" {
		err = writePage(page, setting, text)
	}
	return held, err
}

// measure goes through the kinds.
func measure(p plan, dir string) (results []result, setting string, err error) {
	s, err := newStage(p, dir)
	if err != nil {
		return nil, "", err
	}
	defer s.End()
	for _, k := range kinds {
		if !p.wants(k.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", k.name)
		r, err := s.try(k)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w\n%s", k.name, err, s.Log())
		}
		fmt.Fprintf(os.Stderr, "  %d pairs, p99 %+.3f ms, CPU %+.2f %%\n", r.figures.Pairs, 1e3*r.figures.P99.Mean, 100*r.figures.CPUShare.Mean)
		for o, n := range r.unanswered {
			if n > 0 {
				fmt.Fprintf(os.Stderr, "  %d requests: %s\n", n, sample.Outcome(o))
			}
		}
		results = append(results, *r)
	}
	if p.raw != "" {
		if err = os.WriteFile(p.raw, raw(results), 0o600); err != nil {
			return nil, "", err
		}
	}
	if p.log != "" {
		err = os.WriteFile(p.log, []byte(s.Log()), 0o600)
	}
	return results, s.setting(), err
}

func (p *plan) wants(kind string) bool {
	if len(p.kinds) == 0 {
		return true
	}
	for _, k := range p.kinds {
		if k == kind {
			return true
		}
	}
	return false
}
