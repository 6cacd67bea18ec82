package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"
)

// What the gateway logs of a breaker.
const (
	logOpened = "feature store does not answer"
	logClosed = "feature store answers again"
)

// trials has each fault happen while requests with features and without take turns. The model without features is asked all the time.
func trials(p plan, dir string) (text string, held bool, err error) {
	s, err := newStage(p.binary, dir)
	if err != nil {
		return "", false, err
	}
	defer s.end()
	var b strings.Builder
	fmt.Fprintf(&b, "| Fault | Kind | Sent | Whole | Degraded | Refused | Wrong | Later than %v, %% | p99, ms | Breaker | Goal |\n|---|---|---|---|---|---|---|---|---|---|---|\n", budget+lateRoom)
	held = true
	for i := range faults {
		fmt.Fprintf(os.Stderr, "  %s ...\n", faults[i].name)
		ok, err := s.trial(&faults[i], p, &b)
		if err != nil {
			return "", false, fmt.Errorf("%s: %w\n%s", faults[i].name, err, s.Log())
		}
		held = held && ok
	}
	return b.String(), held, nil
}

// trial lets slices with features and without take turns while one fault happens.
func (s *stage) trial(f *fault, p plan, b *strings.Builder) (held bool, err error) {
	rng := rand.New(rand.NewPCG(p.seed, 4))
	with := map[string]*slice{"filled": {}, "strict": {}, "plain": {}}
	without := &slice{}
	opened, closed := strings.Count(s.Log(), logOpened), strings.Count(s.Log(), logClosed)
	err = s.during(f, func() {
		for range p.turns {
			for kind, of := range s.traffic(rng, p.rate, p.slice, "plain", "filled", "strict") {
				with[kind].add(of)
			}
			// The same load, all of it with its tensors.
			for _, of := range s.traffic(rng, p.rate, p.slice, "plain", "plain beside", "plain too") {
				without.add(of)
			}
		}
	})
	if err == nil {
		err = s.recover()
	}
	opened, closed = strings.Count(s.Log(), logOpened)-opened, strings.Count(s.Log(), logClosed)-closed
	breaker := fmt.Sprintf("opened %d times, closed %d", opened, closed)
	ok := opened == closed && (opened > 0) == f.opens
	held = true
	for _, kind := range []string{"filled", "strict", "plain"} {
		of := with[kind]
		more := of.lateShare() - without.lateShare()
		kept := more <= latePoints && of.wrong == 0 && ok
		held = held && kept
		fmt.Fprintf(b, "| %s | %s | %d | %d | %d | %d | %d | %.2f | %.1f | %s | %s |\n", f.name, kind, of.sent, of.full, of.degraded, of.refused, of.wrong,
			of.lateShare(), millis(quantile(of.took, 0.99)), breaker, verdict(kept, kept))
		if of.example != "" {
			fmt.Fprintf(os.Stderr, "    %s\n", of.example)
		}
	}
	fmt.Fprintf(b, "| %s | without features | %d | %d | %d | %d | %d | %.2f | %.1f | | |\n", f.name, without.sent, without.full, without.degraded, without.refused,
		without.wrong, without.lateShare(), millis(quantile(without.took, 0.99)))
	return held && without.wrong == 0, err
}

// recoversWithin is how long a gateway may take to serve whole answers after a fault.
const recoversWithin = 10 * time.Second

// recover asks until answers are whole again.
func (s *stage) recover() error {
	var last answer
	whole := 0
	for begun := time.Now(); time.Since(begun) < recoversWithin; time.Sleep(10 * time.Millisecond) {
		if last = s.ask("filled", byID(0)); last.status == http.StatusOK && last.defaults() == 0 {
			if whole++; whole == 20 {
				return nil
			}
			continue
		}
		whole = 0
	}
	return fmt.Errorf("after %v answers are not whole: %d %s %.200s", recoversWithin, last.status, last.features, last.body)
}
