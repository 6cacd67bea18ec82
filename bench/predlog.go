package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sluice/loadtest/result"
	"sluice/predlog"
	"sluice/predlog/table"
)

// PredLog is what the prediction log costs: CPU time per request with it, of that without, in an open
// loop. Four servers of the same model are started anew in each round, since where the system lays a
// process's memory alone can make a percent, and take turns in it. A second server without the log,
// taken for one with it, says what of a difference is chance.
type PredLog struct {
	// Rate is PredLogRate, or what this machine keeps up with where that is less.
	Rate float64 `json:"rate_per_s"`
	// CPURequest is the median of the rounds without the log.
	CPURequest float64 `json:"cpu_us_per_request"`
	Control    Added   `json:"control"`
	Sample     Added   `json:"sample"` // 1 % of the requests, with their tensors
	All        Added   `json:"all"`    // the same, and a record of each other request
	// Conversion comes later and at the lowest priority, and is no part of the above. It is of the log of every request.
	Conversion Conversion     `json:"conversion"`
	Rounds     []PredLogRound `json:"rounds"`
}

// PredLogRound is one set of servers.
type PredLogRound struct {
	// CPURequest is in the order of predLogServers.
	CPURequest []float64 `json:"cpu_us_per_request"`
	// Refused is the share of all requests that had no good answer.
	Refused float64      `json:"refused"`
	Runs    []openResult `json:"runs"`
}

