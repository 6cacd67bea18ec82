package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/plan/sim"
)

// Study is a question: this traffic on this fleet.
type Study struct {
	// Fleet in order of preference.
	Fleet []Group
	Costs Costs
	// Models that need settings of their own; those that only occur in Traffic or Trace
	// have the defaults.
	Models []Model
	// Traffic is drawn, Trace recorded; there may be both.
	Traffic []Traffic
	Trace   *Trace
	// Budget is for models and requests without one of their own.
	Budget time.Duration
	// Scale multiplies the rate and keeps the shape in time; Speed replays time faster.
	// 0 means 1.
	Scale, Speed float64
	// Jitter spreads the copies of a recorded arrival that Scale makes; 0 means 10 ms.
	Jitter time.Duration
	// Noise of the runs; nil means what the tables show.
	Noise *sim.Noise
	// Overhead is what a request costs outside of queue and run: it is taken off the budget
	// and added to the latency.
	Overhead time.Duration
	// SpreadAfter is as in policy.DeviceOptions, for devices with several lanes.
	SpreadAfter time.Duration
	// Prefer is as in policy.ModelOptions, for every model.
	Prefer policy.Prefer
	Seed   uint64
	// Warmup is left out of the outcome. Length is what the outcome is about; 0 means the
	// trace's, else 30 s.
	Warmup, Length time.Duration
}

// Group is devices of one kind.
type Group struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
	// Lanes is how many batches each device runs at once; 0 means 1.
	Lanes int `json:"lanes,omitempty"`
	// Contention is how much longer, as a part, a run takes for each other busy lane.
	Contention float64 `json:"contention,omitempty"`
	// Price is what an hour of a device costs; 0 counts all alike.
	Price float64 `json:"price,omitempty"`
}

// Model is what a model needs besides its costs; zero values mean the defaults.
type Model struct {
	Name string
	// Budget 0 means the study's.
	Budget time.Duration
	// MaxBatch 0 means the largest size that a table has.
	MaxBatch int
	// Weight is the share of a device against the other models there; 0 means 1.
	Weight float64
}

// Traffic is requests for one model that are drawn.
type Traffic struct {
	Model string
	Load  Load
	Rows  Rows
	// Budget 0 means the model's.
	Budget   time.Duration
	Priority task.Priority
}

const (
	defaultLength = 30 * time.Second
	defaultJitter = 10 * time.Millisecond
	maxDevices    = 4096
	minLength     = time.Millisecond
	maxLength     = 30 * 24 * time.Hour
)

// WithCount returns the study with so many devices of a kind.
func (s Study) WithCount(kind string, count int) Study {
	s.Fleet = slices.Clone(s.Fleet)
	for i := range s.Fleet {
		if s.Fleet[i].Kind == kind {
			s.Fleet[i].Count = count
		}
	}
	return s
}

// Count is how many devices of a kind there are.
func (s Study) Count(kind string) int {
	for _, g := range s.Fleet {
		if g.Kind == kind {
			return g.Count
		}
	}
	return 0
}

func (s Study) scale() float64 { return orOne(s.Scale) }
func (s Study) speed() float64 { return orOne(s.Speed) }

func orOne(v float64) float64 {
	if v == 0 {
		return 1
	}
	return v
}

// length is what the outcome is about.
func (s Study) length() time.Duration {
	switch {
	case s.Length > 0:
		return s.Length
	case s.Trace != nil:
		return max(s.traced()+1-s.Warmup, minLength)
	default:
		return defaultLength
	}
}

// traced is how long the trace takes.
func (s Study) traced() time.Duration { return time.Duration(float64(s.Trace.Length) / s.speed()) }

