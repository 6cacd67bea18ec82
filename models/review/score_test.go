package review

import (
	"fmt"
	"strings"
	"testing"

	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/models/roles"
)

// standings are the proofs that passed, and those that apply besides.
func standings(s Score) string {
	var shown, missing []string
	for _, p := range s.Proofs {
		switch p.Standing {
		case Shown:
			shown = append(shown, p.Name)
		case Missing:
			missing = append(missing, p.Name)
		}
		if p.Why == "" {
			return "no reason for " + p.Name
		}
	}
	return fmt.Sprintf("%d of %d: %s; missing %s", s.Passed, s.Of, strings.Join(shown, ", "), strings.Join(missing, ", "))
}

func TestScore(t *testing.T) {
	f := func(what string, got Score, want string) {
		t.Helper()
		if text := standings(got); text != want {
			t.Errorf("%s: %s, want %s", what, text, want)
		}
	}
	bare := &gates.Report{Name: "m", Version: "2", Digest: "d2", Gates: []gates.Verdict{{Gate: "golden", Outcome: gates.Skipped, Text: "none"}, {Gate: "parity", Outcome: gates.Skipped, Text: "one device"}}, Batching: bundle.Batching{Mode: bundle.Single, Text: "whole"}}
	full := &gates.Report{Name: "m", Version: "2", Digest: "d2", Pinned: true, Gates: []gates.Verdict{{Gate: "golden", Outcome: gates.Passed, Text: "all"}, {Gate: "parity", Outcome: gates.Passed, Text: "alike"}}, Batching: bundle.Batching{Mode: bundle.Batched, Basis: bundle.Proven, Text: "by the graph"}}
	f("a folder of bare files", Rate(bare, nil), "0 of 3: ; missing digest pinned, golden, replay")
	f("a folder of proven ones", Rate(full, nil), "4 of 5: digest pinned, golden, batch independence, parity; missing replay")
	history := []roles.Entry{
		{Who: "plan", Action: "rollback", Reason: "score"},
		{Who: "plan", Action: "canary", Share: 0.01, Digest: "d2", Reason: "criteria: 2 criteria PASS"},
		{Who: "plan", Action: "promote", Digest: "d2", Reason: "steps: well"},
	}
	f("a gateway", Rate(full, history), "7 of 8: digest pinned, golden, batch independence, parity, shadow, canary, way back; missing replay")
	f("another version's history", Rate(bare, []roles.Entry{{Who: "plan", Action: "promote", Digest: "d1"}, {Who: "alice", Action: "promote", Digest: "d2"}}), "0 of 6: ; missing digest pinned, golden, replay, shadow, canary, way back")
	f("a canary by hand", Rate(full, []roles.Entry{{Who: "alice", Action: "promote", Digest: "d2", Reason: "ends the canary"}}), "5 of 8: digest pinned, golden, batch independence, parity, canary; missing replay, shadow, way back")
	s := Rate(full, nil)
	s.Replay(&Replayed{Replayed: 3, Agree: 3})
	f("a replay", s, "5 of 5: digest pinned, golden, batch independence, parity, replay; missing ")
	s.Replay(&Replayed{Replayed: 3, Agree: 2, Differ: 1})
	f("a replay that differs", s, "4 of 5: digest pinned, golden, batch independence, parity; missing replay")
}
