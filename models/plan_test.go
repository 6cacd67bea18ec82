package models

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// TestPlan gives versions from new to old, as "3:LOADING"; a trailing ! means that the
// files have not settled, a trailing - that they are gone from disk.
func TestPlan(t *testing.T) {
	f := func(versions string, keep int, load, retire string) {
		t.Helper()
		m := &model{}
		for _, v := range strings.Fields(versions) {
			name, state, _ := strings.Cut(v, ":")
			bare := strings.TrimRight(state, "!-")
			at := slices.Index(stateNames[:], bare)
			m.entries = append(m.entries, &entry{
				bundle: &bundle.Bundle{Version: name}, state: State(at),
				settled: !strings.Contains(state, "!"), onDisk: !strings.Contains(state, "-"),
			})
		}
		names := func(entries []*entry) string {
			var names []string
			for _, e := range entries {
				names = append(names, e.bundle.Version)
			}
			return strings.Join(names, " ")
		}
		loads, retires := plan(m, keep)
		if names(loads) != load || names(retires) != retire {
			t.Errorf("%s: load %q, retire %q; want %q and %q", versions, names(loads), names(retires), load, retire)
		}
		m.unloaded = true
		if loads, retires := plan(m, keep); len(loads) > 0 || len(retires) != strings.Count(versions, "READY") {
			t.Errorf("%s, unloaded: load %q, retire %q", versions, names(loads), names(retires))
		}
	}
	f("", 1, "", "")
	f("1:DISCOVERED", 1, "1", "")
	f("1:DISCOVERED!", 1, "", "")
	f("1:LOADING", 1, "", "")
	f("1:READY", 1, "", "")
	f("2:DISCOVERED 1:DISCOVERED", 1, "2", "")
	f("2:DISCOVERED 1:READY", 1, "2", "")
	f("2:DISCOVERED! 1:READY", 1, "", "")
	f("2:LOADING 1:READY", 1, "", "")
	f("2:READY 1:READY", 1, "", "1")
	f("2:FAILED 1:READY", 1, "", "")
	f("2:FAILED 1:DISCOVERED", 1, "1", "")
	f("2:FAILED 1:FAILED", 1, "", "")
	f("3:DISCOVERED 2:READY 1:READY", 2, "3", "")
	f("3:READY 2:READY 1:READY", 2, "", "1")
	f("3:READY 2:DISCOVERED 1:READY", 2, "2", "")
	f("3:READY 2:FAILED 1:UNLOADED", 2, "1", "")
	f("2:READY- 1:UNLOADED", 1, "1", "")
	f("2:READY- 1:LOADING", 1, "", "")
	f("2:READY- 1:READY", 1, "", "2")
	f("2:READY- 1:FAILED", 1, "", "2")
	f("1:READY-", 1, "", "1")
	f("1:READY!", 1, "", "")
	f("2:DRAINING 1:READY", 1, "", "")
	f("2:UNLOADED 1:READY", 1, "2", "")
}

func TestLookNoticesOtherFiles(t *testing.T) {
	now := time.Now()
	e := &entry{state: Failed, print: "a", loaded: "a", settled: true, since: now}
	e.look("a", "", now.Add(time.Hour))
	if e.state != Failed || !e.settled {
		t.Errorf("unchanged files: %v, settled %v", e.state, e.settled)
	}
	e.look("b", "", now.Add(2*time.Hour))
	if e.state != Discovered || e.settled || e.since != now.Add(2*time.Hour) {
		t.Errorf("changed files: %v, settled %v, since %v", e.state, e.settled, e.since)
	}
	kept := &gates.Report{}
	e = &entry{state: Failed, print: "a", loaded: "a", shared: "x", applied: "x", settled: true, report: kept}
	e.look("a", "y", now)
	if e.state != Discovered || e.settled || e.report != kept {
		t.Errorf("other settings of the model: %v, settled %v, report %v", e.state, e.settled, e.report)
	}
	e = &entry{state: Ready, print: "a", loaded: "a", settled: true}
	e.look("b", "", now)
	if e.state != Ready {
		t.Errorf("files changed under a loaded version: %v", e.state)
	}
}
