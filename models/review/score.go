package review

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/fault"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/models/roles"
)

// Score is which proofs a version has, of those that apply to it. Its JSON form is public.
type Score struct {
	Model   string  `json:"model"`
	Version string  `json:"version"`
	Digest  string  `json:"digest,omitempty"`
	Passed  int     `json:"passed"`
	Of      int     `json:"of"`
	Proofs  []Proof `json:"proofs"`
}

// Standing is how a version stands to a proof.
type Standing string

// The standings. A proof that does not apply is not counted.
const (
	Shown   Standing = "passed"
	Missing Standing = "missing"
	Apart   Standing = "does not apply"
)

// Proof is one of them, and why.
type Proof struct {
	Name     string   `json:"name"`
	Standing Standing `json:"standing"`
	Why      string   `json:"why"`
}

// Replayed is what a replay of recorded requests on the version has found; nil if nobody says.
type Replayed struct {
	Replayed int `json:"replayed"`
	Agree    int `json:"agree"`
	Differ   int `json:"differ"`
	Failed   int `json:"failed"`
}

// Rate counts the proofs of a version. History has the entries of its model, in any order; nil means that nobody knows any, as
// where files are looked at that no gateway serves.
func Rate(report *gates.Report, history []roles.Entry) Score {
	s := Score{Model: report.Name, Version: report.Version, Digest: report.Digest}
	s.add(pinned(report))
	s.add(gate(report, "golden", "golden", Missing))
	s.add(independence(report))
	s.add(gate(report, "parity", "parity", Apart))
	s.add(replay(nil))
	for _, p := range []struct {
		name, missing string
		shown         func(e *roles.Entry) bool
	}{
		{"shadow", "no plan has taken it from the shadow to a canary", func(e *roles.Entry) bool {
			return e.Who == planner && e.Share > 0 && e.Digest == report.Digest && strings.HasPrefix(e.Reason, "criteria:")
		}},
		{"canary", "no plan has made it live, and nobody has promoted it as a canary", func(e *roles.Entry) bool {
			return e.Action == "promote" && e.Digest == report.Digest && (e.Who == planner || strings.Contains(e.Reason, "ends the canary"))
		}},
		{"way back", "no way back of the model was ever gone: rehearse one with sluice models rollback", func(e *roles.Entry) bool {
			return e.Action == "rollback"
		}},
	} {
		s.add(told(p.name, history, p.shown, p.missing))
	}
	return s
}

// planner is how the history calls whoever carries out plans.
const planner = "plan"

// Replay puts in what a replay has found; nil leaves it open.
func (s *Score) Replay(r *Replayed) {
	proofs := s.Proofs
	s.Passed, s.Of, s.Proofs = 0, 0, nil
	for _, p := range proofs {
		if p.Name == replay(nil).Name && r != nil {
			p = replay(r)
		}
		s.add(p)
	}
}

func (s *Score) add(p Proof) {
	if s.Proofs = append(s.Proofs, p); p.Standing != Apart {
		s.Of++
	}
	if p.Standing == Shown {
		s.Passed++
	}
}

func pinned(r *gates.Report) Proof {
	if r.Pinned {
		return Proof{"digest pinned", Shown, "model.yaml has the digests of its files"}
	}
	return Proof{"digest pinned", Missing, "its files may be any: sluice models pin writes their digests down"}
}

// gate is what a load gate has found; skipped is how a version stands where the gate had nothing to check.
func gate(r *gates.Report, name, gate string, skipped Standing) Proof {
	v := r.Gate(gate)
	switch {
	case v == nil:
		return Proof{name, Missing, "the gate did not run"}
	case v.Outcome == gates.Skipped:
		return Proof{name, skipped, v.Text}
	case v.Outcome == gates.Passed:
		return Proof{name, Shown, v.Text}
	}
	return Proof{name, Missing, v.Text}
}

func independence(r *gates.Report) Proof {
	b := &r.Batching
	p := Proof{"batch independence", Missing, b.Text}
	switch {
	case b.Mode == bundle.Single || b.Mode == bundle.RowByRow:
		p.Standing = Apart
	case b.Mode == bundle.Batched && (b.Basis == bundle.Proven || b.Basis == bundle.Tested):
		p.Standing = Shown
	case b.Mode == bundle.Batched:
		if v := r.Gate("invariance"); v != nil && v.Outcome == gates.Passed {
			p.Standing, p.Why = Shown, v.Text
		}
	}
	return p
}

func replay(r *Replayed) Proof {
	p := Proof{"replay", Missing, "nobody says: give what sluice replay --json wrote with --replay"}
	switch {
	case r == nil:
	case r.Replayed > 0 && r.Differ == 0 && r.Failed == 0:
		p.Standing, p.Why = Shown, fmt.Sprintf("%d recorded requests are answered as they were", r.Agree)
	default:
		p.Why = fmt.Sprintf("of %d recorded requests %d are answered otherwise, and %d failed", r.Replayed, r.Differ, r.Failed)
	}
	return p
}

// told is what the history says.
func told(name string, history []roles.Entry, shown func(*roles.Entry) bool, missing string) Proof {
	if history == nil {
		return Proof{name, Apart, "only the history of a gateway says: ask one with --admin"}
	}
	for i := range history {
		if e := &history[i]; shown(e) {
			return Proof{name, Shown, fmt.Sprintf("%s by %s at %s: %s", e.Action, e.Who, e.Time.UTC().Format("2006-01-02T15:04:05Z"), e.Reason)}
		}
	}
	return Proof{name, Missing, missing}
}

// Score rates a version on record, by the live one's name if version is empty.
func (r *Review) Score(_ context.Context, model, version string) (Score, error) {
	versions, err := r.versions(model, version)
	if err != nil {
		return Score{}, err
	}
	at := slices.IndexFunc(versions, func(s models.Status) bool { return version != "" || s.Live })
	if at < 0 || versions[at].Report == nil {
		return Score{}, fault.Newf(fault.Conflict, "'%s' has no live version, or the version has not been read: name one that is loaded", model)
	}
	history, err := r.registry.Roles().History(model, 0)
	if err != nil {
		return Score{}, fmt.Errorf("cannot rate '%s': %w", model, err)
	}
	return Rate(versions[at].Report, append([]roles.Entry{}, history...)), nil
}
