package shadow

import (
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"sluice/internal/cputime"
)

// TaxSlice is what live requests took in a slice of time.
type TaxSlice struct {
	Answers int64         `json:"answers"`
	P99     time.Duration `json:"p99_ns"`
	CPU     time.Duration `json:"cpu_ns"` // of the gateway's own process, for each answer
}

// TaxPair is two slices, one after the other in random order: with the candidates, and while they are frozen.
type TaxPair struct {
	On, Off TaxSlice
	// Candidates is what all of their processes ran in the slice with them, for each second.
	Candidates time.Duration
}

const (
	// slice is how long candidates run, or are frozen, and settles how much of that at its beginning is left out: what was under way
	// belongs to the slice before.
	slice   = 5 * time.Second
	settles = time.Second
	// leastAnswers is with how many in each slice a pair counts.
	leastAnswers = 200
	// firstPairs come one after the other. Then one pair is measured in each laterEvery, since candidates compare nothing while they
	// are frozen.
	firstPairs = 40
	laterEvery = time.Minute
)

// switchback measures what candidates cost, in slices with and without them.
func (m *Mirror) switchback() {
	pairs := 0
	for {
		if !m.Active() {
			select {
			case <-m.ctx.Done():
				return
			case <-m.changed:
				continue
			}
		}
		wait := m.slice // until a candidate is up
		if m.up() > 0 {
			if m.pair() {
				pairs++
			}
			if wait = time.Millisecond; pairs >= firstPairs {
				wait = laterEvery
			}
		}
		select {
		case <-m.ctx.Done():
			return
		case <-m.changed:
			pairs = 0
		case <-time.After(wait):
		}
	}
}

// up is how many candidates are.
func (m *Mirror) up() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.mu.all {
		if c.now.Load() != nil {
			n++
		}
	}
	return n
}

// pair measures a pair and has it judged. It reports whether the pair counts: enough was answered in each slice, and a person
// did not freeze everything meanwhile.
func (m *Mirror) pair() bool {
	m.mu.Lock()
	tax, paused := m.mu.tax, m.mu.paused
	m.mu.Unlock()
	if tax == nil || paused {
		return false
	}
	var p TaxPair
	first := rand.IntN(2) == 0
	for _, on := range []bool{first, !first} {
		s, candidates, ok := m.measure(on)
		switch {
		case !ok || s.Answers < leastAnswers:
			return false
		case on:
			p.On, p.Candidates = s, candidates
		default:
			p.Off = s
		}
	}
	m.mu.Lock()
	counts := tax == m.mu.tax && !m.mu.paused
	m.mu.Unlock()
	if !counts {
		return false
	}
	exceeded := tax.Add(&p)
	report := tax.Report()
	m.mu.Lock()
	m.mu.taxReport = report
	all := slices.Clone(m.mu.all)
	m.mu.Unlock()
	if exceeded != "" {
		m.o.Log.Warn("shadow candidates cost live requests too much: they are stopped", zap.String("reason", exceeded))
		for _, c := range all {
			select {
			case c.halted <- exceeded:
			default:
			}
		}
	}
	return true
}

// measure measures one slice; false if the mirror was closed meanwhile.
func (m *Mirror) measure(on bool) (s TaxSlice, candidates time.Duration, ok bool) {
	if !on {
		m.freeze(true)
		defer m.freeze(false)
	}
	if !m.sleep(m.settles) {
		return s, 0, false
	}
	m.live.begin()
	before, others := ownCPU(), m.candidatesCPU()
	if !m.sleep(m.slice - m.settles) {
		m.live.end()
		return s, 0, false
	}
	took, theirs := ownCPU()-before, m.candidatesCPU()
	s.Answers, s.P99 = m.live.end()
	s.CPU = took / time.Duration(max(s.Answers, 1))
	for pid, now := range theirs {
		candidates += now - others[pid] // of one that has ended meanwhile the end is not known
	}
	return s, time.Duration(float64(candidates) / (m.slice - m.settles).Seconds()), true
}

func (m *Mirror) sleep(d time.Duration) bool {
	select {
	case <-m.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// ownCPU is what this process has run, without its children.
func ownCPU() time.Duration {
	d, _ := cputime.Process(os.Getpid()) // it cannot fail for one's own process
	return d
}

// candidatesCPU is what each of the candidates' processes has run.
func (m *Mirror) candidatesCPU() map[int]time.Duration {
	m.mu.Lock()
	all := slices.Clone(m.mu.all)
	m.mu.Unlock()
	cpu := map[int]time.Duration{}
	for _, c := range all {
		c.mu.Lock()
		p := c.mu.process
		c.mu.Unlock()
		if p == nil {
			continue
		}
		for _, pid := range p.pids() {
			if d, err := cputime.Process(pid); err == nil {
				cpu[pid] = d
			}
		}
	}
	return cpu
}
