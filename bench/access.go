package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"
)

// Access is what the access log costs: CPU time per request with it, of that without. Servers take
// turns with each other, and are started anew each round: where the system lays a process's memory
// alone can make a percent. A second server without the log, taken for one with it, says what of
// a difference is chance.
type Access struct {
	AccessRound // means over the rounds
	// CPURequest is the median without it.
	CPURequest float64 `json:"cpu_us_per_request"`
	// Rounds are medians of the turns of one round, in percent.
	Rounds []AccessRound `json:"rounds"`
	Runs   []closedRun   `json:"runs"`
}

// AccessRound is one set of servers: what the log adds at its usual share, in percent, the same of a
// server without it, and that of one that writes every request.
type AccessRound struct {
	Added   float64 `json:"added_percent"`
	Control float64 `json:"control_percent"`
	All     float64 `json:"all_percent"`
}

// accessFlags are the servers' settings beyond the usual: none, none again, the log as it is
// when it is switched on, and the log of every request.
func (b *bench) accessFlags() [][]string {
	file := func(name string) []string { return []string{"--access-log-file", filepath.Join(b.dir, name)} }
	return [][]string{nil, nil, file("some.log"), append(file("all.log"), "--access-log-sample", "1")}
}

func (b *bench) access() error {
	b.retire("mlp") // it would share the machine, asleep or not
	out := &Access{}
	var without []closedRun
	for range pick(b, 8, 2) {
		runs, err := b.accessRound(pick(b, 16, 4))
		if err != nil {
			return err
		}
		out.Rounds = append(out.Rounds, AccessRound{Added: addedPercent(runs[0], runs[2]), Control: addedPercent(runs[0], runs[1]), All: addedPercent(runs[0], runs[3])})
		without = append(without, runs[0]...)
		out.Runs = slices.Concat(out.Runs, slices.Concat(runs...))
	}
	out.CPURequest = typical(without).CPURequest
	out.Added = meanOf(out.Rounds, func(r AccessRound) float64 { return r.Added })
	out.Control = meanOf(out.Rounds, func(r AccessRound) float64 { return r.Control })
	out.All = meanOf(out.Rounds, func(r AccessRound) float64 { return r.All })
	b.result.Access = out
	return nil
}

// accessRound starts the servers, lets them take turns in an order that changes, and returns their runs.
func (b *bench) accessRound(turns int) ([][]closedRun, error) {
	flags := b.accessFlags()
	servers := make([]aim, len(flags))
	for i, more := range flags {
		p, err := b.serve("access", "/v2/models/mlp/ready", b.binPath,
			append([]string{"serve", "--models", filepath.Dir(b.bundle("mlp")), "--admin", ""}, more...)...)
		if err != nil {
			return nil, err
		}
		defer p.stop()
		gateway, err := b.prepare(p, "mlp", binaryKind)
		if err != nil {
			return nil, err
		}
		servers[i] = gateway.aim
		if _, err := b.closedRun(gateway.aim, 64, time.Second); err != nil { // warm up
			return nil, err
		}
	}
	runs := make([][]closedRun, len(servers))
	for turn := range turns {
		for k := range servers {
			i := (turn + k) % len(servers)
			if turn/len(servers)%2 == 1 {
				i = len(servers) - 1 - i
			}
			run, err := b.closedRun(servers[i], 64, pick(b, 500*time.Millisecond, 300*time.Millisecond))
			if err != nil {
				return nil, err
			}
			runs[i] = append(runs[i], run)
		}
	}
	return runs, nil
}

// addedPercent is the median over the turns of what the second server's requests cost more than the
// first one's of the same turn.
func addedPercent(without, with []closedRun) float64 {
	more := make([]float64, len(without))
	for i := range without {
		more[i] = 100 * (with[i].CPURequest/without[i].CPURequest - 1)
	}
	return round(median(more), 2)
}

func meanOf[T any](all []T, figure func(T) float64) float64 {
	sum := 0.0
	for _, one := range all {
		sum += figure(one)
	}
	return round(sum/float64(len(all)), 2)
}

// accessLine prints the part's line.
func (r *Result) accessLine(out io.Writer) {
	a := r.Access
	if a == nil {
		return
	}
	byAdded := func(a, b AccessRound) int { return cmp.Compare(a.Added, b.Added) }
	least := slices.MinFunc(a.Rounds, byAdded)
	most := slices.MaxFunc(a.Rounds, byAdded)
	fmt.Fprintf(out, "access.added_percent\t%g\t%s\t%s\n", a.Added, atMost(1).verdict(a.Added),
		fmt.Sprintf("rounds from %g to %g; a server without the log %+g, with every request in it %+g; %.1f us CPU without", least.Added, most.Added, a.Control, a.All, a.CPURequest))
}