// Added is what a server's requests cost more than another's of the same round, in percent: the geometric mean
// of the rounds' ratios, and its 95 % interval by Student's t.
type Added struct {
	Percent float64 `json:"percent"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Conversion is the making of Parquet files from spools, in a process that does nothing else.
type Conversion struct {
	Records   int64   `json:"records"`
	CPURecord float64 `json:"cpu_us_per_record"`
}

// The rate that is asked for, and what is tried where the machine does not keep up with it.
var predLogRates = []float64{20_000, 15_000, 10_000, 5_000}

const (
	// predLogLeft is how long a server is left alone after a load before its CPU time is read: the log's last
	// records are on the disk then.
	predLogLeft = 1200 * time.Millisecond
	// predLogConns are the connections of a load.
	predLogConns = 64
)

// predLogIndex is what each request is recorded with.
func predLogIndex(dir string) []string {
	return []string{"--prediction-log-dir", dir, "--prediction-log-sample", "0.01", "--prediction-log-index", "all"}
}

// predLogServers are the servers of a round: without a log, without once more, with a log of a sample, and of every
// request. They are started in this order, from one that changes.
func (b *bench) predLogServers(first int) (servers [4]aim, err error) {
	dir, err := os.MkdirTemp(b.dir, "predlog-*")
	if err != nil {
		return servers, fmt.Errorf("cannot make a folder for a log: %w", err)
	}
	flags := [...][]string{nil, nil, {"--prediction-log-dir", filepath.Join(dir, "sample"), "--prediction-log-sample", "0.01"}, predLogIndex(filepath.Join(dir, "all"))}
	for k := range flags {
		i := (first + k) % len(flags)
		if servers[i], err = b.predLogServer(flags[i]...); err != nil {
			return servers, err
		}
	}
	return servers, nil
}

func (b *bench) predLogServer(more ...string) (aim, error) {
	p, err := b.serve("predlog", "/v2/models/mlp/ready", b.binPath,
		append([]string{"serve", "--models", filepath.Dir(b.bundle("mlp")), "--admin", ""}, more...)...)
	if err != nil {
		return aim{}, err
	}
	gateway, err := b.prepare(p, "mlp", binaryKind)
	if err == nil {
		_, err = b.closedRun(gateway.aim, predLogConns, pick(b, time.Second, 300*time.Millisecond)) // warm up
	}
	return gateway.aim, err
}

func (b *bench) predLog() (err error) {
	b.retire("mlp") // it would share the machine, asleep or not
	out := &PredLog{}
	var cpu [4][]float64
	for i := range pick(b, 8, 3) {
		round, err := b.predLogRound(i, out)
		if err != nil {
			return err
		}
		for k := range cpu {
			cpu[k] = append(cpu[k], round.CPURequest[k])
		}
		out.Rounds = append(out.Rounds, round)
		b.say("round %d at %.0f/s: %v us a request without, without, sampled, all", i+1, out.Rate, round.CPURequest)
	}
	out.CPURequest = median(cpu[0])
	out.Control, out.Sample, out.All = added(cpu[0], cpu[1]), added(cpu[0], cpu[2]), added(cpu[0], cpu[3])
	b.result.PredLog = out
	out.Conversion, err = b.predLogConversion(out.Rate)
	return err
}

// predLogConversion has a server record every request until its spool is about half full, kills it, and converts.
func (b *bench) predLogConversion(rate float64) (c Conversion, err error) {
	dir := filepath.Join(b.dir, "converted")
	to, err := b.predLogServer(predLogIndex(dir)...)
	if err != nil {
		return c, err
	}
	defer to.stop()
	if _, err := b.openRun(to, rate, predLogConns, pick(b, 10*time.Second, 2*time.Second), time.Second); err != nil {
		return c, err
	}
	time.Sleep(predLogLeft)
	to.Child.End()
	err = b.measure(&c, "convert", "-dir", dir)
	return c, err
}

// predLogRound starts the servers, lets each be loaded twice, in an order and in the reverse of it, and ends them.
// The first round finds the rate.
func (b *bench) predLogRound(n int, out *PredLog) (round PredLogRound, err error) {
	servers, err := b.predLogServers(n)
	defer func() {
		for _, s := range servers {
			s.process.stop()
		}
	}()
	if err != nil {
		return round, err
	}
	if out.Rate == 0 {
		if out.Rate, err = b.predLogRate(servers[0]); err != nil {
			return round, err
		}
	}
	time.Sleep(predLogLeft)
	var used [len(servers)]time.Duration
	var requests [len(servers)]float64
	good := 0.0
	for turn := range 2 * len(servers) {
		i := (n + turn) % len(servers)
		if turn >= len(servers) {
			i = (n + 2*len(servers) - 1 - turn) % len(servers)
		}
		length := pick(b, 1500*time.Millisecond, 500*time.Millisecond)
		before := servers[i].cpu()
		r, err := b.loadtest(servers[i], b.openFlags(out.Rate, predLogConns, 0, length, time.Second, 0)...)
		if err != nil {
			return round, err
		}
		time.Sleep(predLogLeft)
		used[i] += servers[i].cpu() - before
		requests[i] += float64(answered(r))
		good += float64(r.Ledger.OK)
		round.Runs = append(round.Runs, openOf(r))
	}
	all := 0.0
	for i := range servers {
		all += requests[i]
		round.CPURequest = append(round.CPURequest, round3(micros(used[i])/requests[i]))
	}
	round.Refused = round3(1 - good/all)
	return round, nil
}

func round3(v float64) float64 { return round(v, 3) }

// predLogRate is the highest of the rates that a server keeps up with.
func (b *bench) predLogRate(to aim) (float64, error) {
	for _, rate := range predLogRates {
		run, err := b.openRun(to, rate, predLogConns, time.Second, time.Second)
		if err != nil {
			return 0, err
		}
		if run.Lost == 0 && run.Good >= 0.99*run.Offered && run.Offered >= 0.97*rate {
			return rate, nil
		}
		b.say("%.0f/s is too much: %.0f/s were offered, %.0f/s had a good answer", rate, run.Offered, run.Good)
	}
	return 0, fmt.Errorf("this machine does not keep up with %.0f requests/s", predLogRates[len(predLogRates)-1])
}

// student are the 97.5 % quantiles of Student's t, by the degrees of freedom from 1.
var student = []float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365}

// added compares the rounds of two servers.
func added(without, with []float64) Added {
	logs, mean := make([]float64, len(without)), 0.0
	for i := range logs {
		logs[i] = math.Log(with[i] / without[i])
		mean += logs[i] / float64(len(logs))
	}
	squares := 0.0
	for _, l := range logs {
		squares += (l - mean) * (l - mean)
	}
	free := len(logs) - 1
	half := student[free-1] * math.Sqrt(squares/float64(free)/float64(len(logs)))
	percent := func(log float64) float64 { return round(100*math.Expm1(log), 2) }
	return Added{percent(mean), percent(mean - half), percent(mean + half)}
}

// spread is how far from nothing a control's interval reaches: a difference below it is not told from chance.
func (a Added) spread() float64 { return max(math.Abs(a.Low), math.Abs(a.High)) }

// convert prints what it takes of this process's CPU time to make Parquet files of a folder's spools.
func convert(args []string) error {
	flags := flag.NewFlagSet("convert", flag.ExitOnError)
	dir := flags.String("dir", "", "folder of a prediction log, whose server was killed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c, err := conversion(*dir)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

func conversion(dir string) (c Conversion, err error) {
	files, err := predlog.List(dir)
	if err != nil {
		return c, err
	}
	for _, f := range files {
		if f.Table {
			continue
		}
		s, err := predlog.ReadSpool(f.Path, func(*table.Row) error { return nil })
		if err != nil {
			return c, err
		}
		c.Records += s.Records
	}
	if c.Records == 0 {
		return c, fmt.Errorf("the spools in %s have no records", dir)
	}
	before := cpuOf(os.Getpid())
	w, err := predlog.Start(predlog.Options{Dir: dir})
	if err == nil {
		err = w.Close(context.Background())
	}
	c.CPURecord = round3(micros(cpuOf(os.Getpid())-before) / float64(c.Records))
	return c, err
}

// The limits of what a log adds, in percent.
const (
	predLogSample = 2
	predLogAll    = 3
)

func (r *Result) predLogLines(line func(string, float64, target, []result.Validity, string, ...any)) {
	p := r.PredLog
	if p == nil {
		return
	}
	var runs []openResult
	refused := 0.0
	for _, round := range p.Rounds {
		runs = slices.Concat(runs, round.Runs)
		refused = max(refused, round.Refused)
	}
	tell := func(name string, limit float64, a Added) {
		chance := ""
		if p.Control.spread() > limit {
			chance = "THE CONTROL IS WIDER, so that this run cannot hold the limit; "
		}
		line(name, a.Percent, atMost(max(limit, p.Control.spread())), validities(runs),
			"%slimit %g; 95 %% interval %+g to %+g, control %+g to %+g; %.1f us CPU without, at %.0f/s, at most %.2f %% refused; converting takes %.2f us a record later",
			chance, limit, a.Low, a.High, p.Control.Low, p.Control.High, p.CPURequest, p.Rate, 100*refused, p.Conversion.CPURecord)
	}
	tell("predlog.sample_percent", predLogSample, p.Sample)
	tell("predlog.all_percent", predLogAll, p.All)
}
