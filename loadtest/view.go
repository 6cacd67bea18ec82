package loadtest

import (
	"fmt"
	"slices"

	"sluice/loadtest/engine"
	"sluice/loadtest/live"
	"sluice/loadtest/result"
	"sluice/loadtest/stats"
)

// View is told what happens while a test goes on. Its methods are called from one goroutine
// at a time, and should return soon.
type View interface {
	// Title says what is done to whom.
	Title(text string)
	// Show is called four times a second while requests are sent.
	Show(s live.Snapshot)
	// Note is a line that stays.
	Note(text string)
}

// silent is the view where there is none.
type silent struct{}

func (silent) Title(string)       {}
func (silent) Show(live.Snapshot) {}
func (silent) Note(string)        {}

// title is the first line of the view.
func (s *shot) title(expression string) string {
	t := s.aims[0].describe()
	text := fmt.Sprintf("%s  seed %d  target %s", expression, s.seed, t.URL)
	if t.Model != "" {
		text += " " + t.Model
	}
	if t.Version != "" {
		text += " v" + t.Version
	}
	if t.PID > 0 {
		text += fmt.Sprintf(" (pid %d)", t.PID)
	}
	return text
}

// snapshot is what the view shows.
func (f *follower) snapshot(s stats.Snapshot, p engine.Progress) live.Snapshot {
	out := live.Snapshot{Snapshot: s, Phase: f.s.phase, Extra: p.Extra, GPU: -1}
	if all := f.w.Series(); len(all) > 0 {
		last := all[len(all)-1]
		out.ToolCores, out.TargetCores, out.RSS = last.Tool.Cores, last.Target.Cores, last.Target.RSS
		if r := last.Rates; r != nil {
			out.GPU = r.GPU
		}
	}
	// A figure that no second has, such as a mean, is known at the end alone.
	if at := slices.IndexFunc(f.s.conditions, result.Condition.BySecond); at >= 0 {
		c := f.s.conditions[at]
		out.Objective, out.Light = c.Text, live.Holds
		if len(result.Aborts([]result.Condition{c}, f.live.Series())) > 0 {
			out.Light = live.Fails
		}
	}
	return out
}
