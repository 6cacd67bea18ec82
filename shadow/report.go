package shadow

import (
	"time"
)

// Coverage is what came of the requests that were sampled: Seen is the sum of Compared, Waiting, and all that were dropped or
// failed.
type Coverage struct {
	Sample   float64           `json:"sample"`
	Seen     uint64            `json:"seen"`
	Compared uint64            `json:"compared"`
	Waiting  uint64            `json:"waiting"`
	Dropped  map[string]uint64 `json:"dropped"`
	Failed   map[string]uint64 `json:"failed"`
	Levels   []LevelCoverage   `json:"levels"`
	// TooLarge says which requests are never mirrored for their size, and which setting moves that; empty if none came. The comparison
	// is of smaller requests then.
	TooLarge string `json:"too_large,omitempty"`
}

// LevelCoverage is the account of a level of load. Where the share that is dropped grows with the load, the comparison
// is of quiet times.
type LevelCoverage struct {
	Load     string `json:"load"`
	Seen     uint64 `json:"seen"`
	Compared uint64 `json:"compared"`
	Dropped  uint64 `json:"dropped"`
	Failed   uint64 `json:"failed"`
}

// Report is one candidate of a model, as the admin port answers it.
type Report struct {
	Subject
	State    State     `json:"state"`
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason,omitempty"`
	Frozen   bool      `json:"frozen,omitempty"`
	Paused   bool      `json:"paused,omitempty"` // by a person
	PID      int       `json:"pid,omitempty"`
	Restarts uint64    `json:"restarts"`
	Resident int64     `json:"resident_bytes"`
	RingFull float64   `json:"ring_full"`
	NoAgain  string    `json:"no_noise_floor,omitempty"` // why the primary cannot be asked again
	NoSplit  string    `json:"no_split,omitempty"`       // why the candidate cannot be asked with the primary's inputs
	Coverage Coverage  `json:"coverage"`
	Tax      any       `json:"tax,omitempty"`
	Study    any       `json:"report,omitempty"`
	Wrong    string    `json:"report_error,omitempty"`
}

// Stands says why nothing is compared now; empty if something is, or will be again within seconds.
func (r *Report) Stands() string {
	switch {
	case r.State == Halted:
		return "the shadow is stopped, until sluice models shadow begins it again: " + r.Reason
	case r.Paused:
		return "the shadows are paused, by /v2/shadow/pause"
	case r.State == Waiting:
		return "the shadow's process has ended, and is started again: " + r.Reason
	case r.State == Starting:
		return "the shadow's process loads its versions"
	}
	return ""
}

// Snapshot is what the metrics have of a candidate.
type Snapshot struct {
	Subject
	State    State
	Restarts uint64
	Resident int64
	RingFull float64
	Counts   [NumLevels]Counts
	Judged   []Judged
}

// candidates are those of a model; of all for "".
func (m *Mirror) candidates(model string) (some []*candidate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.mu.all {
		if model == "" || c.subject.Model == model {
			some = append(some, c)
		}
	}
	return some
}

// Reports are the candidates of a model.
func (m *Mirror) Reports(model string) []Report {
	all := []Report{}
	m.mu.Lock()
	tax, paused := m.mu.taxReport, m.mu.paused
	m.mu.Unlock()
	for _, c := range m.candidates(model) {
		r := c.report()
		r.Tax, r.Paused = tax, paused
		all = append(all, r)
	}
	return all
}

// Snapshots are all candidates, for the metrics.
func (m *Mirror) Snapshots() (all []Snapshot) {
	for _, c := range m.candidates("") {
		all = append(all, c.snapshot())
	}
	return all
}

func (c *candidate) snapshot() Snapshot {
	s := Snapshot{Subject: c.subject}
	c.mu.Lock()
	s.State, s.Restarts, s.Resident = c.mu.state, c.mu.restarts, c.mu.resident
	c.mu.Unlock()
	s.Counts, s.RingFull = c.ring.read()
	c.studying.Lock()
	defer c.studying.Unlock()
	s.Judged = c.study.Judged()
	return s
}

func (c *candidate) report() Report {
	counts, full := c.ring.read()
	r := Report{Subject: c.subject, RingFull: full, Frozen: c.m.frozen.Load(), Coverage: coverage(c.m.o.Sample, &counts)}
	r.Coverage.TooLarge = c.ring.tooLarge()
	c.mu.Lock()
	r.State, r.Since, r.Reason, r.Restarts, r.Resident = c.mu.state, c.mu.since, c.mu.reason, c.mu.restarts, c.mu.resident
	r.NoAgain, r.NoSplit = c.mu.lacks, c.mu.noSplit
	if c.mu.process != nil {
		r.PID = c.mu.process.PID()
	}
	c.mu.Unlock()
	c.studying.Lock()
	defer c.studying.Unlock()
	var err error
	if r.Study, err = c.study.Report(&r.Coverage); err != nil {
		r.Wrong = err.Error()
	}
	return r
}

func coverage(sample float64, counts *[NumLevels]Counts) Coverage {
	c := Coverage{Sample: sample, Dropped: map[string]uint64{}, Failed: map[string]uint64{}}
	for l := range counts {
		n := &counts[l]
		c.Seen += n.Seen
		c.Compared += n.Compared
		c.Waiting += n.Waiting
		for why, k := range n.Dropped {
			if k > 0 {
				c.Dropped[Reason(why).String()] += k
			}
		}
		for why, k := range n.Failed {
			if k > 0 {
				c.Failed[Failure(why).String()] += k
			}
		}
		c.Levels = append(c.Levels, LevelCoverage{Level(l).String(), n.Seen, n.Compared, n.dropped(), n.failed()})
	}
	return c
}