// Validate reports every fault of the study at once.
func (s Study) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	total := 0
	for i, g := range s.Fleet {
		total += max(g.Count, 0)
		switch {
		case g.Kind == "":
			fault("a group of the fleet has no kind")
		case slices.ContainsFunc(s.Fleet[:i], func(o Group) bool { return o.Kind == g.Kind }):
			fault("the fleet has %s twice; give it one count", g.Kind)
		case g.Count < 0 || g.Lanes < 0 || g.Contention < 0:
			fault("the fleet has %d %s with %d lanes and contention %g; none may be negative", g.Count, g.Kind, g.Lanes, g.Contention)
		case s.Costs[g.Kind] == nil:
			fault("no cost is known of the device %s; known are %s", g.Kind, s.kinds())
		}
	}
	if total == 0 && len(faults) == 0 {
		fault("the fleet is empty; name devices, such as gpu=2")
	}
	if total > maxDevices {
		fault("the fleet has %d devices; at most %d can be simulated", total, maxDevices)
	}
	if len(s.Traffic) == 0 && s.Trace == nil {
		fault("there is no traffic; give a load or a trace")
	}
	if !(s.scale() >= 0.001 && s.scale() <= 1e6) || !(s.speed() >= 0.001 && s.speed() <= 1e6) {
		fault("scale %g and speed %g must be from 0.001 to a million", s.scale(), s.speed())
	}
	if s.Length < 0 || s.Warmup < 0 || s.Jitter < 0 || s.Overhead < 0 || s.SpreadAfter < 0 || s.Length > maxLength || s.Warmup > maxLength {
		fault("length %v and warm-up %v must be 0 to %v, jitter %v, overhead %v and spread-after %v not negative", s.Length, s.Warmup, maxLength, s.Jitter, s.Overhead, s.SpreadAfter)
	}
	if s.Length > 0 && s.Length < minLength {
		fault("the length is %v; it must be at least %v", s.Length, minLength)
	}
	if s.Trace != nil && len(s.Traffic) == 0 && s.traced() < s.Warmup {
		fault("the trace is over after %v, within the warm-up of %v; shorten it", s.traced(), s.Warmup)
	}
	for _, m := range s.all() {
		if err := s.checkModel(m); err != nil {
			faults = append(faults, err)
		}
	}
	for _, t := range s.Traffic {
		if !t.Load.Drawn() && t.Load.recorded == nil {
			fault("traffic for %s has no load", t.Model)
		}
		if t.Budget < 0 || t.Budget > 0 && t.Budget <= s.Overhead {
			fault("traffic for %s has a budget of %v with an overhead of %v", t.Model, t.Budget, s.Overhead)
		}
	}
	return errors.Join(faults...)
}

func (s Study) checkModel(m Model) error {
	switch curves := s.curves(m.Name); {
	case m.Budget <= 0:
		return fmt.Errorf("model %s has no budget; give one for all, or one for it", m.Name)
	case m.Budget <= s.Overhead:
		return fmt.Errorf("model %s has a budget of %v, all of which the overhead of %v takes", m.Name, m.Budget, s.Overhead)
	case m.MaxBatch < 0 || m.MaxBatch > maxRows || m.Weight < 0:
		return fmt.Errorf("model %s has a largest batch of %d and weight %g; they must not be negative, or a batch above %d", m.Name, m.MaxBatch, m.Weight, maxRows)
	case len(curves) == 0:
		return fmt.Errorf("no device of the fleet has a cost for model %s", m.Name)
	default:
		return nil
	}
}

func (s Study) kinds() string {
	var kinds []string
	for kind := range s.Costs {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	if len(kinds) == 0 {
		return "none: give a cost table"
	}
	return strings.Join(kinds, ", ")
}

// all is every model, with its defaults: those named in Models first.
func (s Study) all() []Model {
	models := slices.Clone(s.Models)
	add := func(name string) {
		if !slices.ContainsFunc(models, func(m Model) bool { return m.Name == name }) {
			models = append(models, Model{Name: name})
		}
	}
	for _, t := range s.Traffic {
		add(t.Model)
	}
	if s.Trace != nil {
		for _, name := range s.Trace.Models {
			add(name)
		}
	}
	for i := range models {
		m := &models[i]
		if m.Budget == 0 {
			m.Budget = s.Budget
		}
		if m.MaxBatch == 0 {
			m.MaxBatch = 1
			for _, c := range s.curves(m.Name) {
				m.MaxBatch = max(m.MaxBatch, c[len(c)-1].Rows)
			}
		}
	}
	return models
}

// curves are a model's tables on the kinds of which the fleet has devices.
func (s Study) curves(model string) (curves []cost.Curve) {
	for _, g := range s.Fleet {
		if c := s.Costs.of(g.Kind, model); len(c) > 0 && g.Count > 0 {
			curves = append(curves, c)
		}
	}
	return curves
}
