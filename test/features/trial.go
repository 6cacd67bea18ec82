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
	var b strings.Builder
	fmt.Fprintf(&b, "| Fault | Kind | Sent | Whole | Degraded | Refused | Wrong | Later than %v, %% | p99, ms | Breaker | Goal |\n|---|---|---|---|---|---|---|---|---|---|---|\n", budget+lateRoom)
	held = true
	err = onStages(p.binary, dir, func(s *stage, f *fault) error {
		fmt.Fprintf(os.Stderr, "  %s ...\n", f.name)
		o, err := s.trial(f, p)
		if err == nil {
			held = o.tell(&b) && held
		}
		return err
	})
	return b.String(), held, err
}

// outcome is what came of one fault.
type outcome struct {
	fault *fault
	// with are the slices with features, by model, and without those in which all requests had their tensors.
	with           map[string]*slice
	without        slice
	opened, closed int   // times that the breaker did
	stuck          error // why answers were not whole again soon
}

// trial lets slices with features and without take turns while one fault happens.
func (s *stage) trial(f *fault, p plan) (o *outcome, err error) {
	rng := rand.New(rand.NewPCG(p.seed, 4))
	o = &outcome{fault: f, with: map[string]*slice{"filled": {}, "strict": {}, "plain": {}}}
	opened, closed := strings.Count(s.Log(), logOpened), strings.Count(s.Log(), logClosed)
	err = s.during(f, func() {
		for range p.turns {
			for kind, of := range s.traffic(rng, p.rate, p.slice, "plain", "filled", "strict") {
				o.with[kind].add(of)
			}
			for _, of := range s.traffic(rng, p.rate, p.slice, "plain", "plain beside", "plain too") { // the same load, with tensors alone
				o.without.add(of)
			}
		}
	})
	if err == nil {
		o.stuck = s.recover()
	}
	o.opened, o.closed = strings.Count(s.Log(), logOpened)-opened, strings.Count(s.Log(), logClosed)-closed
	return o, err
}

// honest tells whether each answer was right or said what it lacks, the breaker did what it must, and all was well again soon.
func (o *outcome) honest() bool {
	wrong := o.without.wrong
	for _, of := range o.with {
		wrong += of.wrong
	}
	return wrong == 0 && o.stuck == nil && o.opened == o.closed && (o.opened > 0) == o.fault.opens
}

// tell writes the lines of a fault, and tells whether the goals were kept.
func (o *outcome) tell(b *strings.Builder) (held bool) {
	line := func(kind string, of *slice, more ...any) {
		fmt.Fprintf(b, "| %s | %s | %d | %d | %d | %d | %d | %.2f | %.1f |", o.fault.name, kind, of.sent, of.full, of.degraded, of.refused, of.wrong,
			of.lateShare(), millis(quantile(of.took, 0.99)))
		fmt.Fprintln(b, more...)
		if of.example != "" {
			fmt.Fprintf(os.Stderr, "    %s\n", of.example)
		}
	}
	if o.stuck != nil {
		fmt.Fprintf(os.Stderr, "    %v\n", o.stuck)
	}
	held = true
	for _, kind := range []string{"filled", "strict", "plain"} {
		kept := o.with[kind].lateShare()-o.without.lateShare() <= latePoints && o.honest()
		held = held && kept
		line(kind, o.with[kind], fmt.Sprintf(" opened %d times, closed %d | %s |", o.opened, o.closed, verdict(kept, kept)))
	}
	line("without features", &o.without, " | |")
	return held
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
