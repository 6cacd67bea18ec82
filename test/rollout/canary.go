package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"sluice/internal/unit"
	"sluice/loadtest/engine"
	"sluice/predlog/query"
	"sluice/predlog/table"
)

// shares are what the canary gets of the units, one after another.
var shares = []float64{0.01, 0.05, 0.25}

// identity is the upper half of the units, which are the engine's identities of requests: the lower half is the number of the
// request, so that the same units are asked about at each share.
const identity = 0x756e6974

// exposures are what the answers say of how their versions were chosen.
type exposures struct {
	units map[uint64]int // by hash
	step  int            // of shares
	// told is the version that answered about a unit, by step and unit: 1 or 2, or 0 without an answer.
	told  [][]byte
	moved int // units that left the canary when its share grew
	tag   []byte
}

func newExposures(units int) *exposures {
	x := &exposures{units: make(map[uint64]int, units)}
	for i := range units {
		x.units[hashOf(unitOf(i))] = i
	}
	for range shares {
		x.told = append(x.told, make([]byte, units))
	}
	return x
}

func unitOf(i int) uint64 { return identity<<32 | uint64(uint32(i)) } //nolint:gosec // the engine's own arithmetic

func hashOf(id uint64) uint64 {
	digits := engine.Digits(id)
	return unit.Hash(model, digits[:])
}

// chosen is the version that a unit gets at a step, as docs/versions.md says, and how that is told.
func chosen(hash uint64, step int) (version, exposure string) {
	if version = "1"; float64(unit.Bucket(hash)) < shares[step]*unit.Buckets {
		version = "2"
	}
	return version, fmt.Sprintf("bucket=%d;share=%g", unit.Bucket(hash), shares[step])
}

// answered notes a version's answer to the request of an identity, and is the tag that it must bear.
func (x *exposures) answered(v *known, id uint64) ([]byte, error) {
	i := int(uint32(id))
	x.told[x.step][i] = v.name[0] - '0'
	if x.step > 0 && x.told[x.step-1][i] == 2 && v.name != "2" {
		x.moved++
	}
	version, exposure := chosen(hashOf(id), x.step)
	if v.name != version {
		return nil, fmt.Errorf("unit %x with %s is answered by version %s", id, exposure, v.name)
	}
	x.tag = append(append(append(x.tag[:0], v.tag...), ';'), exposure...)
	return x.tag, nil
}

// canary gives version 2 a share of the units that grows, and compares what the answers say of it with the prediction log and
// with the metrics. It has a gateway of its own, which logs.
func (s *stage) canary() ([]row, error) {
	log := filepath.Join(s.dir, "predictions")
	if err := s.restart("--prediction-log-dir", log, "--prediction-log-index", "all"); err != nil {
		return nil, err
	}
	x := newExposures(s.units)
	var all ledger
	right := map[string]int{}
	for x.step = range shares {
		if err := s.share(shares[x.step]); err != nil {
			return nil, err
		}
		r, err := s.ask(x)
		if err != nil {
			return nil, err
		}
		all.add(*r.ledger())
		for version, n := range r.right {
			right[version] += n
		}
	}
	counted := map[string]int{}
	for _, version := range []string{"1", "2"} {
		n, err := s.Counters("sluice_split_requests_total", fmt.Sprintf("model=%q", model), fmt.Sprintf("version=%q", version), `unit="known"`)
		if err != nil {
			return nil, err
		}
		counted[version] = int(n)
	}
	if err := s.share(0); err != nil {
		return nil, err
	}
	if err := s.restart(); err != nil { // the log is whole then
		return nil, err
	}
	logged, err := x.readLog(log)
	if err != nil {
		return nil, err
	}
	return []row{
		{
			what: "a unit gets the version that its bucket says, and each answer says so in Sluice-Model", limit: "0 errors",
			measured: fmt.Sprintf("%d units at each of the shares %v: %v; answers by version %v", s.units, shares, &all, right),
			held:     all.errors() == 0 && right["1"] > 0 && right["2"] > 0,
		},
		{
			what: "a share that grows keeps its units", limit: "0 moved back",
			measured: fmt.Sprintf("%d of %d", x.moved, s.units), held: x.moved == 0 && right["2"] > 0,
		},
		{
			what: "the prediction log says the same of each answer", limit: "0 missing, 0 otherwise",
			measured: fmt.Sprintf("%d answers logged, %d missing, %d otherwise%s", logged.answers, logged.missing, logged.otherwise, logged.example),
			held:     logged.answers == all.right && logged.missing == 0 && logged.otherwise == 0,
		},
		{
			what: "sluice_split_requests_total counts the same", limit: "as many by version as in the log",
			measured: fmt.Sprintf("%d of version 1, %d of version 2; in the log %d and %d", counted["1"], counted["2"], logged.chosen["1"], logged.chosen["2"]),
			held:     counted["1"] == logged.chosen["1"] && counted["2"] == logged.chosen["2"] && counted["2"] > 0,
		},
	}, nil
}

