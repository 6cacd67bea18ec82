package search

import (
	"context"
	"fmt"

	"sluice/loadtest/result"
)

// confirm tries the best guess with other seeds and for longer, and lower rates if it does not hold.
func (s *searcher) confirm(ctx context.Context) error {
	rate := s.guess()
	if rate == 0 {
		return nil
	}
	for range 1 + stepsDown {
		held, err := s.confirmAt(ctx, rate)
		if err != nil {
			return err
		}
		if held {
			s.out.Capacity = rate
			return nil
		}
		rate /= 1 + s.o.Precision
	}
	return nil
}

// guess is the highest rate below the lowest failure that passed, or that is inconclusive but
// within the objective as counted. Probes of some seconds pass clearly only well below the
// capacity; to begin there would give away what the longer confirmations can tell.
func (s *searcher) guess() float64 {
	guess := s.best()
	if guess == 0 {
		return 0
	}
	edge := s.lowestFailure(guess)
	for _, p := range s.above(guess) {
		if p.rate == edge {
			break
		}
		if p.m.N > 0 && within(s.o.Objective, p.m) {
			guess = p.rate
		}
	}
	return guess
}

// confirmAt makes all confirmations at a rate. Each must hold the objective as counted, and all
// together must pass with 99 % confidence, which one alone could seldom tell near the capacity.
// The first that does not hold ends it.
func (s *searcher) confirmAt(ctx context.Context, rate float64) (held bool, err error) {
	s.goods = s.goods[:0]
	p := point{rate: rate}
	for i := range s.o.Confirmations {
		s.clock.confirmed = i
		record := result.Probe{Phase: Confirm, Rate: rate, Seed: s.seed()}
		m, err := s.run(ctx, &record, s.o.length(rate, s.o.ConfirmLength))
		if err != nil {
			return false, err
		}
		record = filled(record, m)
		if !m.Valid {
			p.invalid, record.Why = true, invalidReason(m)
			s.settle(p)
			s.report(record, inconclusive)
			return false, nil
		}
		p.m = p.m.merge(m)
		p.outcome, record.Why = judge(s.o.Objective, m)
		if p.outcome == inconclusive && within(s.o.Objective, m) {
			p.outcome = pass
		}
		together, all := judge(s.o.Objective, p.m)
		if i > 0 {
			record.Why += fmt.Sprintf("; in %d runs together %s", i+1, all)
		}
		if p.outcome == pass && (together == fail || i+1 == s.o.Confirmations) {
			p.outcome = together
		}
		s.report(record, p.outcome)
		if p.outcome != pass {
			s.settle(p)
			return false, nil
		}
		s.goods = append(s.goods, m.Good)
	}
	s.settle(p)
	return true, nil
}
