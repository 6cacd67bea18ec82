// Command shadowtax measures what shadow candidates cost live requests. It starts a gateway on free loopback ports with the model
// ranker, sends open-loop binary requests at half of its capacity, and compares slices of 5 seconds with a candidate with
// slices while it is frozen, in pairs of random order, for candidates that are well and for such as misbehave. It prints a
// line for each kind: the differences, their bounds, and a verdict. The exit status is 1 if a limit is shown to be missed, an answer was
// wrong, or the account of mirrored requests does not add up. `-keep` keeps the pairs, so that several runs make one measurement;
// `-write` puts the table into a page.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
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
	keep        string // keeps the pairs; a later run goes on with them
}

func main() {
	p := plan{settles: time.Second}
	write, kinds := flag.String("write", "", "replace the section of this page"), flag.String("kinds", "", "some of the kinds, with commas between; default all")
	flag.StringVar(&p.binary, "sluice", "bin/sluice", "the gateway's binary")
	flag.StringVar(&p.models, "models", "examples/models", "the folder with the model ranker")
	flag.IntVar(&p.pairs, "pairs", 40, "pairs of slices of each kind that this run adds, but for kinds that are decided")
	flag.IntVar(&p.most, "most", 120, "pairs of a kind at most, with those of the runs before")
	flag.DurationVar(&p.slice, "slice", 5*time.Second, "length of a slice, of which the first second is left out")
	flag.Float64Var(&p.rate, "rate", 0, "requests per second; 0 is half of what 32 clients in a closed loop get")
	flag.Float64Var(&p.sample, "sample", 0.05, "share of the requests that are mirrored")
	flag.IntVar(&p.rows, "rows", 32, "rows of a request")
	flag.StringVar(&p.keep, "keep", "", "keep the pairs in this file, and go on with those that it has, at their rate of requests")
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
	k, err := readKept(p.keep)
	if err != nil {
		return false, err
	}
	if err := measure(p, dir, k); err != nil {
		return false, err
	}
	results := k.Results
	judge(results)
	text := markdown(results)
	fmt.Print(text)
	held = true
	for i := range results {
		held = held && results[i].verdict != missed && results[i].Wrong == 0 && results[i].Unaccounted == 0
	}
	if page != "" {
		err = writePage(page, k.setting(&p), text)
	}
	return held, err
}

// measure adds pairs to each kind that is not decided, and keeps them as it goes.
func measure(p plan, dir string, k *kept) error {
	if !slices.ContainsFunc(kinds, func(of kind) bool { return p.open(k.result(of.name)) }) {
		return nil // what is kept is told
	}
	if k.Rate > 0 {
		p.rate = k.Rate
	}
	s, err := newStage(p, dir)
	if err != nil {
		return err
	}
	defer s.End()
	if err := k.begin(p.binary); err != nil {
		return err
	}
	k.Rate = s.rate
	if s.capacity > 0 {
		k.Capacity = s.capacity
	}
	s.runs = uint64(len(k.Gateways)) << 16 // no two runs have the same requests and the same order
	for _, kind := range kinds {
		r := k.result(kind.name)
		if !p.open(r) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", kind.name)
		if err := s.try(kind, r, min(p.pairs, p.most-len(r.Pairs))); err != nil {
			return fmt.Errorf("%s: %w\n%s", kind.name, err, s.Log())
		}
		p99, cpu := r.p99().median(), r.cpu().median()
		fmt.Fprintf(os.Stderr, "  %d pairs, p99 %+.3f ms, CPU %+.2f %%\n", len(r.Pairs), 1e3*p99, 100*cpu)
		for o, n := range r.Unanswered {
			if n > 0 {
				fmt.Fprintf(os.Stderr, "  %d requests: %s\n", n, sample.Outcome(o))
			}
		}
		if err := k.write(p.keep); err != nil {
			return err
		}
	}
	if p.log != "" {
		err = os.WriteFile(p.log, []byte(s.Log()), 0o600)
	}
	return err
}

// open tells whether a kind wants more pairs.
func (p *plan) open(r *result) bool {
	return (len(p.kinds) == 0 || slices.Contains(p.kinds, r.Kind)) && !r.decided() && len(r.Pairs) < p.most
}
