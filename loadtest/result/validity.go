package result

import "fmt"

// Facts are what decides whether a run's figures are about the target at all, or about the
// load tester and the machine that it runs on. Zero says "nothing amiss", so what is not
// known is left out.
type Facts struct {
	// Closed is a closed loop: there is no schedule to be late for.
	Closed bool
	// PacerLag and Response are 99th percentiles in ms, of however few samples.
	PacerLag float64
	Response float64
	// Scheduled counts requests; Missed those of them that were not sent within the window
	// because the tool itself came too late. Requests that waited for a connection or were
	// refused one are the target's doing and not among them.
	Scheduled int64
	Missed    int64
	// PacerCores is what the sending thread used, SpinCores the part of it in which it
	// looked at the clock and had nothing to do.
	PacerCores float64
	SpinCores  float64
	// RunQueueP99 is the 99th percentile of the thread's wait for a core, in ms.
	RunQueueP99 float64
	// Steal is the part of the host's CPU time that the hypervisor took.
	Steal float64
	// Restarted says that the target's process was another one at the end than at the start.
	Restarted bool
	// Short are quantiles that were asked for and that the run is too short for.
	Short []Shortage
}

// The limits of Judge.
const (
	maxPacerLag     = 0.2  // ms
	maxPacerShare   = 0.1  // of the response p99
	maxMissed       = 0.01 // of what was scheduled
	maxPacerCores   = 0.8
	maxRunQueueWait = 1.0 // ms
	maxSteal        = 0.02
	thread          = "the sending thread"
)

// Judge applies the rules under which a run is INVALID.
//
// No rule alone finds a tool that is too slow. The pacer's lag shows late sends, and nothing
// of answers that lie in the kernel until the one thread has time for them: these make the
// target look slow, and only the thread's CPU time and its wait for a core tell. The lag is
// the sharper rule while the thread sleeps between requests: a thread that is woken late, by
// a busy machine or by the hypervisor, uses little CPU and is late all the same.
//
// CPU time is evidence only where it is work. A thread that looks at the clock without sleeping
// before each request uses most of a core at a few thousand requests per second and is in no
// difficulty: an answer that comes meanwhile is read at once. What it spends so is subtracted.
// What remains above 0.8 of a core is a queue of its own (a server at that load keeps each
// request for several service times) and would be added to the target's latency.
func Judge(f Facts) Validity {
	var reasons []string
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	if limit := max(maxPacerLag, maxPacerShare*f.Response); !f.Closed && f.PacerLag > limit {
		of := "the least that is asked for"
		if limit > maxPacerLag {
			of = "a tenth of the response p99 of " + Milliseconds(f.Response)
		}
		add("the load tester was late by %s at p99, more than %s (%s): give it a core of its own, or lower the rate",
			milliseconds(f.PacerLag, 4), milliseconds(limit, 4), of)
	}
	if !f.Closed && float64(f.Missed) > maxMissed*float64(f.Scheduled) {
		add("the load tester itself came too late for %s of %s requests, more than %s: give it more CPU, or lower the rate",
			Thousands(f.Missed), Thousands(f.Scheduled), Percent(maxMissed))
	}
	if work := f.PacerCores - f.SpinCores; work > maxPacerCores {
		add("%s worked for %s of a core, more than %s, so that answers waited for it: lower the rate, or spread the load over several load testers",
			thread, significant(work, 3), significant(maxPacerCores, 3))
	}
	if f.RunQueueP99 > maxRunQueueWait {
		add("%s waited for a core for %s at p99, more than %s: stop what else runs on this machine, or give the load tester a core of its own",
			thread, milliseconds(f.RunQueueP99, 4), Milliseconds(maxRunQueueWait))
	}
	if f.Steal > maxSteal {
		add("the hypervisor took %s of this machine's CPU time, more than %s: use a machine whose cores are its own, or repeat at a quieter time", percent(f.Steal, 3), Percent(maxSteal))
	}
	if f.Restarted {
		add("the target's process ended and another one took its place, so the figures are of two servers: see its log, and repeat")
	}
	for _, s := range f.Short {
		add("%s of %s requests is no figure, it needs %s: run for longer, or bound a lower percentile", s.Name, Thousands(s.N), Thousands(s.Need))
	}
	return Validity{Valid: len(reasons) == 0, Reasons: reasons}
}
