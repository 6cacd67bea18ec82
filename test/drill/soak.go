package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/memory"
	"sluice/test/rig"
)

// The soak is everything at once: four example models and one whose versions change, mixed
// budgets, a fake accelerator whose process is killed and stopped, slow and hostile clients,
// clients that leave, a log whose reader stops and comes back, a core that is taken away and given
// back. It ends with the clients' ledger against the server's, and with what memory did.
type soak struct {
	*trial
	g        *rig.Gateway
	versions *versions
	log      logReader
	wg       sync.WaitGroup

	swaps, damaged, kills, stops, silences, cores atomic.Int64
	trouble                                       atomic.Pointer[error] // of what disturbs
}

// soakRate is about half of what two cores can do with this mix.
const soakRate = 300

// soakFor runs it.
func (t *trial) soakFor(length time.Duration) verdict {
	s := &soak{trial: t}
	questions := s.start()
	defer s.log.close()
	defer s.g.End()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begun := time.Now()
	for _, every := range []struct {
		period time.Duration
		do     func(ctx context.Context) error
	}{
		{5 * time.Second, s.swap}, {17 * time.Second, s.kill}, {61 * time.Second, s.freeze}, {40 * time.Second, s.silence}, {45 * time.Second, s.core},
	} {
		s.wg.Go(func() { s.every(ctx, every.period, every.do) })
	}
	for i := range 64 {
		s.wg.Go(func() {
			for ctx.Err() == nil {
				slowClient(ctx, s.g.Predict, i)
			}
		})
	}
	s.wg.Go(func() { many(ctx, 4, s.g.Predict, hostile) })
	pss := make(chan []int64, 1)
	s.wg.Go(func() { pss <- s.weigh(ctx) })

	others := append(bad(), leaving(questions, 3*time.Millisecond)...)
	traffic := to(s.g, soakRate, nil)
	traffic.Pick = mixed(questions, others, 0.1)
	within, stopTraffic := context.WithTimeout(context.Background(), length)
	records := traffic.Run(within)
	stopTraffic()
	cancel()
	s.wg.Wait()
	return verdict{held: s.judge(records, <-pss, time.Since(begun))}
}

// start brings the gateway up and learns what it must answer.
func (s *soak) start() (questions []rig.Question) {
	s.versions = s.newVersions()
	models := s.versions.root()
	names := []string{"digits", "eta", "ranker", "encoder"}
	all := slices.Clone(s.versions.questions)
	for _, m := range names {
		s.must(os.CopyFS(filepath.Join(models, m), os.DirFS(filepath.Join(examples, m))))
		all = append(all, s.rowsOf(0, m)...)
	}
	settings := filepath.Join(s.dir, "soak.yaml")
	text := fmt.Sprintf("scheduler:\n  hang_limit: 1s\ndevices:\n  - name: fake\n    fake:\n      orders: %s\n      cost: \"1:4ms,8:8ms,32:22ms\"\n  - name: cpu\n", filepath.Join(s.dir, "soak-orders.json"))
	s.must(os.WriteFile(settings, []byte(text), 0o600))
	write, err := s.log.open()
	s.must(err)
	defer write.Close()
	s.g, err = rig.Start(rig.Options{Binary: *binary, Args: []string{"--config", settings, "--models", models, "--log-level", "debug"}, Stdout: write, Stderr: write})
	if err != nil {
		s.must(fmt.Errorf("%w\n%s", err, s.log.Lines(20)))
	}
	for _, budget := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		questions = append(questions, budgeted(slices.Clone(all), budget)...)
	}
	return questions
}

// weigh reads the memory of the process tree every five seconds.
func (s *soak) weigh(ctx context.Context) (all []int64) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return all
		case <-tick.C:
			if n, err := memory.PSS(s.g.PID()); err == nil {
				all = append(all, n)
			}
		}
	}
}

// soakGrowth is how much more memory the last third of a soak may take than the second.
const soakGrowth = 0.05

func (s *soak) judge(records []rig.Record, pss []int64, took time.Duration) (held bool) {
	if trouble := s.trouble.Load(); trouble != nil {
		s.must(fmt.Errorf("the soak itself failed: %w", *trouble))
	}
	if how, ended := s.g.Ended(); ended {
		s.must(fmt.Errorf("the gateway ended with %s\n%s", how, s.log.Lines(20)))
	}
	good, all := totalGood(records), total(records)
	served, late := s.answered(s.g)
	fmt.Printf("soak: %s, %d requests at %d a second\n", took.Round(time.Second), all.Sent, soakRate)
	fmt.Printf("  meanwhile: %d versions (%d damaged), %d workers killed, %d stopped, %d times 10 s without a log reader, %d times 10 s on one core, 64 slow and 4 hostile clients\n",
		s.swaps.Load(), s.damaged.Load(), s.kills.Load(), s.stops.Load(), s.silences.Load(), s.cores.Load())
	fmt.Printf("  good requests: %v%s\n", good, example(good))
	fmt.Printf("  bad ones: %d of %d as they must be; clients that left: %d\n", all.Bad, all.Sent-good.Sent-all.Left, all.Left)
	// Counters of versions that were unloaded are gone with them: the server's count is of those that are there.
	fmt.Printf("  ledger: %d sent = %d ok + %d refused + %d with 504 + %d bad + %d left + %d wrong + %d lost + %d odd + %d not connected\n",
		all.Sent, all.OK, all.No, all.Deadline, all.Bad, all.Left, all.Wrong, all.Lost, all.Odd, all.Refused)
	fmt.Printf("  the server counts %.0f answers of the versions that it still has, %.0f of them late\n", served, late)
	held = harmless(good)
	third := len(pss) / 3
	if third > 0 {
		second, last := mean(pss[third:2*third]), mean(pss[2*third:])
		fmt.Printf("  memory of the process tree (PSS): %.1f MiB in the second third, %.1f in the last (%+.1f %%)\n", second/(1<<20), last/(1<<20), 100*(last/second-1))
		held = held && last <= second*(1+soakGrowth)
	}
	exit, err := s.g.Stop(stopLimit)
	fmt.Printf("  SIGTERM: it ended in %s: %v\n", ms(exit), err)
	held = held && err == nil
	fmt.Printf("soak: %s\n", verdictWord(held))
	return held
}

func mean(values []int64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}