// share gives version 2 a share of the units; 0 ends it.
func (s *stage) share(share float64) error {
	ctx, cancel := context.WithTimeout(context.Background(), changeLimit)
	defer cancel()
	return s.port.Change(ctx, "/v2/repository/models/"+model+"/canary", map[string]any{"version": "2", "share": share}, "", nil)
}

// ask asks about each unit once.
func (s *stage) ask(x *exposures) (*record, error) {
	length := time.Duration(1.2*float64(s.units)/s.rate*float64(time.Second)) + 2*time.Second
	o, err := s.draw(length)
	if err != nil {
		return nil, err
	}
	if len(o.Arrivals) < s.units {
		return nil, fmt.Errorf("%d requests at %g a second do not fit into %v", s.units, s.rate, length)
	}
	o.Arrivals, o.Identity = o.Arrivals[:s.units], identity
	return s.send(o, x, nil)
}

// logged is what a prediction log has of the answers.
type logged struct {
	answers, missing, otherwise int
	chosen                      map[string]int // requests for which a version was chosen by their unit, whatever came of them
	example                     string
}

// readLog holds a prediction log against what the answers told.
func (x *exposures) readLog(dir string) (*logged, error) {
	l := &logged{chosen: map[string]int{}}
	left := make([][]byte, len(x.told))
	for step := range x.told {
		left[step] = slices.Clone(x.told[step])
	}
	err := query.All(dir, func(r *table.Row) error {
		if r.Exposure == nil || r.UnitHash == nil {
			return nil
		}
		l.chosen[r.Version]++
		if r.Status != "OK" {
			return nil
		}
		l.answers++
		if err := x.agrees(r, left); err != nil {
			if l.otherwise++; l.otherwise == 1 {
				l.example = fmt.Sprintf("; such as: unit hash %d, %s, version %s: %v", *r.UnitHash, *r.Exposure, r.Version, err)
			}
		}
		return nil
	})
	for _, units := range left {
		for _, version := range units {
			if version != 0 {
				l.missing++
			}
		}
	}
	return l, err
}

// agrees takes what an answer told out of what is left, or says why a row is not about one.
func (x *exposures) agrees(r *table.Row, left [][]byte) error {
	i, known := x.units[*r.UnitHash]
	if !known {
		return errors.New("no unit has this hash")
	}
	for step := range shares {
		version, exposure := chosen(*r.UnitHash, step)
		if *r.Exposure != exposure {
			continue
		}
		role := map[string]string{"1": "live", "2": "canary"}[version]
		if r.Version != version || r.Role == nil || *r.Role != role || left[step][i] != version[0]-'0' {
			return fmt.Errorf("the answer was of version %d, the unit's is %s", left[step][i], version)
		}
		left[step][i] = 0
		return nil
	}
	return errors.New("no share gives the unit that bucket")
}
